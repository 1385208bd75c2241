"""What tests of all folders share."""

from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from elmo_cli import processes

# A machine may be slow or busy, or hold a process for a minute; no property is about time.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real text and fixtures beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"needs real text in {folder}, which is not on this machine")
    return folder


@pytest.fixture
def others_in_time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Has the calling process wait at its first item until another one is there, which gets the items behind it.

    A number is added for every item that the calling process works on itself.
    """
    own: list[float] = []
    others: list[Future[Any]] = []

    def noted(pool: ProcessPoolExecutor, *work: Any) -> Future[Any]:
        others.append(submit(pool, *work))
        return others[-1]

    def patient(function: Callable[[Any], Any], item: Any) -> Any:
        if not own:
            others[-1].result()
        own.append(0.0)
        return done(function, item)

    submit, done = ProcessPoolExecutor.submit, processes._done
    monkeypatch.setattr(ProcessPoolExecutor, "submit", noted)
    monkeypatch.setattr(processes, "_done", patient)
    return own
