"""The LSTM's steps for a GPU: few launches, fixed places in memory, and in bf16 half the traffic.

The same operation as :mod:`elmo_cli.model.lstm`, of which it is another order. What the gates' product reads, inputs
and recurring outputs side by side, lies in one array, so that the kernel's gradient is one product. A step is a
product, the cell's kernel, the projection's product, and the outputs' kernel. Both directions are one batched product.
Nothing waits for the device and no shape depends on values, so the whole can be captured in a CUDA graph.

In bf16, gates, hidden values and what products read are stored in bfloat16; cells, outputs, state and every sum over
steps are float32.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from elmo_cli.kernels.choice import step_kernels
from elmo_cli.model.precision import current_precision, product


class FusedLstm(torch.autograd.Function):
    """Both directions of a layer; arguments and results are those of :class:`elmo_cli.model.lstm.LstmLayer`."""

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
        """Runs the layer."""
        kernels, precision = step_kernels(inputs_GNI.device), current_precision()
        narrow = _narrow(precision, inputs_GNI.dtype)
        directions, positions, num_inputs = inputs_GNI.shape
        rows, wide, width = batch_sizes[0], cell_GBH.shape[2], output_GBD.shape[2]
        spans = _spans(batch_sizes)
        weights, project = kernel.to(narrow), projection.to(narrow) if projection is not None else None
        bias_G4H = bias.clone()
        bias_G4H[:, 2 * wide : 3 * wide] += 1.0

        read_GNX = inputs_GNI.new_empty(directions, positions, num_inputs + width, dtype=narrow)
        read_GNX[:, :, :num_inputs] = inputs_GNI
        recurring_GND = read_GNX[:, :, num_inputs:]
        first = output_GBD if keep_N is None else output_GBD * keep_N[:rows].unsqueeze(1)
        recurring_GND[:, :rows] = first if mask_GBD is None else first * mask_GBD
        gates_GN4H = torch.bmm(read_GNX[:, :, :num_inputs], weights[:, :num_inputs])
        cells_GNH = inputs_GNI.new_empty(directions, positions, wide)
        outputs_GND = inputs_GNI.new_empty(directions, positions, width)
        hidden_GBH = gates_GN4H.new_empty(cell_GBH.shape, dtype=narrow if project is not None else inputs_GNI.dtype)
        old_cell = cell_GBH
        for t, span in enumerate(spans):
            size = batch_sizes[t]
            gates, hidden = gates_GN4H[:, span], hidden_GBH[:, :size]
            torch.baddbmm(gates, recurring_GND[:, span], weights[:, num_inputs:], out=gates)
            keep_B = keep_N[span] if keep_N is not None else None
            kernels.cell_forward(gates, old_cell[:, :size], keep_B, cell_clip, cells_GNH[:, span], hidden, bias_G4H)
            projected = hidden if project is None else product(hidden, project, precision)
            after = spans[t + 1] if t + 1 < len(spans) else None
            kernels.output_forward(
                projected,
                output_clip,
                outputs_GND[:, span],
                keep_N[after] if keep_N is not None and after is not None else None,
                mask_GBD,
                recurring_GND[:, after] if after is not None else None,
            )
            old_cell = cells_GNH[:, span]
        ctx.save_for_backward(
            read_GNX, weights, project, cell_GBH, keep_N, mask_GBD, gates_GN4H, cells_GNH, outputs_GND
        )
        ctx.batch_sizes, ctx.cell_clip, ctx.output_clip = batch_sizes, cell_clip, output_clip
        ctx.precision, ctx.kernels = precision, kernels
        return outputs_GND, _last(cells_GNH, batch_sizes), _last(outputs_GND, batch_sizes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs_GND: Tensor, grad_cell: Tensor, grad_output: Tensor) -> tuple[Any, ...]:
        """Walks back over the steps, then takes every weight's gradient in one product."""
        read_GNX, weights, project, first_cell, keep_N, mask_GBD, gates_GN4H, cells_GNH, outputs_GND = ctx.saved_tensors
        batch_sizes, precision, kernels = ctx.batch_sizes, ctx.precision, ctx.kernels
        spans, num_inputs = _spans(batch_sizes), weights.shape[1] - outputs_GND.shape[2]
        narrow = gates_GN4H.dtype
        recurrent_T = weights[:, num_inputs:].transpose(1, 2)
        grad_cell = grad_cell.clone(memory_format=torch.contiguous_format)
        grad_outputs = grad_outputs_GND.clone(memory_format=torch.contiguous_format)
        for rows, places in _endings(batch_sizes):
            grad_outputs[:, places] += grad_output[:, rows]
        grad_gates_GN4H = torch.empty_like(gates_GN4H)
        # Without a projection the hidden values are the outputs, and there is no product to be narrow for.
        projected_type = narrow if project is not None else grad_outputs.dtype
        grad_projected_GND = torch.empty_like(grad_outputs, dtype=projected_type)
        hidden_GNH = torch.empty_like(cells_GNH, dtype=projected_type)
        grad_recurring, keep_after = None, None
        for t in range(len(spans) - 1, -1, -1):
            span, size = spans[t], batch_sizes[t]
            old_cell = first_cell if t == 0 else cells_GNH[:, spans[t - 1]]
            keep_B = keep_N[span] if keep_N is not None else None
            kernels.output_backward(
                grad_outputs[:, span],
                grad_recurring,
                keep_after,
                mask_GBD,
                outputs_GND[:, span],
                ctx.output_clip,
                grad_projected_GND[:, span],
            )
            grad_hidden = grad_projected_GND[:, span]
            if project is not None:
                grad_hidden = torch.bmm(grad_hidden, project.transpose(1, 2))
            kernels.cell_backward(
                gates_GN4H[:, span],
                old_cell[:, :size],
                cells_GNH[:, span],
                keep_B,
                ctx.cell_clip,
                grad_hidden,
                grad_cell[:, :size],
                grad_gates_GN4H[:, span],
                hidden_GNH[:, span],
            )
            grad_recurring, keep_after = product(grad_gates_GN4H[:, span], recurrent_T, precision), keep_B

        assert grad_recurring is not None
        if keep_after is not None:
            grad_recurring = grad_recurring * keep_after.unsqueeze(1)
        if mask_GBD is not None:
            grad_recurring = grad_recurring * mask_GBD
        grad_inputs = None
        if ctx.needs_input_grad[0]:
            grad_inputs = product(grad_gates_GN4H, weights[:, :num_inputs].transpose(1, 2), precision)
        grad_kernel = product(read_GNX.transpose(1, 2), grad_gates_GN4H, precision)
        grad_projection = None
        if project is not None:
            grad_projection = product(hidden_GNH.transpose(1, 2), grad_projected_GND, precision)
        grad_bias = grad_gates_GN4H.sum(1, dtype=grad_outputs.dtype)
        return grad_inputs, grad_kernel, grad_bias, grad_projection, grad_cell, grad_recurring, *[None] * 5


def _narrow(precision: str, wide: torch.dtype) -> torch.dtype:
    return torch.bfloat16 if precision == "bf16" and wide == torch.float32 else wide


def _spans(batch_sizes: tuple[int, ...]) -> list[slice]:
    """Where each step's positions lie."""
    spans, begin = [], 0
    for size in batch_sizes:
        spans.append(slice(begin, begin + size))
        begin += size
    return spans


def _endings(batch_sizes: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Rows that end together, the last rows first, and the positions of their last step."""
    for span, size, after in zip(_spans(batch_sizes), batch_sizes, (*batch_sizes[1:], 0), strict=True):
        if after < size:
            yield slice(after, size), slice(span.start + after, span.stop)


def _last(values_GNX: Tensor, batch_sizes: tuple[int, ...]) -> Tensor:
    """Each row's value at its last step, (G, B, X)."""
    return torch.cat([values_GNX[:, places] for _, places in reversed(list(_endings(batch_sizes)))], dim=1)
