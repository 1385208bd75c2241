"""Work shared out over processes, with results in order whatever their number."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeVar

from elmo_cli.cores import usable_cores
from elmo_cli.errors import ConfigError, ElmoError
from elmo_cli.shared_memory import Packed, Slots

Item = TypeVar("Item")
Made = TypeVar("Made")

IN_FLIGHT = 3
"""Items per process that are taken before the first one is back; bounds the memory."""

AHEAD = 3
"""Items that another process is given at a time where this one works, too: enough until this one looks again. More
would leave this one idle for longer at the end."""

SLOTS = 2 * AHEAD
"""Places for results of another process: those that it works on, and as many that wait for their turn."""

WORTH_STARTING = 8 << 20
"""Bytes of an input that are worth more processes than one, where each takes some work; starting some takes a few
tenths of a second."""


def suitable_processes(wanted: int | None, size: int | None, worth: int = WORTH_STARTING) -> int:
    """How many processes to use.

    Args:
        wanted: What the user asked for; None leaves it open.
        size: Bytes of the input; None where nobody knows.
        worth: Bytes from which more processes than one are faster at this work.

    Example:
        >>> suitable_processes(None, 1_000_000), suitable_processes(3, 1_000_000)
        (1, 3)
    """
    if wanted is not None:
        return wanted
    return 1 if size is not None and size < worth else usable_cores()


class Workers:
    """Processes that wait for work; made by :func:`workers`."""

    def __init__(self, pool: ProcessPoolExecutor | None, processes: int) -> None:
        self._pool = pool
        self._processes = processes

    def map_in_order(self, function: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """As the function :func:`map_in_order`, in the processes that are there."""
        if self._pool is None:
            yield from map(function, items)
            return
        waiting: deque[Future[Made]] = deque()
        try:
            with _death_told():
                for item in items:
                    waiting.append(self._pool.submit(function, item))
                    if len(waiting) >= IN_FLIGHT * self._processes:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def workers(
    processes: int, *, prepare: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[Workers]:
    """Keeps processes for several stages of work, since each takes a moment to start.

    Args:
        processes: With 1 everything happens in the calling process.
        prepare: Called with ``arguments`` once in every process before its first item, to keep what all items need.
    """
    if processes <= 1:
        if prepare is not None:
            prepare(*arguments)
        yield Workers(None, 1)
        return
    with _started(processes, prepare, arguments) as pool:
        yield Workers(pool, processes)


@contextmanager
def _started(
    processes: int, prepare: Callable[..., None] | None, arguments: tuple[Any, ...], slots: Slots | None = None
) -> Iterator[ProcessPoolExecutor]:
    # A fork would copy locks that threads of torch or h5py hold; spawned processes start clean.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(prepare, arguments, slots))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _death_told() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise ElmoError(
            "a worker process died before its work was done; most often the system ended it for want of memory",
            hint="run it again with fewer --processes",
        ) from error


def map_in_order(
    function: Callable[[Item], Made],
    items: Iterable[Item],
    *,
    processes: int,
    prepare: Callable[..., None] | None = None,
    arguments: tuple[Any, ...] = (),
) -> Iterator[Made]:
    """``map(function, items)`` over processes: the same results in the same order for any number of them.

    The calling process is one of them: it works on items itself, from the first moment on, while the others start and
    whenever the next result in order is not there yet. Items are taken a few at a time, so that memory is bounded by
    some of the largest ones. What other processes make comes through memory that they share, as far as it is arrays
    (see :mod:`elmo_cli.shared_memory`). Close the generator to stop early.

    Args:
        function: A function of a module's top level; items and results must be picklable.
        items: Read in the calling process, lazily.
        processes: How many work, the calling one included.
        prepare: As in :func:`workers`; it is called in the calling process, too.
        arguments: As in :func:`workers`.

    Raises:
        ElmoError: A process died, which is most often the system's doing where memory ran out. What ``function``
            raises comes through as it is.

    Example:
        >>> list(map_in_order(abs, [-2, 1], processes=1))
        [2, 1]
    """
    if prepare is not None:
        prepare(*arguments)
    left = iter(items)
    first = list(islice(left, 1 if processes <= 1 else 2))
    if processes <= 1 or len(first) <= 1:  # one item alone is worth no other process
        yield from map(function, chain(first, left))
        return
    others = processes - 1
    with (
        closing(Slots(SLOTS * others)) as slots,
        _started(others, prepare, arguments, slots) as pool,
        _death_told(),
    ):
        yield from _shared(function, chain(first, left), pool, others, slots)


def _shared(
    function: Callable[[Item], Made], left: Iterator[Item], pool: ProcessPoolExecutor, others: int, slots: Slots
) -> Iterator[Made]:
    """What :func:`map_in_order` gives, from this process and others."""
    # Until the first of them is there, nothing is given away: this process would wait for what it could do itself.
    there = pool.submit(_has, function)
    waiting: deque[_Given] = deque()
    theirs: list[Future[Any]] = []
    free = list(range(SLOTS * others))
    bound = IN_FLIGHT * (others + 1)
    try:
        while True:
            theirs = [future for future in theirs if not future.done()]
            places = min(AHEAD * others - len(theirs), len(free))
            for item in islice(left, places if there.done() else 0):
                slot = free.pop()
                theirs.append(pool.submit(_in_slot, function, item, slot))
                waiting.append(_Given(theirs[-1], slot))
            # One result between two looks at the others: whoever asked for it may work on it for a while.
            if waiting and waiting[0].future.done():
                given = waiting.popleft()
                if given.slot is None:
                    yield given.future.result()
                else:
                    free.append(given.slot)
                    yield slots.unpacked(given.future.result(), given.slot)
            elif len(waiting) < bound and (own := list(islice(left, 1))):
                waiting.append(_Given(_done(function, own[0]), None))
            elif waiting:
                wait([waiting[0].future])
            else:
                return
    finally:
        for future in theirs:
            future.cancel()


@dataclass(frozen=True)
class _Given:
    """An item that a process works on, or has worked on."""

    future: Future[Any]
    slot: int | None
    """Where its result will be; None where this process works on it."""


def _done(function: Callable[[Item], Made], item: Item) -> Future[Made]:
    made: Future[Made] = Future()
    try:
        made.set_result(function(item))
    except Exception as error:
        made.set_exception(error)  # it waits for its turn, as those of other processes do
    return made


_slots: Slots
"""Where this process puts its results."""


def _has(function: Callable[..., Any]) -> None:
    """Nothing; but who is given a function has imported its module."""


def _in_slot(function: Callable[[Item], Made], item: Item, slot: int) -> Packed:
    return _slots.packed(function(item), slot)


def _start(prepare: Callable[..., None] | None, arguments: tuple[Any, ...], slots: Slots | None) -> None:
    end_with_parent()
    if slots is not None:
        global _slots
        _slots = slots
    if prepare is not None:
        prepare(*arguments)


def end_with_parent() -> None:
    """Makes this process, which another one started, end when that does, and leave Ctrl-C to it."""
    # Ctrl-C reaches the whole group; the calling process decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    # A worker waits for its next item for ever, even where the process that would send it was killed.
    parent = multiprocessing.parent_process()
    assert parent is not None, "workers are started by a process"
    parent.join()
    os._exit(1)


def place_in_group() -> tuple[int, int]:
    """This process's rank and the number of processes, as ``torchrun`` tells them; (0, 1) where it started nothing.

    Raises:
        ConfigError: The numbers are none.
    """
    found = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not all(value.isdecimal() for value in found) or not int(found[0]) < int(found[1]):
        raise ConfigError(
            f"RANK={found[0]} WORLD_SIZE={found[1]}: expected numbers as torchrun sets them, RANK below WORLD_SIZE",
            hint="unset both, or start it with torchrun --nproc-per-node N -m elmo_cli",
        )
    return int(found[0]), int(found[1])
