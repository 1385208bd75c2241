"""Every optimizer against torch's own, over whole parameters and over rows."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from elmo_cli.config import OptimizerConfig, TrainConfig
from elmo_cli.train.adagrad import Adagrad
from elmo_cli.train.averaging import Averaging
from elmo_cli.train.optimizers import make_optimizer

RATE = 0.05
TORCHS: dict[str, tuple[OptimizerConfig, Callable[[list[Tensor]], torch.optim.Optimizer]]] = {
    "adam": (OptimizerConfig(name="adam"), lambda values: torch.optim.Adam(values, lr=RATE)),
    "adam, betas": (
        OptimizerConfig(name="adam", beta1=0.8, beta2=0.95, epsilon=1e-4),
        lambda values: torch.optim.Adam(values, lr=RATE, betas=(0.8, 0.95), eps=1e-4),
    ),
    "adam without mean": (
        OptimizerConfig(name="adam", beta1=0.0),
        lambda values: torch.optim.Adam(values, lr=RATE, betas=(0.0, 0.999)),
    ),
    "rmsprop": (OptimizerConfig(name="rmsprop"), lambda values: torch.optim.RMSprop(values, lr=RATE)),
    "sgd": (OptimizerConfig(name="sgd"), lambda values: torch.optim.SGD(values, lr=RATE, momentum=0.9)),
    "sgd without momentum": (
        OptimizerConfig(name="sgd", momentum=0.0),
        lambda values: torch.optim.SGD(values, lr=RATE),
    ),
}
EXACT_BY_ROWS = ("adam without mean", "rmsprop", "sgd without momentum")
AVERAGES = {"mean": "exp_avg", "mean_square": ("exp_avg_sq", "square_avg"), "velocity": "momentum_buffer"}
"""What torch calls them."""


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", TORCHS)
def test_whole_parameters_are_changed_as_torchs_optimizer_changes_them(name: str) -> None:
    config, make = TORCHS[name]
    ours = {"kernel": drawn(5, 4, seed=1), "bias": drawn(3, seed=2)}
    theirs = [value.clone().requires_grad_() for value in ours.values()]
    optimizer, torchs = Averaging(ours, frozenset(), config), make(theirs)
    for step in range(20):
        gradients = {key: drawn(*value.shape, seed=10 + step) for key, value in ours.items()}
        for value, gradient in zip(theirs, gradients.values(), strict=True):
            value.grad = gradient.clone()
        torchs.step()
        optimizer.update(gradients, RATE, step)
    for value, expected in zip(ours.values(), theirs, strict=True):
        torch.testing.assert_close(value, expected.detach(), rtol=1e-6, atol=1e-7)


def steps_by_rows(name: str, width: int | None) -> tuple[Tensor, Averaging, Tensor, torch.optim.Optimizer]:
    """Thirty steps that read four rows of nine, and a dense optimizer with gradients of zero elsewhere."""
    config, make = TORCHS[name]
    shape = (9,) if width is None else (9, width)
    table = drawn(*shape, seed=1)
    dense = table.clone().requires_grad_()
    ours, torchs = Averaging({"table": table}, frozenset({"table"}), config), make([dense])
    generator = torch.Generator().manual_seed(2)
    for step in range(30):
        # The last step reads all rows, so that all averages know of it.
        ids = torch.randperm(9, generator=generator)[:4] if step < 29 else torch.arange(9)
        gradient = torch.randn(len(ids), *shape[1:], generator=generator)
        dense.grad = torch.zeros(shape).index_copy(0, ids, gradient)
        torchs.step()
        ours.update_rows("table", ids, gradient, RATE, step)
    return table, ours, dense.detach(), torchs


@pytest.mark.parametrize("width", [None, 3])
@pytest.mark.parametrize("name", EXACT_BY_ROWS)
def test_rows_are_exact_where_a_gradient_of_zero_is_a_step_of_zero(name: str, width: int | None) -> None:
    table, _, dense, _ = steps_by_rows(name, width)
    torch.testing.assert_close(table, dense, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", TORCHS)
def test_the_averages_of_rows_fade_as_dense_ones_do(name: str) -> None:
    _, ours, _, torchs = steps_by_rows(name, 3)
    (state,) = torchs.state.values() or [{}]
    for average, by_name in ours.averages.items():
        names = AVERAGES[average]
        expected = next(state[key] for key in ([names] if isinstance(names, str) else names) if key in state)
        torch.testing.assert_close(by_name["table"], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", TORCHS)
def test_a_factor_is_what_gradients_are_multiplied_by_first(name: str) -> None:
    results = []
    for factor in (torch.tensor(0.25), None):
        values = {"kernel": drawn(3, 2, seed=1), "table": drawn(4, 2, seed=2)}
        optimizer, scale = Averaging(values, frozenset({"table"}), TORCHS[name][0]), 0.25 if factor is None else 1
        optimizer.update({"kernel": drawn(3, 2, seed=3) * scale}, RATE, 0, factor)
        optimizer.update_rows("table", torch.tensor([3, 1]), drawn(2, 2, seed=4) * scale, RATE, 0, factor)
        results.append(values)
    assert torch.equal(results[0]["kernel"], results[1]["kernel"])
    assert torch.equal(results[0]["table"], results[1]["table"])


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_rows_stay_where_they_are_while_they_are_not_read(name: str) -> None:
    table = drawn(4, 2, seed=1)
    optimizer = Averaging({"table": table}, frozenset({"table"}), TORCHS[name][0])
    optimizer.update_rows("table", torch.tensor([0, 1]), drawn(2, 2, seed=2), RATE, 0)
    before = table.clone()
    optimizer.update_rows("table", torch.tensor([1, 3]), drawn(2, 2, seed=3), RATE, 1)
    assert torch.equal(table[[0, 2]], before[[0, 2]])
    assert not torch.equal(table[[1, 3]], before[[1, 3]])


@pytest.mark.parametrize("name", TORCHS)
def test_an_optimizer_restored_goes_on_bit_for_bit(name: str) -> None:
    def make() -> tuple[dict[str, Tensor], Averaging]:
        values = {"kernel": drawn(3, 2, seed=1), "table": drawn(9, 2, seed=2)}
        return values, Averaging(values, frozenset({"table"}), TORCHS[name][0])

    def step(optimizer: Averaging, number: int) -> None:
        optimizer.update({"kernel": drawn(3, 2, seed=number)}, RATE, number)
        optimizer.update_rows(
            "table", torch.tensor([number % 9, 8 - number % 4]), drawn(2, 2, seed=-number), RATE, number
        )

    (whole, one), (first, two), (second, three) = make(), make(), make()
    for number in range(12):
        step(one, number)
    for number in range(5):
        step(two, number)
    for key, value in second.items():
        value.copy_(first[key])
    three.restore(two.tensors())
    for number in range(5, 12):
        step(three, number)
    assert all(torch.equal(second[key], value) for key, value in whole.items())


def test_settings_name_the_optimizer_and_adagrad_is_the_default() -> None:
    values = {"v": torch.ones(2)}
    assert isinstance(make_optimizer(values, frozenset(), TrainConfig()), Adagrad)
    adam = make_optimizer(values, frozenset(), TrainConfig(optimizer=OptimizerConfig(name="adamw")))
    assert isinstance(adam, Averaging)
    assert set(adam.averages) == {"mean", "mean_square"}


def test_parameters_without_gradient_stay() -> None:
    optimizer = Averaging({"v": torch.ones(2)}, frozenset(), OptimizerConfig(name="adam"))
    optimizer.update({}, RATE, 0)
    assert optimizer.parameters["v"].tolist() == [1, 1]
