"""Trial steps in a process of their own, which the system may end."""

import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from elmo_cli.errors import ConfigError
from elmo_cli.flows.pretraining.own_process import in_own_process
from elmo_cli.flows.reports import Notice


def work(what: str) -> Generator[Notice, None, dict[str, int | str]]:
    """What a test has done in another process."""
    yield Notice(text=f"begun {what}")
    if what == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "no memory":
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    if what == "refused":
        raise ConfigError("place: found something", hint="try another")
    if what == "ended":
        os._exit(3)
    score = Path("/proc/self/oom_score_adj")
    return {"process": os.getpid(), "score": score.read_text().strip() if score.exists() else ""}


def test_reports_and_what_is_made_come_through() -> None:
    flow = in_own_process(work, "well")
    assert next(flow) == Notice(text="begun well")
    with pytest.raises(StopIteration) as end:
        next(flow)
    assert end.value.value["process"] != os.getpid()
    if sys.platform == "linux":
        assert end.value.value["score"] == "1000", "another process would be ended before it"


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("killed", MemoryError, r"ended before them \(exit code -9\)"),
        ("no memory", MemoryError, "can't allocate memory"),
        ("refused", ConfigError, "place: found something"),
        ("ended", RuntimeError, "exit code 3"),
    ],
)
def test_how_it_ended_is_told(what: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        list(in_own_process(work, what))
    if what == "refused":
        assert raised.value.hint == "try another"  # type: ignore[attr-defined]
        assert any("in work" in note for note in raised.value.__notes__), "where it arose"


def test_it_ends_when_nobody_wants_to_know_more() -> None:
    flow = in_own_process(work, "well")
    next(flow)
    flow.close()
