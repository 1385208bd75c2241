"""What Ctrl-C and SIGTERM do. Where a flow saves before it stops, the first asks it to, the second stops at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elmo_cli.flows.stopping import Stop

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""What a shell learns of a program that a signal ended: 128 and its number."""

STOPPING = "a checkpoint is saved first"
STOPPING_TOGETHER = "a checkpoint is saved once all processes agree; if one is gone, the newest checkpoint is the last"


Handler = Callable[[int, FrameType | None], None]


@contextmanager
def cleared_away() -> Iterator[None]:
    """Has SIGTERM end a command as Ctrl-C does, by an exception, so that no unfinished work is left on the disk."""
    with _handled_by(_end, signal.SIGTERM):
        yield


class Signals:
    """Which signal came."""

    received: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """Of the program, after a signal."""
        return EXIT_CODES[self.received or signal.SIGINT]


@contextmanager
def stop_on_signals(stop: "Stop", place: tuple[int, int] = (0, 1)) -> Iterator[Signals]:
    """Turns signals into a wish that a flow looks at.

    Where the flow does not look, and when a signal comes the second time, it is stopped at once: by KeyboardInterrupt
    after Ctrl-C, by SystemExit after SIGTERM.

    Args:
        stop: The wish.
        place: This process's rank among those that train together, and their number. The first one tells people.
    """
    signals = Signals()
    rank, processes = place
    message = (
        f"\nStopping: {STOPPING if processes == 1 else STOPPING_TOGETHER}. The same again stops at once.\n".encode()
    )

    def receive(number: int, _: FrameType | None) -> None:
        signals.received = signal.Signals(number)
        if stop.heeded and not stop.asked:
            stop.asked = True
            # Not through a stream: the signal may have come in the middle of one's write.
            if rank == 0:
                os.write(2, message)
            return
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        _end(number, None)

    with _handled_by(receive, *EXIT_CODES):
        yield signals


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(EXIT_CODES[signal.Signals(number)])


@contextmanager
def _handled_by(handler: Handler, *numbers: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what signals do
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
