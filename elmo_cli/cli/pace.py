"""How fast a stage goes and how long it still takes, from nothing but its reports."""

from collections import deque

from elmo_cli.cli import figures
from elmo_cli.flows.reports import Progress

WINDOW = 30.0
"""Seconds that a rate looks back on: long enough to be calm, short enough to follow a change."""


class Pace:
    """One stage's speed. It counts from the stage's first report, so a resumed stage does not seem to have flown.

    Args:
        first: The report that opened the stage.
        now: Seconds on a clock that never goes back.
    """

    def __init__(self, first: Progress, now: float) -> None:
        self.first = self.last = first
        self._began = self._latest = now
        self._samples = deque([(now, first.done)])

    def add(self, report: Progress, now: float) -> None:
        """Takes in the stage's next report."""
        self.last, self._latest = report, now
        if now - self._samples[-1][0] >= WINDOW / 100:  # a bounded number of samples, however many reports
            self._samples.append((now, report.done))
        while len(self._samples) > 1 and now - self._samples[1][0] >= WINDOW:
            self._samples.popleft()

    def go_on(self, report: Progress, now: float) -> None:
        """Takes in the first report after a pause, in which another stage had its turn; the pause does not count."""
        pause = now - self._latest
        self._began += pause
        self._samples = deque((then + pause, done) for then, done in self._samples)
        self.add(report, now)

    @property
    def seconds(self) -> float:
        """Seconds from the first report to the last, pauses left out."""
        return self._latest - self._began

    @property
    def position(self) -> str:
        """``1,240 of 10,000 steps``."""
        return figures.amount(self.last.done, self.last.total, self.last.unit)

    @property
    def rate(self) -> float | None:
        """Units per second of late; None while there is nothing to tell it from."""
        then, done = self._samples[0]
        return _ratio(self.last.done - done, self._latest - then)

    @property
    def mean_rate(self) -> float | None:
        """Units per second over the whole stage."""
        return _ratio(self.last.done - self.first.done, self.seconds)

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end at the rate of late; None where the total or the rate is unknown."""
        if self.last.total is None or self.rate is None:
            return None
        return max(0, self.last.total - self.last.done) / self.rate

    def underway(self) -> str:
        """``1,240 of 10,000 steps, 12.3 steps/s, 0:11:52 left; loss 5.4``."""
        words = [self.position]
        if self.rate is not None:
            words.append(figures.rate(self.rate, self.last.unit))
        if self.seconds_left is not None:
            words.append(f"{figures.clock(self.seconds_left)} left")
        return self._with_note(", ".join(words))

    def ended(self) -> str:
        """``10,000 of 10,000 steps, 12.3 steps/s, took 0:13:33; loss 4.9``; the rate is that of the whole stage."""
        words = [self.position]
        if self.mean_rate is not None:
            words.append(figures.rate(self.mean_rate, self.last.unit))
        words.append(f"took {figures.duration(self.seconds)}")
        return self._with_note(", ".join(words))

    def _with_note(self, words: str) -> str:
        return f"{words}; {self.last.note}" if self.last.note else words


def _ratio(units: int, seconds: float) -> float | None:
    return units / seconds if seconds > 0 and units > 0 else None
