"""Work shared out over processes, with results in order whatever their number."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from elmo_cli.errors import ElmoError

Item = TypeVar("Item")
Made = TypeVar("Made")

IN_FLIGHT = 3
"""Items per process that are handed out before the first one is back; bounds the memory."""


def usable_cores() -> int:
    """How many cores this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_order(
    function: Callable[[Item], Made],
    items: Iterable[Item],
    *,
    processes: int,
    prepare: Callable[..., None] | None = None,
    arguments: tuple[Any, ...] = (),
) -> Iterator[Made]:
    """``map(function, items)`` over processes: the same results in the same order for any number of them.

    Items are taken a few at a time, so that memory is bounded by some of the largest ones. Close the generator to
    stop early.

    Args:
        function: A function of a module's top level; items and results must be picklable.
        items: Read in the calling process, lazily.
        processes: With 1 everything happens in the calling process.
        prepare: Called with ``arguments`` once in every process before its first item, to keep what all items need.

    Raises:
        ElmoError: A process died, which is most often the system's doing where memory ran out. What ``function``
            raises comes through as it is.

    Example:
        >>> list(map_in_order(abs, [-2, 1], processes=1))
        [2, 1]
    """
    if processes <= 1:
        if prepare is not None:
            prepare(*arguments)
        yield from map(function, items)
        return
    # A fork would copy locks that threads of torch or h5py hold; spawned processes start clean.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(prepare, arguments))
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= IN_FLIGHT * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ElmoError(
            "a worker process died before its work was done; most often the system ended it for want of memory",
            hint="run it again with fewer --processes",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(prepare: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches the whole group; the calling process decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare(*arguments)


def _end_with_parent() -> None:
    # A worker waits for its next item for ever, even where the process that would send it was killed.
    parent = multiprocessing.parent_process()
    assert parent is not None, "workers are started by a process"
    parent.join()
    os._exit(1)
