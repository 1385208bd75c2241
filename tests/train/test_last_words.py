"""What processes learn of one that ended."""

import multiprocessing
import os

import pytest
from torch.distributed import HashStore

from elmo_cli.errors import ConfigError, LostProcessError, OutputError
from elmo_cli.train import last_words
from elmo_cli.train.last_words import LastWords


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens for long."""
    monkeypatch.setattr(last_words, "LISTEN_SECONDS", 0.1)
    monkeypatch.setattr(last_words, "LOOK_SECONDS", 0.01)


def test_the_others_hear_why_a_process_ended() -> None:
    store = HashStore()
    first, second = (LastWords(store, rank, 2) for rank in range(2))
    with pytest.raises(OutputError), first.leaving():
        raise OutputError("run: the disk is full", hint="free space")
    error = second.lost()
    assert error.message == "rank 1 stops, because rank 0 ended: run: the disk is full"
    assert "--max-restarts" in error.hint and "--resume" in error.hint


def test_a_bug_is_told_with_its_kind() -> None:
    store = HashStore()
    first, second = (LastWords(store, rank, 2) for rank in range(2))
    with pytest.raises(KeyError), first.leaving():
        raise KeyError("rows")
    assert "rank 0 ended: KeyError: 'rows'" in second.lost().message


def test_losing_another_is_no_reason_that_is_passed_on() -> None:
    store = HashStore()
    first, second = (LastWords(store, rank, 2) for rank in range(2))
    with pytest.raises(LostProcessError), first.leaving():
        raise first.lost("rank 2 (process 1) died")
    assert second.lost().message == "rank 1 stops, because a connection broke; no word from rank 0"


def test_a_process_that_was_killed_is_named() -> None:
    store = HashStore()
    child = multiprocessing.get_context("spawn").Process(target=abs, args=(1,))
    child.start()
    LastWords(store, 1, 3)
    store.set("place/1", store.get("place/1").decode().replace(str(os.getpid()), str(child.pid), 1))
    child.join()
    first = LastWords(store, 0, 3)
    LastWords(store, 2, 3)
    assert first.lost().message == f"rank 0 stops, because rank 1 (process {child.pid}) died"


def test_waiting_ends_when_it_is_ready_or_can_never_be() -> None:
    store = HashStore()
    first, second = (LastWords(store, rank, 2) for rank in range(2))
    first.say_ready("text")
    second.wait_for("text", 0)
    with pytest.raises(ConfigError), first.leaving():
        raise ConfigError("train.rows: expected 1 or more, found 0")
    with pytest.raises(LostProcessError, match=r"rank 1 stops, because rank 0 ended: train.rows: expected 1 or more"):
        second.wait_for("model", 0)
