"""The LSTM of :mod:`elmo_cli.model.lstm` on a CPU where nobody wants a gradient.

Training keeps gates and cells of all positions for its backward, about 10 H floats for each. Here they live for a few
steps, in memory that stays the same: a large array that is new every time costs a CPU up to a third of the time of its
products.
"""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from elmo_cli.config import LstmConfig
from elmo_cli.kernels.lstm_cell import cell_forward
from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.model.inference_weights import InferenceWeights, LayerWeights, prepare_weights
from elmo_cli.model.input_gates import gates_by_step
from elmo_cli.model.step_memory import front

_Key = tuple[object, ...]
_PREPARED: WeakKeyDictionary[nn.Module, tuple[_Key, InferenceWeights]] = WeakKeyDictionary()


def run_layer(
    layer: nn.Module,
    weights: LayerWeights,
    config: LstmConfig,
    precision: str,
    inputs: Tensor | DistinctTokens,
    cell_GBH: Tensor,
    output_GBD: Tensor,
    batch_sizes: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor]:
    """What :meth:`elmo_cli.model.lstm.LstmLayer.forward` gives, without gradient.

    Args:
        layer: Whose weights these are. What is prepared of them is kept for it until they change.
        weights: The weights.
        config: Sizes and clips.
        precision: Of products: one of :data:`elmo_cli.config.INFERENCE_PRECISIONS` that CPUs have.
        inputs: Packed inputs (G, N, I), or token vectors by type, each direction in its own reading order.
        cell_GBH: Memory cells at the start.
        output_GBD: Outputs at the start.
        batch_sizes: Sequences still going at each step, never rising.
    """
    ready = _prepared(layer, weights, precision, batch_sizes)
    wide = cell_GBH.shape[2]
    cell, output = cell_GBH.detach().clone(), output_GBD.detach().clone()
    outputs_GND = output.new_empty(2, sum(batch_sizes), output_GBD.shape[2])
    hidden_room = cell.new_empty(cell.shape)
    done = 0
    for size, gates_GB4H in zip(batch_sizes, gates_by_step(ready, inputs, batch_sizes), strict=True):
        going_GBH = cell[:, :size]
        hidden_GBH = front(hidden_room, size, wide)
        ready.recur(output[:, :size], gates_GB4H)
        cell_forward(gates_GB4H, going_GBH, None, config.cell_clip, going_GBH, hidden_GBH)
        new_GBD = ready.project(hidden_GBH)
        if config.projected and config.projection_clip is not None:
            new_GBD.clamp_(-config.projection_clip, config.projection_clip)
        output[:, :size] = new_GBD
        outputs_GND[:, done : done + size] = new_GBD
        done += size
    return outputs_GND, cell, output


def _prepared(layer: nn.Module, weights: LayerWeights, precision: str, batch_sizes: Sequence[int]) -> InferenceWeights:
    key = (precision, *(_state(part) for part in weights if part is not None))
    kept = _PREPARED.get(layer)
    if kept is not None and kept[0] == key:
        return kept[1]
    ready = prepare_weights(weights, precision, batch_sizes)
    if ready.worth_keeping:
        _PREPARED[layer] = (key, ready)
    return ready


def _state(weight: Tensor) -> tuple[int, int]:
    """Changes whenever the values do."""
    return weight.data_ptr(), 0 if weight.is_inference() else weight._version
