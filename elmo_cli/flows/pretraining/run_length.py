"""How long a run is, in whatever it was given."""

import math
from dataclasses import dataclass

from elmo_cli.config import TrainConfig

EPOCHS = 10.0
"""Length of a run that was given none."""
EVALUATIONS = 10
"""How often a run is evaluated where nothing else is said."""


@dataclass(frozen=True)
class RunLength:
    """The end of a run: a step, or so many seconds of running. One of the two is None."""

    steps: int | None
    seconds: float | None
    evaluate_every: int | None
    """Steps between evaluations; None, for a run by seconds alone: every tenth of them."""

    @classmethod
    def of(cls, train: TrainConfig, *, steps_per_epoch: float, words_per_step: float) -> "RunLength":
        """The length that the settings ask for."""
        if train.hours is not None:
            return cls(None, 3600 * train.hours, train.evaluate_every)
        if train.steps is not None:
            steps = train.steps
        elif train.words is not None:
            steps = math.ceil(train.words / words_per_step)
        else:
            steps = max(1, round((train.epochs or EPOCHS) * steps_per_epoch))
        return cls(steps, None, train.evaluate_every or max(1, math.ceil(steps / EVALUATIONS)))

    def __str__(self) -> str:
        """Of steps, for people."""
        if self.steps is not None:
            return f"{self.steps:,}"
        assert self.seconds is not None
        return f"as many as fit into {self.seconds / 3600:g} hours"

    def reached(self, step: int, seconds: float) -> bool:
        """Whether this is the end."""
        if self.steps is not None:
            return step >= self.steps
        assert self.seconds is not None
        return seconds >= self.seconds

    def total_steps(self, step: int, seconds: float) -> int:
        """Steps of the whole run; of one by seconds, as many as there will be if it goes on as it did."""
        if self.steps is not None:
            return self.steps
        assert self.seconds is not None
        return max(step + (seconds < self.seconds), round(step * self.seconds / max(seconds, 1e-9)))

    def seconds_left(self, step: int, seconds: float, seconds_per_step: float) -> float:
        """Seconds to the end if it goes on as it did."""
        if self.seconds is not None:
            return max(0.0, self.seconds - seconds)
        assert self.steps is not None
        return max(0, self.steps - step) * seconds_per_step

    def evaluates(self, step: int, seconds_before: float, seconds: float) -> bool:
        """Whether there is an evaluation after a step.

        Args:
            step: Steps done, this one included.
            seconds_before: Running time before the step.
            seconds: Running time after it.
        """
        if self.reached(step, seconds):
            return True
        if self.evaluate_every is not None:
            return step % self.evaluate_every == 0
        assert self.seconds is not None
        tenth = self.seconds / EVALUATIONS
        return int(seconds / tenth) > int(seconds_before / tenth)
