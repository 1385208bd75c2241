"""How probable words and sentences are."""

from dataclasses import dataclass

from elmo_cli.flows.reports import Result


@dataclass(frozen=True, kw_only=True)
class Candidate(Result):
    """A word that may fill a gap."""

    word: str
    rank: int
    """1 for the most probable class."""
    probability: float
    """From 0 to 1, under the full softmax."""
    log10: float
    """Its decimal logarithm."""


@dataclass(frozen=True, kw_only=True)
class Gap(Result):
    """One gap of a sentence and what a model expects there."""

    place: int
    """Of the gap among the tokens, from 0."""
    forward: list[Candidate]
    """From the words before it."""
    backward: list[Candidate]
    """From the words after it."""
    combined: list[Candidate]
    """The product of both, renormalised over all classes but the sentence's bounds."""
    asked: list[list[Candidate]]
    """For each word asked for: its place in the three."""


@dataclass(frozen=True, kw_only=True)
class PredictResult(Result):
    """What ``elmo predict`` found."""

    model: str
    tokens: list[str]
    """Of the sentence, ``[?]`` where gaps are."""
    start_state: str
    gaps: list[Gap]


@dataclass(frozen=True, kw_only=True)
class SentenceScore(Result):
    """What ``elmo score`` says of one line."""

    line: int
    """From 1."""
    tokens: int
    """Words; 0 for a blank line, whose other figures are null."""
    log10_forward: float | None
    """log10 of the probability of all words and the sentence's end."""
    log10_backward: float | None
    """The same from right to left, with the sentence's begin."""
    log10: float | None
    """Mean of both."""
    perplexity: float | None
    """Joint: exp of the mean loss of both directions."""
    oov: int
    """Words outside the vocabulary, scored as ``<UNK>``."""


@dataclass(frozen=True, kw_only=True)
class ScoreResult(Result):
    """What ``elmo score`` did."""

    model: str
    start_state: str
    lines: int
    tokens: int
    oov: int
    log10: float
    """Of the whole text: sum of the lines'."""
    seconds: float
