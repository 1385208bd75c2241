"""What flows say while they work, and the results they end with.

A flow is a generator of these. It yields any number of :class:`Progress` and :class:`Notice` reports and ends with
exactly one result, a subclass of :class:`Result`. The command line draws them; a program can ignore all but the last.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A stage has moved on."""

    stage: str
    """What is going on, as a person would say it: ``reading corpus.txt``. A new name is a new bar."""
    done: int
    """Units done since the stage began."""
    total: int | None
    """Units in the whole stage; None where it cannot be known."""
    unit: str
    """What is counted, in the plural: ``words``, ``sentences``, ``bytes``. The rate is given in it."""
    note: str = ""
    """A few words beside the bar, such as the current loss, labelled as what it is."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something a person should read, once."""

    text: str
    warning: bool = False
    """Whether it may need action. Shown even with ``--quiet``."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a flow ends with. Every number is named with its unit or definition in the field's docstring."""

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Item:
    """A part of a long result, as soon as it is known; the command line prints it at once."""

    value: Result


Report = Progress | Notice | Item | Result
Reports = Iterator[Report]
