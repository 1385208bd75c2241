"""How often something can be done in a second, measured again and again."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

REPEATS = 20
"""Repeats aimed at within the time that a figure is given; each is one reading of the clock."""
LEAST_REPEATS = 3
"""However long one takes: fewer give no spread."""


@dataclass(frozen=True)
class Timing:
    """Seconds that one call took, in each repeat."""

    seconds: tuple[float, ...]
    peak_memory: int | None = None
    """Bytes of a GPU that torch held at most meanwhile, a graph's memory included; None for a CPU."""

    @property
    def median(self) -> float:
        """Seconds of the middle repeat."""
        return median(self.seconds)

    def rates(self, units: float) -> tuple[float, float, float]:
        """Units per second, where one call does ``units``: median, lowest and highest.

        Example:
            >>> Timing((0.5, 0.25, 1.0)).rates(10)
            (20.0, 10.0, 40.0)
        """
        return units / self.median, units / max(self.seconds), units / min(self.seconds)


def measure(work: Callable[[], object], device: torch.device, seconds: float) -> Timing:
    """Times calls of ``work``, the first ones left out.

    Short calls are repeated within one reading, so that neither the clock nor the wait for a GPU weighs.

    Args:
        work: What to time.
        device: Where it computes. A GPU is waited for before and after each reading.
        seconds: Time to spend, at least :data:`LEAST_REPEATS` readings in any case.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()  # what parts before this one left behind is not its own
        torch.cuda.reset_peak_memory_stats(device)
    once = _time(work, 1, device)
    if once < seconds / 4:  # the first call also allocates, and on a GPU loads its kernels
        once = _time(work, 1, device)
    calls = max(1, math.ceil(seconds / REPEATS / max(once, 1e-9)))
    readings: list[float] = []
    begin = time.perf_counter()
    while len(readings) < LEAST_REPEATS or (time.perf_counter() - begin < seconds and len(readings) < 5 * REPEATS):
        readings.append(_time(work, calls, device))
    peak_memory = torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None
    return Timing(tuple(readings), peak_memory)


def in_turns(
    *works: Callable[[], object],
    rounds: int = LEAST_REPEATS,
    warm: bool = True,
    before: Callable[[], None] = lambda: None,
) -> list[Timing]:
    """Seconds of each, one after another, so many times: what the machine does meanwhile hits all of them.

    Args:
        works: What to time. Each waits for what it does.
        rounds: How often.
        warm: Whether a first round is left out.
        before: Called before each of them, outside of its time: so that none replaces a file while another begins
            one anew, whose room in memory is at hand.
    """
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + warm):
        for taken, work in zip(seconds, works, strict=True):
            before()
            begin = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begin)
    return [Timing(tuple(taken[warm:])) for taken in seconds]


def _time(work: Callable[[], object], calls: int, device: torch.device) -> float:
    """Seconds per call."""
    _wait(device)
    begin = time.perf_counter()
    for _ in range(calls):
        work()
    _wait(device)
    return (time.perf_counter() - begin) / calls


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
