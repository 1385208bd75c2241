"""How the wish to stop reaches a flow that has something to put away first."""

from collections.abc import Iterator
from contextlib import contextmanager


class StopAskedError(Exception):
    """Unwinds a flow to where it saves what it has."""


class Stop:
    """A wish to stop, which whoever drives a flow may set at any time, from a signal handler too."""

    def __init__(self) -> None:
        self.asked = False
        self.heeded = False
        """Whether the flow looks at ``asked`` just now. Where it does not, stopping at once loses nothing."""

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """What is done inside looks at ``asked`` now and then."""
        self.heeded = True
        try:
            yield
        finally:
            self.heeded = False

    def check(self) -> None:
        """Looks.

        Raises:
            StopAskedError: Stopping was asked for.
        """
        if self.asked:
            raise StopAskedError
