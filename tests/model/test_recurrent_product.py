"""Which form the product of an LSTM's steps takes, and that every form gives the same."""

import pytest
import torch
from torch import Tensor

from elmo_cli.model import recurrent_product, spaced_rows
from elmo_cli.model.recurrent_product import FEW_ROWS, LEAST_STEPS, MANY_ROWS, RecurrentProduct

BETWEEN = (FEW_ROWS + MANY_ROWS) // 2


@pytest.fixture
def large_from_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent_product, "LARGE", 1)
    monkeypatch.setattr(spaced_rows, "PERIOD", 4)


def random_kernel(dtype: torch.dtype = torch.float32) -> Tensor:
    """The recurrent half of both directions' kernels, as it lies in them."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 29, 13, generator=generator, dtype=torch.float64).to(dtype)[:, 8:]


@pytest.mark.usefixtures("large_from_one_number")
@pytest.mark.parametrize("rows", [1, FEW_ROWS, BETWEEN, MANY_ROWS, 2 * MANY_ROWS])
@pytest.mark.parametrize("steps", [1, LEAST_STEPS])
@pytest.mark.parametrize("gap", [0, 5])
def test_every_form_gives_the_plain_sum(rows: int, steps: int, gap: int) -> None:
    generator = torch.Generator().manual_seed(2)
    matrix, values = random_kernel(), torch.randn(2, rows, 21, generator=generator)
    sums = torch.randn(2, rows + gap, 13, generator=generator)[:, gap:]
    expected = sums.double() + values.double() @ matrix.double()
    RecurrentProduct(matrix, [rows] * steps, "fp32").add_to(sums, values)
    torch.testing.assert_close(sums.double(), expected, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("large_from_one_number")
def test_a_copy_is_made_for_many_rows_at_many_steps() -> None:
    def is_copied(batch_sizes: list[int], matrix: Tensor, precision: str = "fp32") -> bool:
        return RecurrentProduct(matrix, batch_sizes, precision)._spaced_GXY is not None

    assert is_copied([MANY_ROWS] * LEAST_STEPS, random_kernel())
    assert is_copied([MANY_ROWS] * LEAST_STEPS + [1] * 9, random_kernel())
    assert not is_copied([MANY_ROWS] * (LEAST_STEPS - 1) + [MANY_ROWS - 1], random_kernel())
    assert not is_copied([MANY_ROWS] * LEAST_STEPS, random_kernel(torch.float64))


def test_small_matrices_and_rows_that_do_not_collide_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [MANY_ROWS] * LEAST_STEPS
    assert RecurrentProduct(torch.ones(2, 4, 1024), sizes, "fp32")._spaced_GXY is None
    monkeypatch.setattr(recurrent_product, "LARGE", 1)
    assert RecurrentProduct(torch.ones(2, 4, 1024), sizes, "fp32")._spaced_GXY is not None
    assert RecurrentProduct(torch.ones(2, 4, 1000), sizes, "fp32")._spaced_GXY is None
