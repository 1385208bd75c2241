"""Readings of a clock that goes only when work is done."""

from collections.abc import Callable

import pytest
import torch

from benchmarks import timing
from benchmarks.timing import LEAST_REPEATS, REPEATS, Timing, measure

CPU = torch.device("cpu")


class Clock:
    """Stands in the place of the module ``time``."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls = 0

    def perf_counter(self) -> float:
        """Seconds."""
        return self.now

    def work(self, *durations: float) -> Callable[[], None]:
        """Something that takes so long: the first call the first of them, and later ones the last."""

        def call() -> None:
            self.now += durations[min(self.calls, len(durations) - 1)]
            self.calls += 1

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that work is timed with."""
    made_up = Clock()
    monkeypatch.setattr(timing, "time", made_up)
    return made_up


def test_slow_work_is_read_three_times_after_one_call_that_does_not_count(clock: Clock) -> None:
    result = measure(clock.work(9.0, 1.0), CPU, 2.0)
    assert clock.calls == 1 + LEAST_REPEATS
    assert result.seconds == pytest.approx((1.0,) * LEAST_REPEATS)
    assert result.peak_memory is None


def test_quick_work_is_repeated_within_a_reading(clock: Clock) -> None:
    result = measure(clock.work(0.25, 2**-10), CPU, 2.0)
    assert len(result.seconds) == REPEATS
    assert clock.calls == 2 + 103 * REPEATS  # 103 calls of 1/1024 second are the first to reach 2 seconds / REPEATS
    assert result.median == 2**-10


def test_a_first_call_that_sets_things_up_does_not_decide_how_many_calls_a_reading_has(clock: Clock) -> None:
    measure(clock.work(0.4, 0.01), CPU, 2.0)
    assert clock.calls == 2 + 10 * REPEATS


def test_work_that_takes_no_time_ends(clock: Clock) -> None:
    clock.perf_counter = lambda: 1.0  # type: ignore[method-assign]
    assert measure(lambda: None, CPU, 0.0).seconds == (0.0,) * LEAST_REPEATS


def test_the_highest_rate_is_that_of_the_shortest_reading() -> None:
    assert Timing((0.5, 0.25, 1.0)).rates(10) == (20.0, 10.0, 40.0)


def test_the_peak_of_a_gpu_is_what_torch_held_since_caches_were_emptied(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda device, name=name: calls.append(name))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("empty_cache"))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 7)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 1)  # without what a graph replays in
    assert measure(clock.work(1.0), torch.device("cuda"), 1.0).peak_memory == 7
    assert calls[:2] == ["empty_cache", "reset_peak_memory_stats"]
    assert set(calls[2:]) == {"synchronize"}
