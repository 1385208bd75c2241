""":mod:`elmo_cli.kernels.lstm_cell` as Triton kernels, each in one pass over memory.

A program handles a stretch of one row of one direction. Everything is computed in the type of the cells, whatever type
values are stored in.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from elmo_cli.kernels.rows import grid, rows, stretch


def cell_forward(
    gates_GB4H: Tensor,
    old_cell_GBH: Tensor,
    keep_B: Tensor | None,
    clip: float | None,
    cell_GBH: Tensor,
    hidden_GBH: Tensor,
    bias_G4H: Tensor | None = None,
) -> None:
    """See :func:`elmo_cli.kernels.lstm_cell.cell_forward`."""
    bias = bias_G4H if bias_G4H is not None else gates_GB4H
    with torch.cuda.device_of(cell_GBH):
        _cell_forward[grid(cell_GBH)](
            *rows(gates_GB4H),
            *rows(old_cell_GBH),
            *rows(cell_GBH),
            *rows(hidden_GBH),
            bias,
            bias.stride(0),
            keep_B if keep_B is not None else cell_GBH,
            cell_GBH.shape[2],
            CLIP=clip,
            HAS_BIAS=bias_G4H is not None,
            HAS_KEEP=keep_B is not None,
            STRETCH=stretch(cell_GBH),
            enable_fp_fusion=True,
        )


def cell_backward(
    gates_GB4H: Tensor,
    old_cell_GBH: Tensor,
    cell_GBH: Tensor,
    keep_B: Tensor | None,
    clip: float | None,
    grad_hidden_GBH: Tensor,
    grad_cell_GBH: Tensor,
    grad_gates_GB4H: Tensor,
    hidden_GBH: Tensor,
) -> None:
    """See :func:`elmo_cli.kernels.lstm_cell.cell_backward`."""
    with torch.cuda.device_of(cell_GBH):
        _cell_backward[grid(cell_GBH)](
            *rows(gates_GB4H),
            *rows(old_cell_GBH),
            *rows(cell_GBH),
            *rows(grad_hidden_GBH),
            *rows(grad_cell_GBH),
            *rows(grad_gates_GB4H),
            *rows(hidden_GBH),
            keep_B if keep_B is not None else cell_GBH,
            cell_GBH.shape[2],
            CLIP=clip,
            HAS_KEEP=keep_B is not None,
            STRETCH=stretch(cell_GBH),
            enable_fp_fusion=True,
        )


@triton.jit
def _sigmoid(x: tl.tensor) -> tl.tensor:
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def _tanh(x: tl.tensor) -> tl.tensor:
    e = tl.exp(-2.0 * tl.abs(x))
    t = (1.0 - e) / (1.0 + e)
    return tl.where(x < 0, -t, t)


@triton.jit
def _cell_forward(
    gates: tl.tensor,
    gates_g: tl.tensor,
    gates_b: tl.tensor,
    old_cell: tl.tensor,
    old_cell_g: tl.tensor,
    old_cell_b: tl.tensor,
    cell: tl.tensor,
    cell_g: tl.tensor,
    cell_b: tl.tensor,
    hidden: tl.tensor,
    hidden_g: tl.tensor,
    hidden_b: tl.tensor,
    bias: tl.tensor,
    bias_g: tl.tensor,
    keep: tl.tensor,
    width: tl.tensor,
    CLIP: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    HAS_KEEP: tl.constexpr,
    STRETCH: tl.constexpr,
) -> None:
    row, direction = tl.program_id(0).to(tl.int64), tl.program_id(2).to(tl.int64)
    at = tl.program_id(1) * STRETCH + tl.arange(0, STRETCH)
    inside = at < width
    number = cell.dtype.element_ty
    gates += direction * gates_g + row * gates_b + at
    i = tl.load(gates, mask=inside, other=0.0).to(number)
    j = tl.load(gates + width, mask=inside, other=0.0).to(number)
    f = tl.load(gates + 2 * width, mask=inside, other=0.0).to(number)
    o = tl.load(gates + 3 * width, mask=inside, other=0.0).to(number)
    c = tl.load(old_cell + direction * old_cell_g + row * old_cell_b + at, mask=inside, other=0.0).to(number)
    if HAS_BIAS:
        bias += direction * bias_g + at
        i += tl.load(bias, mask=inside, other=0.0).to(number)
        j += tl.load(bias + width, mask=inside, other=0.0).to(number)
        f += tl.load(bias + 2 * width, mask=inside, other=0.0).to(number)
        o += tl.load(bias + 3 * width, mask=inside, other=0.0).to(number)
    if HAS_KEEP:
        c *= tl.load(keep + row).to(number)
    i = _sigmoid(i)
    j = _tanh(j)
    f = _sigmoid(f)
    o = _sigmoid(o)
    c = f * c + i * j
    if CLIP is not None:
        bound = tl.full((STRETCH,), CLIP, number)
        # Comparisons, not minimum and maximum: a cell that is no number stays so.
        c = tl.where(c > bound, bound, c)
        c = tl.where(c < -bound, -bound, c)
    tl.store(gates, i.to(gates.dtype.element_ty), mask=inside)
    tl.store(gates + width, j.to(gates.dtype.element_ty), mask=inside)
    tl.store(gates + 2 * width, f.to(gates.dtype.element_ty), mask=inside)
    tl.store(gates + 3 * width, o.to(gates.dtype.element_ty), mask=inside)
    tl.store(cell + direction * cell_g + row * cell_b + at, c, mask=inside)
    h = o * _tanh(c)
    tl.store(hidden + direction * hidden_g + row * hidden_b + at, h.to(hidden.dtype.element_ty), mask=inside)


@triton.jit
def _cell_backward(
    gates: tl.tensor,
    gates_g: tl.tensor,
    gates_b: tl.tensor,
    old_cell: tl.tensor,
    old_cell_g: tl.tensor,
    old_cell_b: tl.tensor,
    cell: tl.tensor,
    cell_g: tl.tensor,
    cell_b: tl.tensor,
    grad_hidden: tl.tensor,
    grad_hidden_g: tl.tensor,
    grad_hidden_b: tl.tensor,
    grad_cell: tl.tensor,
    grad_cell_g: tl.tensor,
    grad_cell_b: tl.tensor,
    grad_gates: tl.tensor,
    grad_gates_g: tl.tensor,
    grad_gates_b: tl.tensor,
    hidden: tl.tensor,
    hidden_g: tl.tensor,
    hidden_b: tl.tensor,
    keep: tl.tensor,
    width: tl.tensor,
    CLIP: tl.constexpr,
    HAS_KEEP: tl.constexpr,
    STRETCH: tl.constexpr,
) -> None:
    row, direction = tl.program_id(0).to(tl.int64), tl.program_id(2).to(tl.int64)
    at = tl.program_id(1) * STRETCH + tl.arange(0, STRETCH)
    inside = at < width
    number = cell.dtype.element_ty
    gates += direction * gates_g + row * gates_b + at
    i = tl.load(gates, mask=inside, other=0.0).to(number)
    j = tl.load(gates + width, mask=inside, other=0.0).to(number)
    f = tl.load(gates + 2 * width, mask=inside, other=0.0).to(number)
    o = tl.load(gates + 3 * width, mask=inside, other=0.0).to(number)
    c = tl.load(cell + direction * cell_g + row * cell_b + at, mask=inside, other=0.0)
    kept = tl.load(old_cell + direction * old_cell_g + row * old_cell_b + at, mask=inside, other=0.0).to(number)
    dh = tl.load(grad_hidden + direction * grad_hidden_g + row * grad_hidden_b + at, mask=inside, other=0.0).to(number)
    grad_cell += direction * grad_cell_g + row * grad_cell_b + at
    dc = tl.load(grad_cell, mask=inside, other=0.0)
    t = _tanh(c)
    # sigmoid' = s (1 - s), tanh' = 1 - t^2, each on the stored value.
    dc += dh * o * (1.0 - t * t)
    if CLIP is not None:
        dc = tl.where(tl.abs(c) < tl.full((STRETCH,), CLIP, number), dc, 0.0)
    old = dc * f
    if HAS_KEEP:
        kept_row = tl.load(keep + row).to(number)
        kept *= kept_row
        old *= kept_row
    tl.store(grad_cell, old, mask=inside)
    grad_gates += direction * grad_gates_g + row * grad_gates_b + at
    stored = grad_gates.dtype.element_ty
    tl.store(grad_gates, (dc * j * i * (1.0 - i)).to(stored), mask=inside)
    tl.store(grad_gates + width, (dc * i * (1.0 - j * j)).to(stored), mask=inside)
    tl.store(grad_gates + 2 * width, (dc * kept * f * (1.0 - f)).to(stored), mask=inside)
    tl.store(grad_gates + 3 * width, (dh * t * o * (1.0 - o)).to(stored), mask=inside)
    h = o * t
    tl.store(hidden + direction * hidden_g + row * hidden_b + at, h.to(hidden.dtype.element_ty), mask=inside)
