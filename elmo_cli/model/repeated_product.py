"""A product with the same matrices step after step, as the backward pass of an LSTM has it."""

import torch
from torch import Tensor

from elmo_cli.model.precision import operand, product

LEAST_STEPS, LEAST_NUMBERS = 8, 1 << 18
"""Steps and numbers of a matrix from which putting it in order pays."""


class RepeatedProduct:
    """``a @ matrix`` for both directions, the same matrices at every step.

    A CPU's product of a few rows takes much of its time to put the matrix in an order that its registers can use.
    oneDNN does that once for all steps, where the matrix lies column by column, as a transposed one does.

    Args:
        matrix_GXY: The matrices; they must not change meanwhile.
        steps: How often they will be used.
        precision: Of the products, as :func:`elmo_cli.model.precision.product` takes it.
    """

    def __init__(self, matrix_GXY: Tensor, steps: int, precision: str) -> None:
        self._precision = precision
        self._ordered: list[Tensor] | None = None
        if precision == "fp32" and steps >= LEAST_STEPS and _can_be_ordered(matrix_GXY):
            self._ordered = [torch.ops.mkldnn._reorder_linear_weight(matrix_XY.t()) for matrix_XY in matrix_GXY]
        else:
            self._matrix_GXY = operand(matrix_GXY, precision)

    def into(self, out_GBY: Tensor, a_GBX: Tensor) -> Tensor:
        """Writes the product to where it belongs."""
        if self._ordered is None:
            return product(a_GBX, self._matrix_GXY, self._precision, out=out_GBY)
        for out_BY, a_BX, ordered in zip(out_GBY, a_GBX, self._ordered, strict=True):
            out_BY.copy_(_multiply(a_BX, ordered))
        return out_GBY


def _can_be_ordered(matrix_GXY: Tensor) -> bool:
    one = matrix_GXY[0]
    # A matrix that lies row by row would have to be transposed first, which takes as long as it saves.
    return (
        one.t().is_contiguous()
        and torch.backends.mkldnn.is_available()
        and one.device.type == "cpu"
        and one.dtype == torch.float32
        and one.numel() >= LEAST_NUMBERS
    )


def _multiply(a_BX: Tensor, ordered: Tensor) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(a_BX, ordered, None, "none", [], "")
    return result
