"""What tests of all folders share."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elmo_cli import processes


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real text and fixtures beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"needs real text in {folder}, which is not on this machine")
    return folder


@pytest.fixture
def others_in_time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Makes the calling process slow at its first item, so that other processes are there before all is done.

    A number is added for every item that the calling process works on itself.
    """
    own: list[float] = []

    def slow_at_first(function: Callable[[Any], Any], item: Any) -> Any:
        own.append(0.0 if own else 1.0)
        time.sleep(own[-1])
        return done(function, item)

    done = processes._done
    monkeypatch.setattr(processes, "_done", slow_at_first)
    return own
