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
    """``sums += values @ matrix`` for both directions.

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

    def add_to(self, sums_GBY: Tensor, values_GBX: Tensor) -> None:
        """Adds the product in place. Sums without gaps are quickest."""
        rows, matrix_GXY = values_GBX.shape[1], self._matrix_GXY
        if self._spaced_GXY is not None and rows >= MANY_ROWS:
            matrix_GXY = self._spaced_GXY
        elif self._lies_badly and rows > FEW_ROWS:
            for sums, values, matrix in zip(sums_GBY, values_GBX, matrix_GXY, strict=True):
                torch.addmm(sums, values, matrix, out=sums)
            return
        product(values_GBX, matrix_GXY, self._precision, plus=sums_GBY, out=sums_GBY)


def _lies_badly(matrix_GXY: Tensor) -> bool:
    usual = matrix_GXY.device.type == "cpu" and matrix_GXY.dtype == torch.float32
    return usual and matrix_GXY[0].numel() >= LARGE and collides(matrix_GXY.stride(1), matrix_GXY.element_size())
