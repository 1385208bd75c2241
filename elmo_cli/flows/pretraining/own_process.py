"""A generator of reports in a process of its own, so that the system may end it for want of memory and nothing else.

Its memory is that of a fresh process, too: what an earlier trial left in a heap does not count.
"""

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from elmo_cli.flows.memory import is_out_of_memory
from elmo_cli.flows.reports import Report
from elmo_cli.processes import end_with_parent

Made = TypeVar("Made")

KILLED, ABORTED = -signal.SIGKILL, -signal.SIGABRT
"""How a process ends that got no memory: by the system, or by a library that could not go on."""

FIRST_TO_GO = "1000"
"""Tells the system to end this process before all others where memory runs out (Linux, proc(5), oom_score_adj)."""


def in_own_process(
    function: Callable[..., Generator[Report, None, Made]], *arguments: Any
) -> Generator[Report, None, Made]:
    """As ``yield from function(*arguments)``; function, arguments, reports and what is made must be picklable.

    Raises:
        MemoryError: The process ran out of memory, or was ended for want of it. What else ``function`` raises comes
            through as it is.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that threads of torch hold
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        while True:
            try:
                kind, value = ours.recv()
            except (EOFError, OSError):  # the latter in the middle of a message
                process.join()
                what = f"a process for trial steps ended before them (exit code {process.exitcode})"
                raise (MemoryError if process.exitcode in (KILLED, ABORTED) else RuntimeError)(what) from None
            if kind == "report":
                yield value
            elif kind == "made":
                return value
            else:
                raise value
    finally:
        process.terminate()
        process.join()
        ours.close()


def here(function: Callable[..., Generator[Report, None, Made]], *arguments: Any) -> Generator[Report, None, Made]:
    """The same in this process."""
    return (yield from function(*arguments))


def _serve(pipe: Connection, function: Callable[..., Generator[Report, None, Any]], arguments: tuple[Any, ...]) -> None:
    end_with_parent()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    try:
        flow = function(*arguments)
        while True:
            try:
                pipe.send(("report", next(flow)))
            except StopIteration as end:
                pipe.send(("made", end.value))
                return
    except Exception as error:
        if is_out_of_memory(error):
            error = MemoryError(str(error))
        error.add_note("".join(traceback.format_exception(error)))  # pickling leaves the place out
        pipe.send(("error", error))
