"""The LSTM of :mod:`elmo_cli.model.lstm` on a CPU where nobody wants a gradient.

Training keeps gates and cells of all positions for its backward, about 10 H floats for each. Here they live for a few
steps, in memory that stays the same: a large array that is new every time costs a CPU up to a third of the time of its
products. The inputs' half of the gates is computed for one step, or for several where few sequences are left, because
a product of few rows takes nearly as long as one of many.
"""

from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from elmo_cli.config import LstmConfig
from elmo_cli.kernels.lstm_cell import cell_forward
from elmo_cli.model.inference_weights import InferenceWeights, LayerWeights, prepare_weights
from elmo_cli.model.large_pages import empty

_Key = tuple[object, ...]
_PREPARED: WeakKeyDictionary[nn.Module, tuple[_Key, InferenceWeights]] = WeakKeyDictionary()


def run_layer(
    layer: nn.Module,
    weights: LayerWeights,
    config: LstmConfig,
    precision: str,
    inputs_GNI: Tensor,
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
        inputs_GNI: Packed inputs, each direction in its own reading order.
        cell_GBH: Memory cells at the start.
        output_GBD: Outputs at the start.
        batch_sizes: Sequences still going at each step, never rising.
    """
    ready = _prepared(layer, weights, precision)
    wide, blocks = cell_GBH.shape[2], list(_blocks(batch_sizes, ready.few_rows, ready.together))
    outputs_GND = inputs_GNI.new_empty(2, inputs_GNI.shape[1], output_GBD.shape[2])
    cell, output = cell_GBH.detach().clone(), output_GBD.detach().clone()
    gates_room = empty(max((sum(sizes) for sizes in blocks), default=0) * 8 * wide).to(inputs_GNI.dtype)
    hidden_room = inputs_GNI.new_empty(cell.numel())
    begin = 0
    for sizes in blocks:
        together = sum(sizes)
        # Contiguous, as the batched product wants it; of several steps, each one's part is not.
        gates_GN4H = gates_room[: together * 8 * wide].view(2, together, 4 * wide)
        ready.read(inputs_GNI[:, begin : begin + together], gates_GN4H)
        done = 0
        for size in sizes:
            gates_GB4H, going_GBH = gates_GN4H[:, done : done + size], cell[:, :size]
            hidden_GBH = hidden_room[: 2 * size * wide].view(2, size, wide)
            ready.recur(output[:, :size], gates_GB4H)
            cell_forward(gates_GB4H, going_GBH, None, config.cell_clip, going_GBH, hidden_GBH)
            new_GBD = ready.project(hidden_GBH)
            if config.projected and config.projection_clip is not None:
                new_GBD.clamp_(-config.projection_clip, config.projection_clip)
            output[:, :size] = new_GBD
            outputs_GND[:, begin + done : begin + done + size] = new_GBD
            done += size
        begin += together
    return outputs_GND, cell, output


def _blocks(batch_sizes: Sequence[int], few_rows: int, together: int) -> Iterator[list[int]]:
    """Runs of steps whose inputs are read together.

    Example:
        >>> list(_blocks([300, 250, 250, 240, 60, 3], few_rows=256, together=640))
        [[300], [250, 250], [240, 60, 3]]
    """
    block: list[int] = []
    for size in batch_sizes:
        if block and (block[0] >= few_rows or sum(block) + size > together):
            yield block
            block = []
        block.append(size)
    if block:
        yield block


def _prepared(layer: nn.Module, weights: LayerWeights, precision: str) -> InferenceWeights:
    if precision == "fp32":
        return prepare_weights(weights, precision)  # takes nothing but the sum of a bias
    key = (precision, *(_state(part) for part in weights if part is not None))
    kept = _PREPARED.get(layer)
    if kept is None or kept[0] != key:
        kept = _PREPARED[layer] = (key, prepare_weights(weights, precision))
    return kept[1]


def _state(weight: Tensor) -> tuple[int, int]:
    """Changes whenever the values do."""
    return weight.data_ptr(), 0 if weight.is_inference() else weight._version
