"""Every schedule's rates, by hand and by torch's own schedulers."""

import math

import pytest
import torch

from elmo_cli.config import SCHEDULES, ScheduleConfig
from elmo_cli.errors import ConfigError
from elmo_cli.train.schedules import Plateau, share_of_rate, warmed_up


def shares(schedule: ScheduleConfig, *, steps: int = 10, warmup: int = 2) -> list[float]:
    return [share_of_rate(schedule, step, warmup, steps) for step in range(steps)]


def test_the_rate_warms_up_and_stays() -> None:
    assert [warmed_up(0.2, step, 4) for step in range(6)] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2, 0.2])
    assert warmed_up(0.2, 0, 0) == 0.2


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_schedule_lowers_the_rate_while_it_warms_up_or_at_the_step_after(name: str) -> None:
    schedule = ScheduleConfig(name=name, decay_every=3)
    assert shares(schedule, warmup=4)[:4] == [1] * 4
    if name != "inverse_sqrt":
        assert shares(schedule, warmup=4)[4] == 1


def test_linear_and_cosine_fall_to_their_last_share_over_the_steps_after_the_warm_up() -> None:
    eighths = [1, 1, *(1 - number / 8 for number in range(8))]
    assert shares(ScheduleConfig(name="linear")) == pytest.approx(eighths)
    assert shares(ScheduleConfig(name="linear", final_share=0.2)) == pytest.approx([0.2 + 0.8 * x for x in eighths])
    cosine = [1, 1, *((1 + math.cos(math.pi * number / 8)) / 2 for number in range(8))]
    assert shares(ScheduleConfig(name="cosine")) == pytest.approx(cosine)


def test_cosine_without_warm_up_is_torchs() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.1)
    rates = []
    for _ in range(10):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        torchs.step()
    assert shares(ScheduleConfig(name="cosine", final_share=0.1), warmup=0) == pytest.approx(rates)


def test_an_end_of_its_own_replaces_the_runs_and_the_last_share_then_stays() -> None:
    early = shares(ScheduleConfig(name="linear", end=6, final_share=0.5))
    assert early == pytest.approx([1, 1, 1, 0.875, 0.75, 0.625, 0.5, 0.5, 0.5, 0.5])
    assert share_of_rate(ScheduleConfig(name="linear", end=6), 7, 2, None) == 0


def test_inverse_square_root_and_steps() -> None:
    assert shares(ScheduleConfig(name="inverse_sqrt"), warmup=4)[3:] == pytest.approx(
        [1, *(math.sqrt(4 / (step + 1)) for step in range(4, 10))]
    )
    assert shares(ScheduleConfig(name="inverse_sqrt", final_share=0.5), warmup=0, steps=5) == pytest.approx(
        [1, 0.5**0.5, 3**-0.5, 0.5, 0.5]
    )
    stairs = ScheduleConfig(name="step", decay_every=3, factor=0.1, final_share=0.05)
    assert shares(stairs) == pytest.approx([1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.05, 0.05])


def test_a_schedule_that_ends_with_the_run_needs_its_length() -> None:
    with pytest.raises(ConfigError, match=r"schedule\.name cosine has to know where it ends") as caught:
        share_of_rate(ScheduleConfig(name="cosine"), 3, 2, None)
    assert "set train.schedule.end" in caught.value.hint


def test_a_plateau_lowers_the_rate_as_torchs_scheduler_does() -> None:
    losses = [5.0, 4.0, 4.5, 4.2, 3.9, 3.9, 3.95, 4.0, 4.0, 4.0, 3.0]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    # torch waits for more than its patience, here as many as it.
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, threshold=0.0, min_lr=0.2)
    schedule = ScheduleConfig(name="plateau", plateau_patience=2, factor=0.5, final_share=0.2)
    plateau, ours, theirs = Plateau(), [], []
    for loss in losses:
        plateau.evaluated(loss, schedule)
        torchs.step(loss)
        ours.append(plateau.share)
        theirs.append(optimizer.param_groups[0]["lr"])
        plateau = Plateau(**plateau.state())  # as a resumed run has it
    assert ours == theirs
    assert ours[-1] == 0.2
