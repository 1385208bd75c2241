"""How long runs are."""

import pytest

from elmo_cli.config import TrainConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.pretraining.run_length import RunLength


def length(**train: float) -> RunLength:
    return RunLength.of(TrainConfig(**train), steps_per_epoch=200.0, words_per_step=50.0)


@pytest.mark.parametrize(
    ("train", "steps"),
    [({}, 2000), ({"epochs": 0.5}, 100), ({"epochs": 0.001}, 1), ({"steps": 7}, 7), ({"words": 5001}, 101)],
)
def test_epochs_steps_and_words_end_at_a_step(train: dict, steps: int) -> None:
    found = length(**train)
    assert found.steps == steps
    assert not found.reached(steps - 1, 1e9)
    assert found.reached(steps, 0.0)
    assert str(found) == f"{steps:,}"
    assert found.seconds_left(steps - 1, 5.0, 2.0) == 2.0


def test_hours_end_at_a_time() -> None:
    found = length(hours=2)
    assert str(found) == "as many as fit into 2 hours"
    assert not found.reached(10**9, 7199.9)
    assert found.reached(1, 7200.0)
    assert found.total_steps(100, 720.0) == 1000
    assert found.seconds_left(1, 7000.0, 99.0) == 200.0


def test_ten_evaluations_where_nothing_else_is_said() -> None:
    found = length(steps=95)
    assert [step for step in range(1, 96) if found.evaluates(step, 0.0, 0.0)] == [*range(10, 95, 10), 95]
    by_time = length(hours=1 / 36)  # a hundred seconds, a second a step
    assert [step for step in range(1, 101) if by_time.evaluates(step, step - 1.0, float(step))] == [*range(10, 101, 10)]
    every = length(hours=1, evaluate_every=3)
    assert [step for step in range(1, 8) if every.evaluates(step, step - 1.0, float(step))] == [3, 6]


@pytest.mark.parametrize(
    ("train", "problem"),
    [
        ({"epochs": 1.0, "hours": 1.0}, "epochs, steps, words and hours exclude each other: set one"),
        ({"words": 0}, "words must be at least 1, not 0"),
        ({"hours": 0.0}, "hours must be above 0, not 0.0"),
        ({"patience": 0}, "patience must be at least 1, not 0"),
        ({"on_non_finite": "pray"}, "on_non_finite must be stop or back_off: 'pray'"),
        ({"back_offs": 0}, "back_offs must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_is_refused(train: dict, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**train)
    assert problem in caught.value.message
