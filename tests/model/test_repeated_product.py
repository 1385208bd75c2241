"""Products with the same matrices at every step, in oneDNN's order and as they are."""

import pytest
import torch

from elmo_cli.model import repeated_product
from elmo_cli.model.repeated_product import LEAST_STEPS, RepeatedProduct


@pytest.fixture
def ordered_from_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_product, "LEAST_NUMBERS", 1)


@pytest.mark.usefixtures("ordered_from_one_number")
@pytest.mark.parametrize("rows", [1, 7, 16])
@pytest.mark.parametrize("column_by_column", [False, True])
def test_an_ordered_matrix_gives_the_plain_product(rows: int, column_by_column: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    matrices = torch.randn(2, 13, 29, generator=generator)[:, 3:]  # as the recurrent half of a kernel lies
    if column_by_column:
        matrices = matrices.transpose(1, 2)
    values = torch.randn(2, rows, matrices.shape[1], generator=generator)
    out = torch.empty(2, rows, matrices.shape[2])
    expected = torch.bmm(values.double(), matrices.double())

    repeated = RepeatedProduct(matrices, LEAST_STEPS, "fp32")
    assert (repeated._ordered is not None) == column_by_column
    torch.testing.assert_close(repeated.into(out, values).double(), expected, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("ordered_from_one_number")
def test_few_steps_and_other_types_are_multiplied_as_they_are() -> None:
    matrices = torch.ones(2, 4, 4).transpose(1, 2)
    assert RepeatedProduct(matrices, LEAST_STEPS - 1, "fp32")._ordered is None
    assert RepeatedProduct(matrices.double(), LEAST_STEPS, "fp32")._ordered is None
    assert RepeatedProduct(matrices, LEAST_STEPS, "bf16")._ordered is None


def test_small_matrices_are_multiplied_as_they_are() -> None:
    assert RepeatedProduct(torch.ones(2, 4, 4).transpose(1, 2), LEAST_STEPS, "fp32")._ordered is None
