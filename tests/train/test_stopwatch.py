"""Times on the host, and on a device that is behind it."""

import time
from typing import Any

import pytest
import torch

from elmo_cli.train.stopwatch import Stopwatch


def test_on_the_host_the_clock_counts() -> None:
    watch = Stopwatch(torch.device("cpu"))
    assert watch.seconds == 0
    time.sleep(0.02)
    watch.stop()
    assert 0.02 <= watch.seconds < 1


class Stream:
    """A device's stream of work, in which a moment passes with everything that is put into it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited = False


def test_on_a_gpu_its_own_marks_count_and_nothing_waits_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing, "torch keeps no time otherwise"

        def record(self, where: Any) -> None:
            assert where is stream
            self.at = stream.now

        def synchronize(self) -> None:
            stream.waited = True

        def elapsed_time(self, end: "Event") -> float:
            assert stream.waited, "torch refuses a time that has not come yet"
            return 1000 * (end.at - self.at)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    watch = Stopwatch(torch.device("cuda"))
    stream.now += 3.5
    watch.stop()
    assert not stream.waited
    assert watch.seconds == 3.5
