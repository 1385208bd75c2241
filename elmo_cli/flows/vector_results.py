"""What looking at vectors ends with: ``elmo neighbors`` and ``elmo plot``."""

from dataclasses import dataclass

from elmo_cli.flows.reports import Result


@dataclass(frozen=True, kw_only=True)
class TokenInContext(Result):
    """A token with what stands around it."""

    file: str
    line: int
    """Of the file, from 1; 0 for a sentence that is in no file."""
    sentence: int
    """Running number over the text, from 1; 0 for a sentence that is in no file."""
    place: int
    """Of the token in the sentence, from 0."""
    word: str
    before: str
    """The tokens before it, joined by spaces; ``...`` stands for what was cut off."""
    after: str


@dataclass(frozen=True, kw_only=True)
class Neighbor(Result):
    """A token that is like another."""

    similarity: float
    """Cosine of the two vectors, from -1 to 1."""
    token: TokenInContext


@dataclass(frozen=True, kw_only=True)
class TokenNeighbors(Result):
    """One occurrence of the word and what is like it."""

    query: TokenInContext
    neighbors: list[Neighbor]
    """The likest first; of equals, the one that stands first in the text."""


@dataclass(frozen=True, kw_only=True)
class NeighborsResult(Result):
    """What ``elmo neighbors`` found."""

    model: str
    word: str
    """As the model's tokenizer writes it."""
    layers: str
    """Which layers were compared: ``average``, ``top`` or a number."""
    centred: bool
    """Whether the mean vector was subtracted first."""
    occurrences: int | None
    """How often the text has the word; None where the query is a sentence of its own."""
    sentences: int
    """Of the text that was searched."""
    tokens: int
    """In them."""
    queries: list[TokenNeighbors]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class PlotResult(Result):
    """What ``elmo plot`` drew."""

    out: str
    points: int
    occurrences: dict[str, int]
    """By word: how often the text has it; no more than ``--limit`` of these are points."""
    groups: dict[str, int]
    """By what the colours tell apart: how many points it has."""
    layers: str
    variance: tuple[float, float]
    """Share of the points' variance that each axis shows, from 0 to 1."""
    alike: int
    """Points whose nearest other point, by cosine in the full space, has the same colour."""
    seconds: float
