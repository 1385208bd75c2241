"""How kernels that go by rows address a tensor, and how rows are cut into stretches."""

from torch import Tensor

STRETCH = 1024
"""Elements of a row that one program handles at most."""


def rows(values_GBX: Tensor) -> tuple[Tensor, int, int]:
    """A tensor, and how far apart its directions and its rows are; within a row there must be no gaps."""
    assert values_GBX.stride(2) == 1, "elements of a row must lie side by side"
    return values_GBX, values_GBX.stride(0), values_GBX.stride(1)


def stretch(values_GBX: Tensor) -> int:
    """Elements that one program handles: a power of two, as Triton wants it."""
    return min(STRETCH, 1 << (values_GBX.shape[2] - 1).bit_length())


def grid(values_GBX: Tensor) -> tuple[int, int, int]:
    """Programs for a tensor: by row, by stretch of the row, by direction."""
    directions, height, width = values_GBX.shape
    return height, -(-width // stretch(values_GBX)), directions
