"""The learning rate of every step: a function of the step alone, but for what a plateau remembers."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from elmo_cli.config import ScheduleConfig
from elmo_cli.errors import ConfigError


def warmed_up(rate: float, step: int, warmup_steps: int) -> float:
    """The learning rate of a step counted from 0: rising linearly over the warm-up, then constant."""
    return rate * min(1.0, (step + 1) / warmup_steps) if warmup_steps else rate


def share_of_rate(schedule: ScheduleConfig, step: int, warmup_steps: int, total_steps: int | None) -> float:
    """What a schedule leaves of the learning rate at a step counted from 0; 1 while the rate still warms up.

    ``linear`` and ``cosine`` (Loshchilov and Hutter, 2017, without restarts) begin at 1 with the first step after the
    warm-up and would reach ``final_share`` at the step after the last. ``inverse_sqrt`` is ``sqrt(w / (step + 1))``
    with w the warm-up's steps, at least 1 (Vaswani et al., 2017). A plateau's share is :class:`Plateau`'s.

    Args:
        total_steps: Steps of the whole run; None where that is not known.

    Raises:
        ConfigError: The schedule ends with the run, and the run's length is not known.
    """
    after = step - warmup_steps
    if schedule.name in ("constant", "plateau") or after < 0:
        return 1.0
    floor = schedule.final_share
    if schedule.name == "inverse_sqrt":
        return max(floor, math.sqrt(max(1, warmup_steps) / (step + 1)))
    if schedule.name == "step":
        assert schedule.decay_every is not None, "the section's own check"
        return max(floor, schedule.factor ** (after // schedule.decay_every))
    end = schedule.end if schedule.end is not None else total_steps
    if end is None:
        raise ConfigError(
            f"train.schedule.name {schedule.name} has to know where it ends, and the run has no length in steps",
            hint="set train.schedule.end to a step, or choose inverse_sqrt, step or plateau",
        )
    progress = min(1.0, after / max(1, end - warmup_steps))
    falling = 1 - progress if schedule.name == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return floor + (1 - floor) * falling


@dataclass
class Plateau:
    """Lowers the rate when held-out perplexity stays: what it remembers belongs into a checkpoint."""

    best: float = math.inf
    """Lowest held-out loss so far, in nats."""
    waited: int = 0
    """Evaluations since then, or since the rate was lowered last."""
    share: float = 1.0
    """What is left of the rate."""

    def evaluated(self, loss: float, schedule: ScheduleConfig) -> None:
        """Takes note of a held-out loss.

        After ``plateau_patience`` losses in a row that are no new best, the rate is multiplied by ``factor`` and the
        counting starts again, as in torch's ``ReduceLROnPlateau`` without threshold and cooldown.
        """
        if loss < self.best:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= schedule.plateau_patience:
            self.share, self.waited = max(schedule.final_share, self.share * schedule.factor), 0

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return asdict(self)
