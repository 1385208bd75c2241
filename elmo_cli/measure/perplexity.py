"""Every way in which the field writes down how well a text was predicted, each with its denominator.

Notation: W words, of which O are out of vocabulary, S sentences; L is a summed loss in nats, of one direction, or the
mean of both directions' sums for the joint figures.
"""

import math
from dataclasses import dataclass

from elmo_cli.measure.scored_text import ScoredText

DEFINITIONS = {
    "loss": "L / (W + S): mean loss in nats of a target; every word is one, and one boundary per sentence",
    "perplexity": "exp(L / (W + S)); joint, this is the figure that bilm-tf prints and the ELMo paper quotes",
    "targets": "W + S",
    "perplexity_words": "exp(L of the words / W): boundaries are not scored",
    "perplexity_boundaries": "exp(L of the boundaries / S): how well sentence ends (forward) or begins (backward) show",
    "perplexity_without_oov": "exp(L of known words and boundaries / (W - O + S)): SRILM's ppl, KenLM's without OOVs",
    "ppl1": "exp(L of known words and boundaries / (W - O)): SRILM's ppl1, the boundaries' loss put on the words",
    "log10": "-L / ln 10: log10 of the text's probability, <UNK> for words outside; KenLM's and SRILM's total",
    "bits_per_token": "L / ln 2 / (W + S)",
    "bits_per_byte": "L / ln 2 / bytes of the original text in UTF-8; compares any two models",
    "bits_per_character": "L / ln 2 / Unicode characters of the original text",
    "perplexity_per_space_word": "exp(L / (words between spaces + S)): compares models of pieces of words",
}
"""What each figure of a :class:`DirectionFigures` is."""


@dataclass(frozen=True, kw_only=True)
class DirectionFigures:
    """One direction's figures, or the joint ones; :data:`DEFINITIONS` says what each is."""

    loss: float
    perplexity: float
    targets: int
    perplexity_words: float | None
    perplexity_boundaries: float
    perplexity_without_oov: float | None
    ppl1: float | None
    log10: float
    bits_per_token: float
    bits_per_byte: float | None
    bits_per_character: float | None
    perplexity_per_space_word: float | None


def direction_figures(text: ScoredText, weights: tuple[float, float]) -> DirectionFigures:
    """The figures of one direction or of both.

    Args:
        text: The text and its losses.
        weights: Of the two directions' losses: (1, 0), (0, 1), or (0.5, 0.5) for the joint figures.
    """
    words = sum(weight * losses.sum() for weight, losses in zip(weights, text.words_GN, strict=True))
    known = sum(weight * losses[text.known_N].sum() for weight, losses in zip(weights, text.words_GN, strict=True))
    boundaries = sum(weight * losses.sum() for weight, losses in zip(weights, text.boundaries_GS, strict=True))
    total, targets, known_words = words + boundaries, text.num_words + text.num_sentences, int(text.known_N.sum())
    bits, size = total / math.log(2), text.size
    return DirectionFigures(
        loss=total / targets,
        perplexity=_exp(total / targets),
        targets=targets,
        perplexity_words=_exp(words / text.num_words) if text.num_words else None,
        perplexity_boundaries=_exp(boundaries / text.num_sentences),
        perplexity_without_oov=_exp((known + boundaries) / (known_words + text.num_sentences)),
        ppl1=_exp((known + boundaries) / known_words) if known_words else None,
        log10=-total / math.log(10),
        bits_per_token=bits / targets,
        bits_per_byte=bits / size.bytes if size else None,
        bits_per_character=bits / size.characters if size else None,
        perplexity_per_space_word=_exp(total / (size.words + text.num_sentences)) if size else None,
    )


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
