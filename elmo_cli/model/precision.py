"""Matrix products in the precision that was asked for; their results are always float32.

``bf16`` rounds what is multiplied to bfloat16 and sums in float32. Where an operand comes as bfloat16 already, a copy
that :func:`operand` made once for many products, a CPU rounds the result once more, because torch has no such product
with a float32 result there. ``tf32`` is a setting of the GPU's float32 products, made by :func:`products_in`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from elmo_cli.config import INFERENCE_PRECISIONS
from elmo_cli.errors import ConfigError
from elmo_cli.model.packed_matrices import check_int8

_CURRENT = ContextVar("precision", default="fp32")

TORCH_NAMES = {"fp32": "highest", "tf32": "high", "bf16": "highest", "int8": "highest"}
"""What torch calls the same of its float32 products; those in bf16 are asked for one by one."""

WIDENS = "dtype" in torch.ops.aten.bmm.overloads()
"""Whether this torch (2.8 and later) has products of bfloat16 with a float32 result on CUDA; sums are made of them."""

SMALL_MATRIX = 1 << 17
"""Numbers of a matrix below which a CPU multiplies it in float32 with bf16, too: rounding takes longer than it saves
(32 rows times 64 x 1,024, two cores with AMX: 25 microseconds in float32, 35 in bfloat16)."""
SMALL_PRODUCT = 1 << 23
"""The same for single products, in multiplications."""


def check_precision(precision: str, device: torch.device) -> None:
    """Refuses a precision that the device has not.

    Raises:
        ConfigError: It has not.
    """
    if precision == "tf32" and device.type != "cuda":
        raise ConfigError(
            "precision tf32: CPUs have no such products, only CUDA devices from Ampere on",
            hint="take --precision bf16 or --precision fp32, or a GPU with --device cuda",
        )
    if precision != "fp32" and device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0):
        raise ConfigError(
            f"precision {precision}: {torch.cuda.get_device_name(device)} has no such products; they came with Ampere",
            hint="take --precision fp32",
        )


def check_inference_precision(precision: str, device: torch.device) -> None:
    """The same where nothing is learned, which may be done in int8 too.

    Raises:
        ConfigError: There is no such precision, or the device has not got it.
    """
    if precision not in INFERENCE_PRECISIONS:
        raise ConfigError(f"precision {precision}: expected {', '.join(INFERENCE_PRECISIONS)}")
    if precision != "int8":
        check_precision(precision, device)
    elif device.type == "cpu":
        check_int8()
    else:
        raise ConfigError(
            "precision int8: its products are for CPUs", hint="take --precision bf16, or the CPU with --device cpu"
        )


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in units of its own; without them bf16 is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def slow_precision(precision: str, device: torch.device) -> str | None:
    """A warning where a precision is chosen that makes nothing faster; else None."""
    if precision != "bf16" or has_fast_bf16(device):
        return None
    return "precision bf16: this processor has no units for it, so it is slower than --precision fp32"


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """What is computed inside, and its gradient, has its products in this precision.

    Like ``no_grad`` it must not be left open over a ``yield``.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(TORCH_NAMES[precision])
    token = _CURRENT.set(precision)
    try:
        yield
    finally:
        _CURRENT.reset(token)
        torch.set_float32_matmul_precision(before)


def current_precision() -> str:
    """The precision that :func:`products_in` set. A gradient's function reads it going forward and remembers it."""
    return _CURRENT.get()


def operand(matrix: Tensor, precision: str) -> Tensor:
    """What many products read of a matrix: for bf16 a copy to make once, else the matrix itself."""
    small = not matrix.is_cuda and matrix.shape[-2] * matrix.shape[-1] < SMALL_MATRIX
    return matrix.bfloat16() if precision == "bf16" and matrix.dtype == torch.float32 and not small else matrix


def rounded(matrix: Tensor, precision: str) -> Tensor:
    """What single products read of a matrix: for bf16 on CUDA the copy that each of them would make, else itself."""
    return operand(matrix, precision) if matrix.is_cuda else matrix


def product(a: Tensor, b: Tensor, precision: str, *, plus: Tensor | None = None, out: Tensor | None = None) -> Tensor:
    """``a @ b``, or ``a @ b + plus``, in float32 and without gradient; for fp32 and tf32 exactly torch's own product.

    Args:
        a: Two dimensions, or three for a batch of products; float32, or what :func:`operand` gave.
        b: The same.
        precision: One of :data:`elmo_cli.config.precision.PRECISIONS`.
        plus: Added to the product.
        out: Where the result goes, which may be ``plus`` itself.
    """
    if precision != "bf16" or a.dtype == torch.float64:
        return _plain(a, b, plus, out)
    if a.is_cuda and WIDENS:
        return _widened(a.bfloat16(), b.bfloat16(), plus, out)
    if torch.bfloat16 in (a.dtype, b.dtype) or a.is_cuda:
        narrow = torch.matmul(a.bfloat16(), b.bfloat16())
        if plus is not None:
            return torch.add(plus, narrow, out=out)
        return narrow.float() if out is None else out.copy_(narrow)
    if a.numel() * b.shape[-1] < SMALL_PRODUCT:
        return _plain(a, b, plus, out)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")  # oneDNN then rounds float32 operands to bfloat16 by itself
    try:
        return _plain(a, b, plus, out)
    finally:
        torch.set_float32_matmul_precision(before)


def linear(inputs_NI: Tensor, weight_IO: Tensor, bias_O: Tensor) -> Tensor:
    """``inputs @ weight + bias`` in the current precision, with gradient."""
    precision = current_precision()
    if precision != "bf16":
        return torch.addmm(bias_O, inputs_NI, weight_IO)
    return _Linear.apply(inputs_NI, weight_IO, bias_O, precision)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs_NI: Tensor, weight_IO: Tensor, bias_O: Tensor, precision: str) -> Tensor:
        ctx.save_for_backward(inputs_NI, weight_IO)
        ctx.precision = precision
        return product(inputs_NI, weight_IO, precision, plus=bias_O)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_NO: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        inputs_NI, weight_IO = ctx.saved_tensors
        wants_inputs, wants_weight, wants_bias, _ = ctx.needs_input_grad
        return (
            product(grad_NO, weight_IO.t(), ctx.precision) if wants_inputs else None,
            product(inputs_NI.t(), grad_NO, ctx.precision) if wants_weight else None,
            grad_NO.sum(0) if wants_bias else None,
            None,
        )


def _plain(a: Tensor, b: Tensor, plus: Tensor | None, out: Tensor | None) -> Tensor:
    if plus is None:
        return (torch.mm if a.dim() == 2 else torch.bmm)(a, b, out=out)
    return (torch.addmm if a.dim() == 2 else torch.baddbmm)(plus, a, b, out=out)


def _widened(a: Tensor, b: Tensor, plus: Tensor | None, out: Tensor | None) -> Tensor:
    multiply = torch.mm if a.dim() == 2 else torch.bmm
    if plus is None:
        return multiply(a, b, out_dtype=torch.float32, out=out)
    # Not addmm and baddbmm: with a float32 summand the one is refused, the other forgets it (pytorch#154086).
    widened = multiply(a, b, out_dtype=torch.float32)
    return widened.add_(plus) if out is None else torch.add(plus, widened, out=out)
