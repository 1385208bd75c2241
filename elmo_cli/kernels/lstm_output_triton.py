""":mod:`elmo_cli.kernels.lstm_output` as Triton kernels; a program handles a stretch of one row of one direction."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from elmo_cli.kernels.rows import grid, rows, stretch


def output_forward(
    projected_GBD: Tensor,
    clip: float | None,
    output_GBD: Tensor,
    keep_B: Tensor | None,
    mask_GBD: Tensor | None,
    recurring_GBD: Tensor | None,
) -> None:
    """See :func:`elmo_cli.kernels.lstm_output.output_forward`."""
    recurring = recurring_GBD if recurring_GBD is not None else output_GBD
    mask = mask_GBD if mask_GBD is not None else output_GBD
    with torch.cuda.device_of(output_GBD):
        _output_forward[grid(output_GBD)](
            *rows(projected_GBD),
            *rows(output_GBD),
            *rows(mask),
            *rows(recurring),
            keep_B if keep_B is not None else output_GBD,
            recurring_GBD.shape[1] if recurring_GBD is not None else 0,
            output_GBD.shape[2],
            CLIP=clip,
            HAS_KEEP=keep_B is not None,
            HAS_MASK=mask_GBD is not None,
            STRETCH=stretch(output_GBD),
            enable_fp_fusion=True,
        )


def output_backward(
    grad_output_GBD: Tensor,
    grad_recurring_GBD: Tensor | None,
    keep_B: Tensor | None,
    mask_GBD: Tensor | None,
    output_GBD: Tensor,
    clip: float | None,
    grad_projected_GBD: Tensor,
) -> None:
    """See :func:`elmo_cli.kernels.lstm_output.output_backward`."""
    recurring = grad_recurring_GBD if grad_recurring_GBD is not None else output_GBD
    mask = mask_GBD if mask_GBD is not None else output_GBD
    with torch.cuda.device_of(output_GBD):
        _output_backward[grid(output_GBD)](
            *rows(grad_output_GBD),
            *rows(recurring),
            *rows(mask),
            *rows(output_GBD),
            *rows(grad_projected_GBD),
            keep_B if keep_B is not None else output_GBD,
            grad_recurring_GBD.shape[1] if grad_recurring_GBD is not None else 0,
            output_GBD.shape[2],
            CLIP=clip,
            HAS_KEEP=keep_B is not None,
            HAS_MASK=mask_GBD is not None,
            STRETCH=stretch(output_GBD),
            enable_fp_fusion=True,
        )


@triton.jit
def _output_forward(
    projected: tl.tensor,
    projected_g: tl.tensor,
    projected_b: tl.tensor,
    output: tl.tensor,
    output_g: tl.tensor,
    output_b: tl.tensor,
    mask: tl.tensor,
    mask_g: tl.tensor,
    mask_b: tl.tensor,
    recurring: tl.tensor,
    recurring_g: tl.tensor,
    recurring_b: tl.tensor,
    keep: tl.tensor,
    going: tl.tensor,
    width: tl.tensor,
    CLIP: tl.constexpr,
    HAS_KEEP: tl.constexpr,
    HAS_MASK: tl.constexpr,
    STRETCH: tl.constexpr,
) -> None:
    row, direction = tl.program_id(0).to(tl.int64), tl.program_id(2).to(tl.int64)
    at = tl.program_id(1) * STRETCH + tl.arange(0, STRETCH)
    inside = at < width
    number = output.dtype.element_ty
    m = tl.load(projected + direction * projected_g + row * projected_b + at, mask=inside, other=0.0).to(number)
    if CLIP is not None:
        bound = tl.full((STRETCH,), CLIP, number)
        m = tl.where(m > bound, bound, m)
        m = tl.where(m < -bound, -bound, m)
    tl.store(output + direction * output_g + row * output_b + at, m, mask=inside)
    going_on = at < tl.where(row < going, width, 0)
    if HAS_KEEP:
        # Rows that have ended have no part in the next step, and none in what is said of its rows.
        m *= tl.load(keep + row, mask=row < going, other=0.0).to(number)
    if HAS_MASK:
        m *= tl.load(mask + direction * mask_g + row * mask_b + at, mask=going_on, other=0.0).to(number)
    recurring += direction * recurring_g + row * recurring_b + at
    tl.store(recurring, m.to(recurring.dtype.element_ty), mask=going_on)


@triton.jit
def _output_backward(
    grad_output: tl.tensor,
    grad_output_g: tl.tensor,
    grad_output_b: tl.tensor,
    grad_recurring: tl.tensor,
    grad_recurring_g: tl.tensor,
    grad_recurring_b: tl.tensor,
    mask: tl.tensor,
    mask_g: tl.tensor,
    mask_b: tl.tensor,
    output: tl.tensor,
    output_g: tl.tensor,
    output_b: tl.tensor,
    grad_projected: tl.tensor,
    grad_projected_g: tl.tensor,
    grad_projected_b: tl.tensor,
    keep: tl.tensor,
    going: tl.tensor,
    width: tl.tensor,
    CLIP: tl.constexpr,
    HAS_KEEP: tl.constexpr,
    HAS_MASK: tl.constexpr,
    STRETCH: tl.constexpr,
) -> None:
    row, direction = tl.program_id(0).to(tl.int64), tl.program_id(2).to(tl.int64)
    at = tl.program_id(1) * STRETCH + tl.arange(0, STRETCH)
    inside = at < width
    number = output.dtype.element_ty
    dm = tl.load(grad_output + direction * grad_output_g + row * grad_output_b + at, mask=inside, other=0.0).to(number)
    going_on = at < tl.where(row < going, width, 0)
    grad_recurring += direction * grad_recurring_g + row * grad_recurring_b + at
    back = tl.load(grad_recurring, mask=going_on, other=0.0).to(number)
    if HAS_KEEP:
        back *= tl.load(keep + row, mask=row < going, other=0.0).to(number)
    if HAS_MASK:
        back *= tl.load(mask + direction * mask_g + row * mask_b + at, mask=going_on, other=0.0).to(number)
    dm += back
    if CLIP is not None:
        m = tl.load(output + direction * output_g + row * output_b + at, mask=inside, other=0.0)
        dm = tl.where(tl.abs(m) < tl.full((STRETCH,), CLIP, number), dm, 0.0)
    grad_projected += direction * grad_projected_g + row * grad_projected_b + at
    tl.store(grad_projected, dm.to(grad_projected.dtype.element_ty), mask=inside)
