"""What processes tell one another beside their work: where they are, that they are ready, and why one of them ended.

They write it into the store in which ``torchrun``'s processes meet, which outlives any of them.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torch.distributed import Store

from elmo_cli.errors import ElmoError, LostProcessError

LISTEN_SECONDS = 3.0
"""How long a process that lost the others looks for the reason. ``torchrun`` kills what is left after 30 seconds."""
LOOK_SECONDS = 0.05
"""Between two looks."""


class LastWords:
    """What this process says to the others, and hears of them.

    Args:
        store: Where all can read.
        rank: This process's number.
        ranks: How many there are.
    """

    def __init__(self, store: Store, rank: int, ranks: int) -> None:
        self._store = store
        self._rank = rank
        self._others = [other for other in range(ranks) if other != rank]
        self._here = f"{socket.gethostname()} {_namespaces()}"
        store.set(f"place/{rank}", f"{os.getpid()} {self._here}")

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """What ends the block early, the others learn the reason of."""
        try:
            yield
        except (GeneratorExit, LostProcessError):
            raise
        except BaseException as error:
            message = error.message if isinstance(error, ElmoError) else f"{type(error).__name__}: {error}"
            self._say("ended", message)
            raise

    def say_ready(self, what: str) -> None:
        """Lets those go on that :meth:`wait_for` it."""
        self._store.set(f"ready/{what}/{self._rank}", "")

    def wait_for(self, what: str, rank: int) -> None:
        """Returns when another process has said so, however long that takes.

        Raises:
            LostProcessError: It ended before.
        """
        # Not the store's own wait: inside it, no signal is heard.
        while not self._store.check([f"ready/{what}/{rank}"]):
            if (reason := self._reason_of(rank)) is not None:
                raise self.lost(reason)
            time.sleep(LOOK_SECONDS)

    def lost(self, why: str | None = None) -> LostProcessError:
        """The error of a process that cannot go on without the others.

        Args:
            why: The reason; None looks for it.
        """
        reason = why or self._look_for_reason()
        return LostProcessError(
            f"rank {self._rank} stops, because {reason}",
            hint="a run goes on from its last checkpoint with --resume, by itself under torchrun --max-restarts N",
        )

    def _look_for_reason(self) -> str:
        self._say("lost", "")
        end = time.monotonic() + LISTEN_SECONDS
        while time.monotonic() < end:
            for other in self._others:
                try:
                    reason = self._reason_of(other)
                except RuntimeError:
                    return "the store in which the processes meet is gone, and with it the process that kept it"
                if reason is not None:
                    return reason
            time.sleep(LOOK_SECONDS)
        silent = [str(other) for other in self._others if not self._store.check([f"lost/{other}"])]
        return f"a connection broke; no word from rank {', '.join(silent)}" if silent else "a connection broke"

    def _reason_of(self, other: int) -> str | None:
        """Why another process ended; None: it has not, as far as can be seen from here."""
        if self._store.check([f"ended/{other}"]):
            return f"rank {other} ended: {self._store.get(f'ended/{other}').decode()}"
        if not self._store.check([f"place/{other}"]):
            return None
        pid, _, place = self._store.get(f"place/{other}").decode().partition(" ")
        if place == self._here and not _runs(int(pid)) and not self._store.check([f"lost/{other}"]):
            return f"rank {other} (process {pid}) died"
        return None

    def _say(self, key: str, message: str) -> None:
        with suppress(RuntimeError):  # where the store is gone as well, nobody is left to listen
            self._store.set(f"{key}/{self._rank}", message)


def _namespaces() -> str:
    """Tells containers that have the same host name apart."""
    kinds = [Path("/proc/self/ns", kind) for kind in ("pid", "uts")]
    return "-".join(str(kind.stat().st_ino) for kind in kinds if kind.exists())


def _runs(pid: int) -> bool:
    """Whether a process of this machine is alive; one that was killed and that nobody has asked after is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return not Path("/proc/self").exists()  # a system without /proc does not say
    return state not in "ZX"
