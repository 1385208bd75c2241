"""When a run stops: its processes agree, so that all end after the same step, whoever was asked."""

from collections.abc import Callable

import torch

from elmo_cli.flows.stopping import Stop, StopAskedError
from elmo_cli.train.process_group import ProcessGroup


class AgreedStop:
    """A wish to stop that reaches any process and is followed by all, and the first one's clock.

    What a process knows when a step begins travels while it computes, 16 bytes, so agreeing takes no time; a wish is
    followed at the end of the step that begins after it.

    Args:
        own: The wish as this process hears it.
        group: The processes.
    """

    def __init__(self, own: Stop, group: ProcessGroup) -> None:
        self.own = own
        self._group = group
        self._asked = False
        self._end: Callable[[], torch.Tensor] | None = None

    @property
    def wished(self) -> bool:
        """Whether this process was asked, even if the others do not know yet."""
        return self.own.asked or self._asked

    def begin(self, seconds: float) -> None:
        """Begins to agree; :meth:`end` has to follow, and no other agreement in between.

        Args:
            seconds: Running time of the whole run; the first process's counts.
        """
        if self._group.ranks > 1:
            clock = seconds if self._group.is_first else 0.0
            self._end = self._group.adding_up(torch.tensor([float(self.own.asked), clock], dtype=torch.float64))

    def end(self, seconds: float) -> float:
        """Running time that all processes go by: that of :meth:`begin`, or of now where this one is alone."""
        if self._end is None:
            return seconds
        asked, clock = self._end().tolist()
        self._end = None
        self._asked = self._asked or asked > 0
        return float(clock)

    def agree(self, seconds: float) -> float:
        """Both at once."""
        self.begin(seconds)
        return self.end(seconds)

    def check(self) -> None:
        """Looks.

        Raises:
            StopAskedError: Stopping was asked for, and all processes know.
        """
        if self._asked or (self._group.ranks == 1 and self.own.asked):
            raise StopAskedError
