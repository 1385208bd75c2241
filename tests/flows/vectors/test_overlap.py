import threading
from collections.abc import Iterator

import pytest

from elmo_cli.flows.vectors.overlap import read_ahead, worked_off


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("read-ahead", "work-off"))]


def test_items_come_in_order_from_another_thread() -> None:
    made_by = []

    def items() -> Iterator[int]:
        for number in range(20):
            made_by.append(threading.current_thread().name)
            yield number

    assert list(read_ahead(items())) == list(range(20))
    assert all(name.startswith("read-ahead") for name in made_by)
    assert threads() == []


def test_no_more_is_read_ahead_than_was_asked_for() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    reader = read_ahead(items(), most=3)
    assert next(reader) == 0
    reader.close()  # type: ignore[attr-defined]
    assert len(made) <= 4
    assert threads() == []


def test_an_error_of_the_reader_comes_out_where_its_item_would() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("line 2")

    reader = read_ahead(items())
    assert next(reader) == 1
    with pytest.raises(ValueError, match="line 2"):
        next(reader)
    assert threads() == []


def test_all_that_was_handed_over_is_worked_off_at_the_end() -> None:
    done: list[int] = []
    with worked_off(done.append) as hand_over:
        for number in range(20):
            hand_over(number)
    assert done == list(range(20))
    assert threads() == []


def test_an_error_of_the_worker_comes_out_and_nothing_behind_it_is_worked_off() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 3:
            raise OSError("disk full")
        done.append(number)

    def hand_all_over() -> None:
        with worked_off(work, most=2) as hand_over:
            for number in range(20):
                hand_over(number)

    with pytest.raises(OSError, match="disk full"):
        hand_all_over()
    assert done == [0, 1, 2]
    assert threads() == []


def test_an_error_of_the_user_ends_the_worker() -> None:
    done: list[int] = []

    def hand_one_over() -> None:
        with worked_off(done.append) as hand_over:
            hand_over(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hand_one_over()
    assert threads() == []
