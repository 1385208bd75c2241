"""Where the loss comes from: by a word's place, its frequency, its sentence's length, its file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from elmo_cli.measure.scored_text import Flags, Floats, Ids, ScoredText

RANKS = (10, 100, 1_000, 10_000, 100_000)
"""Upper bounds of the frequency bands, as ranks in the vocabulary."""

PLACES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50)
"""Upper bounds of the bands of places in a sentence, from 1."""

LENGTHS = (5, 10, 15, 20, 30, 40, 60, 100)
"""Upper bounds of the bands of sentence lengths, in words."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """The words of one kind. Boundaries belong to the bands of sentences, not of words."""

    name: str
    targets: int
    """Per direction."""
    share: float
    """Of the text's whole loss, both directions, from 0 to 1."""
    forward: float
    """Mean loss in nats."""
    backward: float


def by_frequency(text: ScoredText, *, specials: int = 3) -> list[Band]:
    """Bands of the words' ranks in the vocabulary, the most frequent first, and the words outside it.

    Args:
        text: The text and its losses.
        specials: Classes at the beginning of the vocabulary that are no words.
    """
    ranks_N = text.classes_N - specials + 1
    bands = _banded(text, ranks_N, RANKS, "rank {}", within=text.known_N)
    outside = _band(text, "outside the vocabulary", ~text.known_N)
    return [*bands, *([outside] if outside else [])]


def by_place(text: ScoredText) -> list[Band]:
    """Bands of the words' places in their sentences, counted from the sentence's begin."""
    return _banded(text, text.places_N + 1, PLACES, "word {}")


def by_length(text: ScoredText) -> list[Band]:
    """Bands of sentence lengths; boundaries included."""
    return _sentence_bands(text, text.lengths_S, LENGTHS)


def by_file(text: ScoredText, files_S: Ids, names: Sequence[str]) -> list[Band]:
    """One band per file (or domain); boundaries included.

    Args:
        text: The text and its losses.
        files_S: Number of the file of each sentence.
        names: The files' names.
    """
    found = (_sentence_band(text, name, files_S == number) for number, name in enumerate(names))
    return [band for band in found if band]


def worst_sentences(text: ScoredText, count: int, *, least_words: int = 3) -> Ids:
    """Numbers of the sentences with the highest mean loss, the worst first.

    Args:
        text: The text and its losses.
        count: How many.
        least_words: Shorter sentences are left out: a single odd word would head any list.
    """
    means_S = text.sums_GS.mean(axis=0) / (text.lengths_S + 1)
    candidates = np.flatnonzero(text.lengths_S >= least_words)
    return candidates[np.argsort(-means_S[candidates], kind="stable")][:count]


def costliest_words(text: ScoredText, count: int) -> tuple[Ids, Ids, Floats]:
    """The word types that take up most of the loss: lexicon ids, occurrences, and their summed loss in nats.

    The sum is the mean of both directions' sums.
    """
    types_U, inverse_N, counts_U = np.unique(text.types_N, return_inverse=True, return_counts=True)
    sums_U = np.bincount(inverse_N, text.words_GN.mean(axis=0), minlength=len(types_U))
    order = np.argsort(-sums_U, kind="stable")[:count]
    return types_U[order], counts_U[order].astype(np.int64), sums_U[order].astype(np.float64)


def _banded(
    text: ScoredText, values_N: Ids, bounds: Sequence[int], name: str, within: Flags | None = None
) -> list[Band]:
    bands = []
    for low, high in _edges(bounds):
        chosen_N = (values_N >= low) & (values_N <= high)
        if within is not None:
            chosen_N &= within
        bands.append(_band(text, name.format(_span(low, high)), chosen_N))
    return [band for band in bands if band]


def _band(text: ScoredText, name: str, chosen_N: npt.NDArray[np.bool_]) -> Band | None:
    count = int(chosen_N.sum())
    sums_G = text.words_GN[:, chosen_N].sum(axis=1)
    return _made(text, name, count, sums_G)


def _sentence_bands(text: ScoredText, values_S: Ids, bounds: Sequence[int]) -> list[Band]:
    found = (
        _sentence_band(text, f"{_span(low, high)} words", (values_S >= low) & (values_S <= high))
        for low, high in _edges(bounds)
    )
    return [band for band in found if band]


def _sentence_band(text: ScoredText, name: str, chosen_S: npt.NDArray[np.bool_]) -> Band | None:
    count = int((text.lengths_S[chosen_S] + 1).sum())
    return _made(text, name, count, text.sums_GS[:, chosen_S].sum(axis=1))


def _made(text: ScoredText, name: str, count: int, sums_G: Floats) -> Band | None:
    if not count:
        return None
    return Band(
        name=name,
        targets=count,
        share=float(sums_G.sum() / text.sums_GS.sum()),
        forward=float(sums_G[0] / count),
        backward=float(sums_G[1] / count),
    )


def _edges(bounds: Sequence[int]) -> list[tuple[int, int]]:
    lows = [0, *(bound + 1 for bound in bounds)]
    return list(zip(lows, [*bounds, np.iinfo(np.int64).max], strict=True))


def _span(low: int, high: int) -> str:
    if high == np.iinfo(np.int64).max:
        return f"{low:,} and more"
    return f"{high:,}" if max(low, 1) == high else f"{max(low, 1):,} to {high:,}"
