"""What ``elmo eval`` finds out about a text under one model or several."""

from dataclasses import dataclass

from elmo_cli.flows.reports import Result
from elmo_cli.measure.bootstrap import Difference, Interval
from elmo_cli.measure.breakdowns import Band
from elmo_cli.measure.perplexity import DEFINITIONS, DirectionFigures
from elmo_cli.measure.scored_text import TextSize

EXPLANATIONS = DEFINITIONS
"""What each figure of a direction is, for ``--explain``."""


@dataclass(frozen=True, kw_only=True)
class CostlySentence(Result):
    """A sentence that was predicted badly."""

    sentence: int
    """From 1."""
    file: str
    words: int
    loss: float
    """Mean of its targets, both directions, in nats."""
    text: str
    """Its tokens, joined by spaces."""


@dataclass(frozen=True, kw_only=True)
class CostlyWord(Result):
    """A word that takes up much of the loss."""

    word: str
    count: int
    loss: float
    """Mean of its occurrences, both directions, in nats."""
    share: float
    """Of the whole loss of all words, from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Breakdowns(Result):
    """Where the loss comes from."""

    by_place: list[Band]
    by_frequency: list[Band]
    by_length: list[Band]
    by_file: list[Band]
    """Empty where there is one file."""
    sentences: list[CostlySentence]
    """The worst on average, of three words or more."""
    words: list[CostlyWord]
    """Those with the largest sums."""


@dataclass(frozen=True, kw_only=True)
class BaselineResult(Result):
    """The n-gram model on the same text, in the same classes."""

    order: int
    """Words of an n-gram."""
    training_words: int
    """What it was counted on."""
    forward: DirectionFigures
    backward: DirectionFigures
    joint: DirectionFigures
    by_place: list[Band]
    """The same bands as those of the model."""
    by_frequency: list[Band]
    difference: Difference
    """The model's loss less the baseline's, per target."""


@dataclass(frozen=True, kw_only=True)
class EvaluateResult(Result):
    """Perplexity with a full softmax, no dropout, every position scored exactly once."""

    model: str
    context: str
    """``sentence``: each sentence from the start state. ``stream``: state carried over the text."""
    start_state: str
    """Where the state of a sentence (or stream) begins: the model's own, ``zero``, or ``warm`` from neutral text."""
    precision: str = "fp32"
    """Of matrix products: ``fp32``, ``tf32``, ``bf16`` or ``int8``."""
    stretches: int | None
    """With ``stream``: how many stretches the text was cut into, each beginning from the start state."""
    sentences: int
    words: int
    """Tokens of the text: words and marks, or pieces of words."""
    size: TextSize | None
    """Of the original text; None where only its tokens are at hand."""
    loss: float
    """The joint loss: mean of the forward and the backward loss, in nats."""
    perplexity: float
    """exp of it, the figure bilm-tf prints: the geometric mean of both directions' perplexities."""
    interval: Interval
    """Where the joint perplexity lies, by the bootstrap over sentences."""
    joint: DirectionFigures
    """Of the mean of both directions' losses."""
    forward: DirectionFigures
    backward: DirectionFigures
    oov_tokens: int
    """Words of the text outside the vocabulary; their target is ``<UNK>``."""
    oov_types: int
    oov_rate: float
    """Share of the words that is out of vocabulary, from 0 to 1."""
    breakdowns: Breakdowns
    baseline: BaselineResult | None
    seconds: float
    words_per_second: float


@dataclass(frozen=True, kw_only=True)
class ProtocolResult(Result):
    """Perplexity by bilm-tf's own procedure, which scores a part of the text; for comparison with old figures."""

    model: str
    rows: int
    """Sentences read side by side."""
    steps: int
    """Positions scored of every row."""
    scored: int
    """Positions per direction that were scored."""
    dropped: int
    """Positions per direction that the procedure never scores: what other rows had left when one found no sentence."""
    perplexity: float | None
    """exp of the mean loss of both directions over the scored positions; None where nothing was."""
    forward: float | None
    backward: float | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ModelDifference(Result):
    """One model against the first."""

    model: str
    difference: Difference
    """Its loss less that of the first; below 0 it is better."""


@dataclass(frozen=True, kw_only=True)
class CompareResult(Result):
    """Several models on the same text."""

    measure: str
    """What was compared: ``loss`` in nats per target, or ``bits_per_byte`` where vocabularies differ."""
    models: list[EvaluateResult]
    differences: list[ModelDifference]
    """For each model after the first."""
