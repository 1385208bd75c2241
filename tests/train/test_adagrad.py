"""Adagrad, its rows and its clip against the formulas."""

import pytest
import torch

from elmo_cli.train import adagrad
from elmo_cli.train.adagrad import Adagrad
from elmo_cli.train.gradients import RowGradient, Sums, Touched, clip_factor, multiply
from tests.kernels.interpreted import interpreted


def test_two_steps_by_hand() -> None:
    value = torch.tensor([1.0, -2.0])
    optimizer = Adagrad({"v": value}, initial_accumulator=1.0)
    optimizer.update({"v": torch.tensor([3.0, 0.0])}, rate=0.2)
    assert value.tolist() == pytest.approx([1 - 0.2 * 3 / 10**0.5, -2])
    optimizer.update({"v": torch.tensor([-1.0, 2.0])}, rate=0.2)
    assert value.tolist() == pytest.approx([1 - 0.2 * 3 / 10**0.5 + 0.2 / 11**0.5, -2 - 0.4 / 5**0.5])
    assert optimizer.accumulators["v"].tolist() == [11, 5]


def test_touched_rows_are_updated_as_torchs_dense_adagrad_does() -> None:
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(9, 4, generator=generator)
    dense = table.clone().requires_grad_()
    torchs = torch.optim.Adagrad([dense], lr=0.2, initial_accumulator_value=1.0, eps=0.0)
    ours = Adagrad({"table": table}, initial_accumulator=1.0)
    for _ in range(5):
        ids = torch.randperm(9, generator=generator)[:4]
        gradient = torch.randn(4, 4, generator=generator)
        dense.grad = torch.zeros(9, 4).index_copy(0, ids, gradient)
        torchs.step()
        ours.update_rows("table", ids, gradient, rate=0.2)
    torch.testing.assert_close(table, dense.detach(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_whole_parameters_are_updated_as_torchs_dense_adagrad_does(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    values = {"a": torch.randn(9, 5, generator=generator, dtype=dtype), "b": torch.randn(33, dtype=dtype)}
    dense = {name: value.clone().requires_grad_() for name, value in values.items()}
    torchs = torch.optim.Adagrad(dense.values(), lr=0.2, initial_accumulator_value=1.0, eps=0.0, foreach=False)
    ours = Adagrad(values, initial_accumulator=1.0)
    for _ in range(5):
        # Transposed: addresses do not follow the shape.
        gradients = {name: torch.randn(*value.shape[::-1], dtype=dtype).t() for name, value in values.items()}
        for name, gradient in gradients.items():
            dense[name].grad = gradient.clone()
        torchs.step()
        ours.update(gradients, rate=0.2)
    for name, value in values.items():
        torch.testing.assert_close(value, dense[name].detach(), rtol=1e-6, atol=1e-7)


def stepped(gradient: torch.Tensor, factor: torch.Tensor | None) -> list[torch.Tensor]:
    """A table after a whole step and one on its rows, and its accumulator."""
    optimizer = Adagrad({"v": torch.ones(3, 2)}, initial_accumulator=1.0)
    optimizer.update({"v": gradient.clone()}, 0.2, 0, factor)
    optimizer.update_rows("v", torch.tensor([2, 0, 1]), gradient.clone(), 0.2, 1, factor)
    return [optimizer.parameters["v"], optimizer.accumulators["v"]]


def test_a_factor_is_what_gradients_are_multiplied_by_first() -> None:
    gradient = torch.tensor([[3.0, -1.0], [0.0, 2.0], [5.0, 0.5]])
    assert all(map(torch.equal, stepped(gradient, torch.tensor(0.25)), stepped(gradient / 4, None)))


def test_where_triton_computes_it_does_both_kinds_of_step(monkeypatch: pytest.MonkeyPatch) -> None:
    gradient, factor = torch.tensor([[3.0, -1.0], [0.0, 2.0], [5.0, 0.5]]), torch.tensor(0.25)
    expected = stepped(gradient, factor)
    module = interpreted("adagrad_step_triton", monkeypatch)
    monkeypatch.setattr(adagrad, "adagrad_kernels", lambda _: module)
    torch.testing.assert_close(stepped(gradient, factor), expected)


def test_parameters_without_gradient_stay() -> None:
    optimizer = Adagrad({"v": torch.ones(2)}, initial_accumulator=1.0)
    optimizer.update({}, rate=0.2)
    assert optimizer.parameters["v"].tolist() == [1, 1]


def test_the_clip_is_one_norm_over_everything() -> None:
    gradients = [torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])]
    norm, factor = clip_factor(gradients, 2.5)
    assert norm.item() == pytest.approx(5)
    multiply(gradients, factor)
    assert gradients[0].tolist() == pytest.approx([1.5, 0])
    assert gradients[1].tolist() == [[pytest.approx(2)]]
    for no_bound in (10, None):
        norm, factor = clip_factor(gradients, no_bound)
        assert norm.item() == pytest.approx(2.5)
        assert factor is None


def test_rows_that_are_read_twice_have_one_gradient() -> None:
    table = torch.arange(10.0).view(5, 2)
    touched = Touched({"table": table, "other": torch.ones(1, requires_grad=True)}, frozenset({"table"}))
    first, second = touched.rows("table", torch.tensor([1, 3])), touched.rows("table", torch.tensor([3, 4]))
    loss = (first * 2).sum() + (second * 3).sum()
    other = touched._parameters["other"]
    whole, rows = touched.gradients(loss + other.sum())
    assert whole["other"].tolist() == [1]
    assert rows["table"].ids_R.tolist() == [1, 3, 4]
    assert rows["table"].values.tolist() == [[2, 2], [5, 5], [3, 3]]


def test_parts_of_a_step_add_up_row_by_row() -> None:
    sums = Sums()
    sums.add({"v": torch.tensor([1.0])}, {"table": RowGradient(torch.tensor([1, 4]), torch.tensor([[1.0], [2.0]]))})
    sums.add({"v": torch.tensor([2.0])}, {"table": RowGradient(torch.tensor([0, 4]), torch.tensor([[5.0], [7.0]]))})
    assert sums.whole["v"].tolist() == [3]
    assert sums.rows["table"].ids_R.tolist() == [0, 1, 4]
    assert sums.rows["table"].values.tolist() == [[5], [1], [9]]
