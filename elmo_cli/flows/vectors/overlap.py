"""Stages that work at the same time: one reads ahead, one works off what was handed to it.

What a stage raises, comes out where its work is taken; when its user stops, it stops. Results are those of one stage
after the other.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item], most: int = 2) -> Generator[Item, None, None]:
    """The same items, the next ones made by a thread while the caller works on one.

    Args:
        items: Made in the thread, one at a time. Nothing may block it for ever: closing this waits for the one that is
            being made.
        most: Items that wait, at most.

    Example:
        >>> list(read_ahead(iter("abc")))
        ['a', 'b', 'c']
    """
    end: Any = object()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        waiting: deque[Future[Item]] = deque(pool.submit(next, items, end) for _ in range(most))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(next, items, end))
                yield item
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def worked_off(work: Callable[[Item], None], most: int = 1) -> Iterator[Callable[[Item], None]]:
    """Gives what hands items over to a thread, which calls ``work`` with one after the other.

    Handing over waits while more than ``most`` items wait, and raises what ``work`` raised for one before. At the end
    of the block all are worked off; where it ends in an error, those that wait are dropped.

    Example:
        >>> done = []
        >>> with worked_off(done.append) as hand_over:
        ...     for item in "abc":
        ...         hand_over(item)
        >>> done
        ['a', 'b', 'c']
    """
    waiting: deque[Future[None]] = deque()
    failed = False

    def work_off(item: Item) -> None:
        nonlocal failed
        if failed:
            return  # what comes behind a gap must not be written
        try:
            work(item)
        except BaseException:
            failed = True
            raise

    with ThreadPoolExecutor(1, thread_name_prefix="work-off") as pool:

        def hand_over(item: Item) -> None:
            waiting.append(pool.submit(work_off, item))
            while waiting and (len(waiting) > most + 1 or waiting[0].done()):
                waiting.popleft().result()

        try:
            yield hand_over
            while waiting:
                waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
