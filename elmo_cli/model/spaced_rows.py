"""Matrices with room behind each row, where rows would otherwise lie a multiple of 4 KiB apart.

There all numbers of a column fall into a few places of the processor's caches and push each other out while a product
reads down the columns. 64 rows times 512 x 16,384 take twice the time or not, depending on where the matrix lies.
"""

from torch import Tensor

from elmo_cli.model.large_pages import empty

GAP = 32
"""Numbers behind each row: two lines of a cache."""
PERIOD = 4096
"""Bytes between numbers that fall into the same places of the smallest cache."""


def collides(columns: int, element_size: int) -> bool:
    """Whether all numbers of a column would fall into the same places."""
    return columns * element_size % PERIOD == 0


def empty_spaced(directions: int, rows: int, columns: int, *, like: Tensor) -> Tensor:
    """New memory (G, rows, columns); on a CPU with room behind each row where that is better."""
    gap = GAP if like.device.type == "cpu" and collides(columns, like.element_size()) else 0
    return like.new_empty(directions, rows, columns + gap)[:, :, :columns]


def spaced_copy(matrix_GXY: Tensor) -> Tensor:
    """A copy in large pages with room behind each row."""
    directions, rows, columns = matrix_GXY.shape
    return empty(directions, rows, columns + GAP)[:, :, :columns].copy_(matrix_GXY)
