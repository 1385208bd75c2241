"""The product of an LSTM's steps: a few rows of each direction times the same large matrices, again and again."""

from collections.abc import Sequence

import torch
from torch import Tensor

from elmo_cli.model.precision import operand, product
from elmo_cli.model.spaced_rows import collides, spaced_copy

LARGE = 1 << 22
"""Numbers of one direction's matrix from which it matters how it lies; smaller ones stay in a cache."""
FEW_ROWS = 16
"""Rows up to which a product reads a matrix as it lies."""
MANY_ROWS, LEAST_STEPS = 48, 8
"""Rows from which a copy with spaced rows is faster, and steps of so many from which it pays for itself."""


class RecurrentProduct:
    """``plus + values @ matrix`` for both directions.

    A batched product gives each direction a thread, which is the fastest where the matrix lies well; else all threads
    multiply one direction after the other. Measured on two cores (``benchmarks/README.md``).

    Args:
        matrix_GXY: The matrices; they must not change meanwhile.
        batch_sizes: Rows at each step.
        precision: Of the products, as :func:`elmo_cli.model.precision.product` takes it.
    """

    def __init__(self, matrix_GXY: Tensor, batch_sizes: Sequence[int], precision: str) -> None:
        self._matrix_GXY = operand(matrix_GXY, precision)
        self._precision = precision
        self._spaced_GXY: Tensor | None = None
        self._lies_badly = _lies_badly(self._matrix_GXY)
        if self._lies_badly and sum(size >= MANY_ROWS for size in batch_sizes) >= LEAST_STEPS:
            self._spaced_GXY = spaced_copy(matrix_GXY)

    def added_to(self, plus_GBY: Tensor, values_GBX: Tensor, out_GBY: Tensor) -> Tensor:
        """Writes the sum to where it belongs, without gaps if a batched product is to be used, and returns it."""
        rows, matrix_GXY = values_GBX.shape[1], self._matrix_GXY
        if self._spaced_GXY is not None and rows >= MANY_ROWS:
            matrix_GXY = self._spaced_GXY
        elif self._lies_badly and rows > FEW_ROWS:
            for plus, values, matrix, out in zip(plus_GBY, values_GBX, matrix_GXY, out_GBY, strict=True):
                torch.addmm(plus, values, matrix, out=out)
            return out_GBY
        return product(values_GBX, matrix_GXY, self._precision, plus=plus_GBY, out=out_GBY)


def _lies_badly(matrix_GXY: Tensor) -> bool:
    usual = matrix_GXY.device.type == "cpu" and matrix_GXY.dtype == torch.float32
    return usual and matrix_GXY[0].numel() >= LARGE and collides(matrix_GXY.stride(1), matrix_GXY.element_size())
