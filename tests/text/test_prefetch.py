"""Batches made ahead."""

import threading

import pytest

from elmo_cli.text.prefetch import Ahead


def test_the_next_batch_is_made_by_a_thread_while_the_step_computes() -> None:
    makers: dict[int, str] = {}
    made = {step: threading.Event() for step in range(4)}

    def make(step: int) -> int:
        makers[step] = threading.current_thread().name
        made[step].set()
        return 10 * step

    ahead = Ahead(make)
    assert ahead.take(0) == 0
    assert made[1].wait(5), "nobody made the next batch"
    assert ahead.take(1) == 10
    assert makers[0] == threading.current_thread().name
    assert makers[1] == "next-batch"


def test_any_step_may_be_asked_for() -> None:
    ahead = Ahead(lambda step: step)
    assert [ahead.take(step) for step in (5, 6, 2, 3, 3, 9)] == [5, 6, 2, 3, 3, 9]


def test_what_the_thread_raises_comes_out_where_its_step_is_taken() -> None:
    def make(step: int) -> int:
        if step == 2:
            raise OSError("the disk is gone")
        return step

    ahead = Ahead(make)
    assert [ahead.take(step) for step in (0, 1)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        ahead.take(2)
    assert ahead.take(0) == 0, "a step before it is still there"


def test_an_error_of_a_step_that_nobody_takes_is_nobodys() -> None:
    def make(step: int) -> int:
        if step == 1:
            raise ValueError
        return step

    ahead = Ahead(make)
    assert ahead.take(0) == 0
    assert ahead.take(0) == 0


def test_who_waits_finds_nothing_being_made() -> None:
    slow, made = threading.Event(), []

    def make(step: int) -> int:
        if step:
            slow.wait(5)
        made.append(step)
        return step

    ahead = Ahead(make)
    ahead.wait()  # nothing is, before the first one is taken
    ahead.take(0)
    threading.Timer(0.05, slow.set).start()
    ahead.wait()
    assert made == [0, 1]
