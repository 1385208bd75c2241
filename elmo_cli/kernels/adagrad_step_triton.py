""":mod:`elmo_cli.kernels.adagrad_step` as a Triton kernel: every number is read once and written once.

A program has a stretch of the gradient. Root and quotient are rounded as torch rounds them, not approximated.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from elmo_cli.kernels import adagrad_step

STRETCH, WARPS = 1024, 4
"""Numbers that a program changes, and what they are shared out over: eight to a thread."""


def whole(value: Tensor, total: Tensor, gradient: Tensor, factor: Tensor | None, rate: float) -> None:
    """See :func:`elmo_cli.kernels.adagrad_step.whole`."""
    if not _can(value, total):
        adagrad_step.whole(value, total, gradient, factor, rate)
        return
    _launch(value, total, None, gradient, factor, rate)


def rows(value: Tensor, total: Tensor, ids_R: Tensor, gradient: Tensor, factor: Tensor | None, rate: float) -> None:
    """See :func:`elmo_cli.kernels.adagrad_step.rows`."""
    if not _can(value, total):
        adagrad_step.rows(value, total, ids_R, gradient, factor, rate)
        return
    _launch(value, total, ids_R.contiguous(), gradient, factor, rate)


def _can(value: Tensor, total: Tensor) -> bool:
    """The kernel goes by addresses, and a rate comes to it in float32."""
    return value.dtype == torch.float32 and value.is_contiguous() and total.is_contiguous()


def _launch(
    value: Tensor, total: Tensor, ids_R: Tensor | None, gradient: Tensor, factor: Tensor | None, rate: float
) -> None:
    width = value.shape[1:].numel() if ids_R is not None else 1
    with torch.cuda.device_of(value):
        _adagrad_step[(triton.cdiv(gradient.numel(), STRETCH),)](
            value,
            total,
            ids_R if ids_R is not None else value,
            gradient.contiguous(),
            factor if factor is not None else value,
            rate,
            gradient.numel(),
            WIDTH=width,
            HAS_IDS=ids_R is not None,
            HAS_FACTOR=factor is not None,
            STRETCH=STRETCH,
            num_warps=WARPS,
        )


@triton.jit
def _adagrad_step(
    value: tl.tensor,
    total: tl.tensor,
    ids: tl.tensor,
    gradient: tl.tensor,
    factor: tl.tensor,
    rate: tl.tensor,
    count: tl.tensor,
    WIDTH: tl.constexpr,
    HAS_IDS: tl.constexpr,
    HAS_FACTOR: tl.constexpr,
    STRETCH: tl.constexpr,
) -> None:
    at = tl.program_id(0).to(tl.int64) * STRETCH + tl.arange(0, STRETCH)
    inside = at < count
    g = tl.load(gradient + at, mask=inside, other=0.0)
    if HAS_FACTOR:
        g *= tl.load(factor)
    if HAS_IDS:
        at = tl.load(ids + at // WIDTH, mask=inside, other=0) * WIDTH + at % WIDTH
    a = tl.load(total + at, mask=inside, other=1.0) + g * g
    v = tl.load(value + at, mask=inside, other=0.0)
    tl.store(total + at, a, mask=inside)
    tl.store(value + at, v - rate * tl.div_rn(g, tl.sqrt_rn(a)), mask=inside)
