"""What the next step will read, made while the present one computes."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Batch = TypeVar("Batch")


class Ahead(Generic[Batch]):
    """Batches by step, the next one made in a thread meanwhile.

    A batch has to be a function of its step alone: then it does not matter who makes it and when, and any step may be
    asked for at any time, as when a run goes on or goes back. What the thread raises comes out where its step is taken.
    The thread ends with its batch, so there is nothing to close.

    Args:
        make: The batch of a step.

    Example:
        >>> squares = Ahead(lambda step: step * step)
        >>> squares.take(3), squares.take(4), squares.take(2)
        (9, 16, 4)
    """

    def __init__(self, make: Callable[[int], Batch]) -> None:
        self._make = make
        self._next: tuple[int, Future[Batch]] | None = None
        self._thread: threading.Thread | None = None

    def take(self, step: int) -> Batch:
        """The batch of a step; that of the step after it is then begun."""
        if self._next is not None and self._next[0] == step:
            batch = self._next[1].result()
        else:
            batch = self._make(step)
        following: Future[Batch] = Future()
        self._thread = threading.Thread(target=self._fill, args=(step + 1, following), name="next-batch")
        self._thread.start()
        self._next = step + 1, following
        return batch

    def wait(self) -> None:
        """Returns when no thread is making anything, nor keeps what it makes batches of."""
        if self._thread is not None:
            self._thread.join()

    def _fill(self, step: int, future: Future[Batch]) -> None:
        try:
            future.set_result(self._make(step))
        except BaseException as error:
            future.set_exception(error)
