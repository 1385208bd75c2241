"""LSTM with projection and clips, both directions together, as one operation with its own backward.

The cell is bilm-tf's (TensorFlow's LSTMCell, Sak et al. 2014 without peepholes). With gate blocks i, j, f, o of
``x W + m_prev R + b``::

    c = clip(sigmoid(f + 1) * c_prev + sigmoid(i) * tanh(j))
    m = clip((sigmoid(o) * tanh(c)) P)

Sequences travel packed, as torch's PackedSequence does: sorted by falling length, step after step, step t holding the
``batch_sizes[t]`` sequences that are still going, so that no padding is ever computed. N is the sum of the lengths.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from elmo_cli.config import LstmConfig
from elmo_cli.kernels.choice import steps_are_fused
from elmo_cli.kernels.lstm_cell import cell_backward, cell_forward, clamp_backward
from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.model.inference_weights import LayerWeights
from elmo_cli.model.large_pages import empty
from elmo_cli.model.lstm_fused import FusedLstm
from elmo_cli.model.lstm_inference import run_layer
from elmo_cli.model.precision import current_precision, operand, product
from elmo_cli.model.recurrent_product import RecurrentProduct
from elmo_cli.model.spaced_rows import empty_spaced
from elmo_cli.model.step_memory import by_step, front, runs_of_steps

READ_TOGETHER = 2048
"""Positions whose inputs training multiplies at once, at most; each takes 8 H numbers."""


class LstmState(NamedTuple):
    """Memory cells (layers, G, B, H) and outputs (layers, G, B, D) of every layer.

    The output is what recurs: after projection and clip, before the residual is added.
    """

    cell: Tensor
    output: Tensor

    @classmethod
    def zeros(cls, config: LstmConfig, rows: int, *, like: Tensor) -> "LstmState":
        """The state before anything was read, on the device and in the type of ``like``."""
        return cls(
            like.new_zeros(config.layers, 2, rows, config.cell_dim),
            like.new_zeros(config.layers, 2, rows, config.projection_dim),
        )

    def to_arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """A state of one row as it is recorded: float32 (layers, G, H) and (layers, G, D)."""
        cell, output = (part.detach().squeeze(2).to("cpu", torch.float32).numpy() for part in self)
        return cell, output

    def expand(self, rows: int) -> "LstmState":
        """A state of one row, repeated for many."""
        return LstmState(*(part.expand(-1, -1, rows, -1).contiguous() for part in self))


class LstmLayer(nn.Module):
    """One layer of both directions.

    Parameters keep the published orientation, the directions stacked in front: ``kernel`` (G, I + D, 4H) with the
    input rows above the recurrent ones and column blocks i, j, f, o; ``bias`` (G, 4H) without the forget gate's 1;
    ``projection`` (G, H, D), absent where H equals D.

    Args:
        input_dim: I, the width of what the layer reads.
        config: Sizes and clips.
    """

    def __init__(self, input_dim: int, config: LstmConfig) -> None:
        super().__init__()
        self.config = config
        wide, narrow = config.cell_dim, config.projection_dim
        self.kernel = nn.Parameter(empty(2, input_dim + narrow, 4 * wide))
        self.bias = nn.Parameter(torch.empty(2, 4 * wide))
        self.projection = nn.Parameter(empty(2, wide, narrow)) if config.projected else None

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Glorot uniform over each direction's whole matrix, as TensorFlow does by default; biases 0."""
        with torch.no_grad():
            for matrix in (self.kernel, self.projection):
                if matrix is not None:
                    limit = (6 / (matrix.shape[1] + matrix.shape[2])) ** 0.5
                    matrix.uniform_(-limit, limit, generator=generator)
            self.bias.zero_()

    def forward(
        self,
        inputs: Tensor | DistinctTokens,
        cell_GBH: Tensor,
        output_GBD: Tensor,
        batch_sizes: Sequence[int],
        keep_N: Tensor | None = None,
        recurrent_mask_GBD: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Runs the layer over packed sequences.

        Args:
            inputs: Packed inputs (G, N, I), or token vectors by type, each direction in its own reading order.
            cell_GBH: Memory cells at the start, B = ``batch_sizes[0]``.
            output_GBD: Outputs at the start.
            batch_sizes: Sequences still going at each step, never rising.
            keep_N: 1, or 0 at positions before which the state is put back to zero; None for all 1.
            recurrent_mask_GBD: What each sequence's previous output is multiplied by where it recurs, the same at
                every step (variational dropout, Gal and Ghahramani 2016); None for all 1.

        Returns:
            Outputs (G, N, D), and each sequence's cell (G, B, H) and output (G, B, D) after its last step.
        """
        read = inputs.vectors_UD if isinstance(inputs, DistinctTokens) else inputs
        if keep_N is None and recurrent_mask_GBD is None and self._serves(read, cell_GBH, output_GBD):
            weights, precision = LayerWeights(self.kernel, self.bias, self.projection), current_precision()
            return run_layer(self, weights, self.config, precision, inputs, cell_GBH, output_GBD, batch_sizes)
        inputs_GNI = inputs.spread() if isinstance(inputs, DistinctTokens) else inputs
        limit = self.config.projection_clip if self.config.projected else None
        form = FusedLstm if steps_are_fused(inputs_GNI.device) else _LstmFunction
        return form.apply(
            inputs_GNI,
            self.kernel,
            self.bias,
            self.projection,
            cell_GBH,
            output_GBD,
            tuple(batch_sizes),
            keep_N,
            recurrent_mask_GBD,
            self.config.cell_clip,
            limit,
        )

    def _serves(self, *inputs: Tensor) -> bool:
        """Whether nobody wants a gradient, and a CPU computes."""
        # Not parameters(): a replica of DataParallel has its weights as plain tensors.
        read = [part for part in (*inputs, self.kernel, self.bias, self.projection) if part is not None]
        wanted = torch.is_grad_enabled() and any(part.requires_grad for part in read)
        return not wanted and self.kernel.device.type == "cpu"


class _LstmFunction(torch.autograd.Function):
    """The forward keeps gates, cells and outputs; the backward walks back over them without an autograd tape.

    Products over all steps at once: the inputs' half of the gates before the loop, and every weight gradient after it.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs_GNI: Tensor,
        kernel: Tensor,
        bias: Tensor,
        projection: Tensor | None,
        cell_GBH: Tensor,
        output_GBD: Tensor,
        batch_sizes: tuple[int, ...],
        keep_N: Tensor | None,
        mask_GBD: Tensor | None,
        cell_clip: float | None,
        output_clip: float | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        positions, num_inputs = inputs_GNI.shape[1:]
        wide, narrow = kernel.shape[2] // 4, output_GBD.shape[2]
        precision = current_precision()
        recurrent = RecurrentProduct(kernel[:, num_inputs:], batch_sizes, precision)
        project = operand(projection, precision) if projection is not None else None
        forget_one = bias.clone()
        forget_one[:, 2 * wide : 3 * wide] += 1.0
        gates_all = inputs_GNI.new_empty(2 * positions * 4 * wide)
        cells_GNH = inputs_GNI.new_empty(2, positions, wide)
        outputs_GND = inputs_GNI.new_empty(2, positions, narrow)
        hidden_room, projected_room = cell_GBH.new_empty(cell_GBH.shape), output_GBD.new_empty(output_GBD.shape)
        recurring_GBD = torch.empty_like(output_GBD)
        cell, output = torch.empty_like(cell_GBH), torch.empty_like(output_GBD)
        old_cell, old_output = cell_GBH, output_GBD
        read = _inputs_by_step(inputs_GNI, kernel[:, :num_inputs], batch_sizes, precision)
        begin = 0
        for size, next_size, gates, read_GB4H in zip(
            batch_sizes, (*batch_sizes[1:], 0), by_step(gates_all, batch_sizes, 4 * wide), read, strict=True
        ):
            span = slice(begin, begin + size)
            new_cell, new_output = cells_GNH[:, span], outputs_GND[:, span]
            keep_B = keep_N[span] if keep_N is not None else None
            recurring = _scaled(old_output[:, :size], keep_B, mask_GBD, recurring_GBD[:, :size])
            torch.add(read_GB4H, forget_one.unsqueeze(1), out=gates)
            recurrent.add_to(gates, recurring)
            hidden = new_output if project is None else front(hidden_room, size, wide)
            cell_forward(gates, old_cell[:, :size], keep_B, cell_clip, new_cell, hidden)
            if project is not None:
                new_output.copy_(product(hidden, project, precision, out=front(projected_room, size, narrow)))
            if output_clip is not None:
                new_output.clamp_(-output_clip, output_clip)
            cell[:, next_size:size], output[:, next_size:size] = new_cell[:, next_size:], new_output[:, next_size:]
            old_cell, old_output = new_cell, new_output
            begin += size
        ctx.save_for_backward(
            inputs_GNI, kernel, projection, cell_GBH, output_GBD, keep_N, mask_GBD, gates_all, cells_GNH, outputs_GND
        )
        ctx.batch_sizes, ctx.cell_clip, ctx.output_clip, ctx.precision = batch_sizes, cell_clip, output_clip, precision
        return outputs_GND, cell, output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs_GND: Tensor, grad_cell: Tensor, grad_output: Tensor) -> tuple[Any, ...]:
        inputs, kernel, projection, first_cell, first_output, keep_N, mask_GBD = ctx.saved_tensors[:7]
        gates_all, cells_all, outputs_all = ctx.saved_tensors[7:]
        positions, num_inputs = inputs.shape[1:]
        precision, wide = ctx.precision, first_cell.shape[2]
        recurrent = operand(kernel[:, num_inputs:], precision)
        project_T = operand(projection, precision).transpose(1, 2) if projection is not None else None
        # Gradients with respect to the state that the next step (of the reversed walk) will see.
        grad_cell, grad_output = grad_cell.clone(), grad_output.clone()
        # oneDNN rounds what has gaps to bfloat16 slowly.
        new_gates = inputs.new_empty if precision == "bf16" else partial(empty_spaced, like=inputs)
        grad_gates_all = new_gates(2, positions, 4 * wide)
        grad_projected_all = grad_outputs_GND.clone(memory_format=torch.contiguous_format)
        grad_hidden_room = first_cell.new_empty(first_cell.shape)
        grad_read_room = first_output.new_empty(first_output.shape)
        hidden_all = torch.empty_like(cells_all)
        # What the gates' product read, inputs and recurring outputs side by side: the kernel's gradient is one product.
        read_GNX = inputs.new_empty(2, positions, kernel.shape[1])
        read_GNX[:, :, :num_inputs] = inputs
        gates_by_step = by_step(gates_all, ctx.batch_sizes, 4 * wide)
        ends = torch.tensor(ctx.batch_sizes).cumsum(0).tolist()
        for t in range(len(ends) - 1, -1, -1):
            size = ctx.batch_sizes[t]
            span = slice(ends[t] - size, ends[t])
            output = outputs_all[:, span]
            if t == 0:
                old_cell, old_output = first_cell[:, :size], first_output[:, :size]
            else:
                before = slice(span.start - ctx.batch_sizes[t - 1], span.start - ctx.batch_sizes[t - 1] + size)
                old_cell, old_output = cells_all[:, before], outputs_all[:, before]
            keep_B = keep_N[span] if keep_N is not None else None
            _scaled(old_output, keep_B, mask_GBD, read_GNX[:, span, num_inputs:], copy=True)

            grad_m = grad_projected_all[:, span]
            grad_m += grad_output[:, :size]
            if ctx.output_clip is not None:
                clamp_backward(grad_m, output, ctx.output_clip)
            grad_hidden = grad_m
            if project_T is not None:
                grad_hidden = product(grad_m, project_T, precision, out=front(grad_hidden_room, size, wide))

            cell_backward(
                gates_by_step[t],
                old_cell,
                cells_all[:, span],
                keep_B,
                ctx.cell_clip,
                grad_hidden,
                grad_cell[:, :size],
                grad_gates_all[:, span],
                hidden_all[:, span],
            )
            grad_read = _times_transposed(grad_gates_all[:, span], recurrent, precision, grad_read_room)
            _scaled(grad_read, keep_B, mask_GBD, grad_output[:, :size], copy=True)

        grad_inputs = None
        if ctx.needs_input_grad[0]:
            grad_inputs = product(grad_gates_all, kernel[:, :num_inputs].transpose(1, 2), precision)
        grad_kernel = product(read_GNX.transpose(1, 2), grad_gates_all, precision)
        grad_projection = None
        if projection is not None:
            grad_projection = product(hidden_all.transpose(1, 2), grad_projected_all, precision)
        grad_bias = grad_gates_all.sum(1)
        return grad_inputs, grad_kernel, grad_bias, grad_projection, grad_cell, grad_output, *[None] * 5


def _inputs_by_step(
    inputs_GNI: Tensor, weights: Tensor, batch_sizes: Sequence[int], precision: str
) -> Iterator[Tensor]:
    """The inputs' products (G, B, 4H) of one step after the other; later ones take their place."""
    runs = list(runs_of_steps(batch_sizes, sys.maxsize, READ_TOGETHER))
    columns = weights.shape[2]
    room = inputs_GNI.new_empty(2 * max(map(sum, runs)) * columns)
    begin = 0
    for sizes in runs:
        span = slice(begin, begin + sum(sizes))
        gates_GN4H = front(room, sum(sizes), columns)
        product(inputs_GNI[:, span], weights, precision, out=gates_GN4H)
        yield from gates_GN4H.split(sizes, dim=1)
        begin = span.stop


def _times_transposed(a_GBX: Tensor, matrix_GYX: Tensor, precision: str, room: Tensor) -> Tensor:
    """``a @ matrix.T`` (G, B, Y), in ``room`` if possible.

    In float32 computed as ``matrix @ a.T``, which reads a large matrix along its rows.
    """
    rows, columns = a_GBX.shape[1], matrix_GYX.shape[1]
    if matrix_GYX.dtype == torch.bfloat16:
        return product(a_GBX, matrix_GYX.transpose(1, 2), precision, out=front(room, rows, columns))
    turned_GYB = product(matrix_GYX, a_GBX.transpose(1, 2), precision, out=front(room, columns, rows))
    return turned_GYB.transpose(1, 2)


def _scaled(
    values_GBD: Tensor, keep_B: Tensor | None, mask_GBD: Tensor | None, out_GBD: Tensor, *, copy: bool = False
) -> Tensor:
    """Values times both factors, in ``out_GBD``; where there is none, the values themselves, or on request a copy."""
    if keep_B is not None:
        values_GBD = torch.mul(values_GBD, keep_B.unsqueeze(1), out=out_GBD)
    if mask_GBD is not None:
        values_GBD = torch.mul(values_GBD, mask_GBD[:, : out_GBD.shape[1]], out=out_GBD)
    return out_GBD.copy_(values_GBD) if copy and values_GBD is not out_GBD else values_GBD
