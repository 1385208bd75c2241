"""Weight decay, L1 and L2, against torch's own and against tables whose rows are all kept up to date."""

import pytest
import torch
from torch import Tensor

from elmo_cli.config import OptimizerConfig
from elmo_cli.errors import ConfigError
from elmo_cli.train.averaging import Averaging
from elmo_cli.train.penalties import Penalties

RATES = [0.1, 0.05, 0.2, 0.0, 0.1, 0.3, 0.02, 0.1]
WHOLE: frozenset[str] = frozenset()
TABLE = frozenset({"table"})


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def whole_steps(config: OptimizerConfig) -> dict[str, Tensor]:
    values = {"kernel": drawn(4, 3, seed=1), "bias": drawn(3, seed=2)}
    optimizer, penalties = Averaging(values, WHOLE, config), Penalties(values, WHOLE, config)
    for step in range(15):
        gradients = {name: drawn(*value.shape, seed=10 + step) for name, value in values.items()}
        penalties.before(gradients, {}, 0.05)
        optimizer.update(gradients, 0.05, step)
        penalties.after(gradients, {}, 0.05)
    return values


@pytest.mark.parametrize(
    ("config", "make"),
    [
        (
            OptimizerConfig(name="adamw", weight_decay=0.3),
            lambda value, share: torch.optim.AdamW([value], lr=0.05, weight_decay=0.3 * share),
        ),
        (
            OptimizerConfig(name="adam", l2=0.3),
            lambda value, share: torch.optim.Adam([value], lr=0.05, weight_decay=0.3 * share),
        ),
        (
            OptimizerConfig(name="rmsprop", l2=0.3),
            lambda value, share: torch.optim.RMSprop([value], lr=0.05, weight_decay=0.3 * share),
        ),
        (
            OptimizerConfig(name="sgd", l2=0.3),
            lambda value, share: torch.optim.SGD([value], lr=0.05, momentum=0.9, weight_decay=0.3 * share),
        ),
    ],
)
def test_decay_and_l2_are_torchs_on_matrices_and_leave_biases_alone(config: OptimizerConfig, make: type) -> None:
    ours = whole_steps(config)
    for name, seed, shape, share in (("kernel", 1, (4, 3), 1.0), ("bias", 2, (3,), 0.0)):
        value = drawn(*shape, seed=seed).requires_grad_()
        torchs = make(value, share)
        for step in range(15):
            value.grad = drawn(*shape, seed=10 + step)
            torchs.step()
        torch.testing.assert_close(ours[name], value.detach(), rtol=1e-6, atol=1e-6)


def test_l1_brings_weights_to_zero_by_the_rate_and_no_further() -> None:
    values = {"kernel": torch.tensor([[0.5, -0.03, 0.02, -0.4]]), "bias": torch.tensor([0.5])}
    penalties = Penalties(values, WHOLE, OptimizerConfig(name="sgd", l1=0.1))
    penalties.after(list(values), {}, 0.25)
    assert values["kernel"].tolist() == [pytest.approx([0.475, -0.005, 0, -0.375])]
    assert values["bias"].tolist() == [0.5]


@pytest.mark.parametrize("config", [OptimizerConfig(name="sgd", weight_decay=0.4), OptimizerConfig(name="sgd", l1=0.8)])
def test_rows_that_are_not_read_pay_what_they_owe_before_they_are(config: OptimizerConfig) -> None:
    lazy, full = {"table": drawn(6, 3, seed=1)}, {"table": drawn(6, 3, seed=1)}
    by_rows, dense = Penalties(lazy, TABLE, config), Penalties(full, WHOLE, config)
    assert by_rows.owing == TABLE
    assert not dense.owing
    for step, rate in enumerate(RATES):
        ids = torch.tensor([step % 6, (step + 2) % 6])
        by_rows.pay("table", ids)
        torch.testing.assert_close(lazy["table"][ids], full["table"][ids], rtol=1e-5, atol=1e-7)
        gradient = drawn(2, 3, seed=5 + step) * 0.1
        slopes = {"table": torch.zeros(6, 3).index_copy(0, ids, gradient)}
        by_rows.before({}, {"table": ids}, rate)
        dense.before(slopes, {}, rate)
        lazy["table"][ids] -= rate * gradient
        full["table"] -= rate * slopes["table"]
        by_rows.after([], {"table": ids}, rate)
        dense.after(slopes, {}, rate)
        if step == 4:
            again = Penalties(lazy, TABLE, config)
            again.restore(by_rows.tensors())
            by_rows = again
    assert not torch.equal(lazy["table"], full["table"])
    by_rows.pay("table", torch.arange(6))
    torch.testing.assert_close(lazy["table"], full["table"], rtol=1e-5, atol=1e-7)
    if config.l1:
        assert (full["table"] == 0).any()
        assert torch.equal(lazy["table"] == 0, full["table"] == 0)


def test_nothing_asked_for_is_nothing_kept() -> None:
    penalties = Penalties({"table": torch.ones(3, 2)}, TABLE, OptimizerConfig())
    assert penalties.tensors() == {}
    assert not penalties.owing


def test_what_is_not_defined_for_rows_names_the_alternative() -> None:
    tables = {"softmax.weight_VD": torch.ones(3, 2), "softmax.bias_V": torch.ones(3)}
    with pytest.raises(ConfigError, match=r"l2: not defined where steps read only some rows of softmax.weight_VD") as e:
        Penalties(tables, frozenset(tables), OptimizerConfig(l2=0.1))
    assert "set train.optimizer.weight_decay instead" in e.value.hint
    with pytest.raises(ConfigError, match="l1 and weight_decay: not defined together") as e:
        Penalties(tables, frozenset(tables), OptimizerConfig(name="adamw", l1=0.1))
    assert "full softmax: train.negatives no smaller than the vocabulary" in e.value.hint
    Penalties(tables, WHOLE, OptimizerConfig(name="adamw", l1=0.1, l2=0.1))
