"""Sentences that a page shows token by token: chosen by number, given as text, evenly spaced, or the worst."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from elmo_cli.errors import ConfigError
from elmo_cli.flows.evaluation.evaluation_text import EvaluationText
from elmo_cli.flows.evaluation.scorer import Scorer, scored_text
from elmo_cli.measure.scored_text import ScoredText
from elmo_cli.pages.evaluation import HeatSentence
from elmo_cli.pages.heat_text import HeatToken

BEGIN, END = "‹begin›", "‹end›"
"""How the boundaries of a sentence are written."""

BITS = 1 / math.log(2)
"""Bits in a nat."""


def own_sentences(scorer: Scorer, sentences: Sequence[str], tokenizer: str | None) -> list[HeatSentence]:
    """Scores sentences that do not stand in the text, each from the start state.

    Args:
        scorer: The model.
        sentences: Raw text.
        tokenizer: Instead of the model's own.

    Raises:
        ConfigError: A sentence has no token.
    """
    cut = scorer.model.make_tokenizer(scorer.model.text_settings(tokenizer=tokenizer)).tokens
    tokens = [cut(sentence) for sentence in sentences]
    for sentence, found in zip(sentences, tokens, strict=True):
        if not found:
            raise ConfigError(f"--heat {sentence!r}: the model's tokenizer finds no token in it")
    if not tokens:
        return []
    losses = scorer.losses(tokens)
    scored, lexicon = scored_text(losses), losses.line.text.lexicon
    return [heat_sentence(scored, lexicon, number, "yours") for number in range(len(tokens))]


def text_sentences(read: EvaluationText, scored: ScoredText, numbers: Iterable[int]) -> list[HeatSentence]:
    """Sentences of the text, by their numbers from 0."""
    return [
        heat_sentence(
            scored,
            read.text.lexicon,
            number,
            f"sentence {number + 1:,}" + (f" of {read.files[read.files_S[number]]}" if len(read.files) > 1 else ""),
        )
        for number in numbers
    ]


def heat_sentence(scored: ScoredText, lexicon: Sequence[str], number: int, title: str) -> HeatSentence:
    """A scored sentence as a page shows it.

    Args:
        scored: The text.
        lexicon: Its words.
        number: The sentence's, from 0.
        title: What it is called.
    """
    here = slice(int(scored.starts_S[number]), int(scored.starts_S[number + 1]))
    forward_N, backward_N = BITS * scored.words_GN[:, here]
    end, begin = BITS * scored.boundaries_GS[:, number]
    words = [
        HeatToken(word=lexicon[place], forward=float(forward), backward=float(backward), known=bool(known))
        for place, known, forward, backward in zip(
            scored.types_N[here].tolist(), scored.known_N[here], forward_N, backward_N, strict=True
        )
    ]
    first = HeatToken(word=BEGIN, forward=None, backward=float(begin), boundary=True)
    last = HeatToken(word=END, forward=float(end), backward=None, boundary=True)
    loss = float(scored.sums_GS[:, number].mean() / (len(words) + 1))
    return HeatSentence(title=title, perplexity=math.exp(min(loss, 100.0)), tokens=[first, *words, last])


def evenly_spaced(sentences: int, count: int) -> list[int]:
    """Numbers of some sentences, from 0, over the whole text.

    Example:
        >>> evenly_spaced(100, 4), evenly_spaced(2, 4)
        ([12, 37, 62, 87], [0, 1])
    """
    if sentences <= count:
        return list(range(sentences))
    return [int((place + 0.5) * sentences / count) for place in range(count)]


def strongest_bits(classes: Iterable[int]) -> float:
    """Bits of a guess among all classes alike; of several models, the most."""
    return float(max(np.log2(max(2, size)) for size in classes))
