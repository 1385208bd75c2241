"""Room behind rows that would fall into the same places of a cache."""

import pytest
import torch

from elmo_cli.model.spaced_rows import GAP, collides, empty_spaced, spaced_copy


@pytest.mark.parametrize(("columns", "gap"), [(1024, GAP), (4096, GAP), (1000, 0), (512, 0), (1, 0)])
def test_rows_a_multiple_of_4_kib_long_have_room_behind_them(columns: int, gap: int) -> None:
    assert collides(columns, 4) == (gap > 0)
    room = empty_spaced(2, 3, columns, like=torch.ones(1))
    assert room.shape == (2, 3, columns)
    assert room.stride() == (3 * (columns + gap), columns + gap, 1)


def test_the_type_is_that_of_the_pattern() -> None:
    room = empty_spaced(2, 3, 512, like=torch.ones(1, dtype=torch.float64))
    assert room.dtype == torch.float64
    assert room.stride(1) == 512 + GAP, "512 numbers of 8 bytes are 4 KiB"


def test_a_copy_has_the_same_numbers() -> None:
    matrix = torch.arange(2 * 6 * 8, dtype=torch.float32).view(2, 6, 8)[:, 2:]
    copy = spaced_copy(matrix)
    assert torch.equal(copy, matrix)
    assert copy.stride(1) == 8 + GAP
    matrix.zero_()
    assert copy.sum() > 0
