"""The n-gram baseline on the same text, in the same classes, from both sides."""

from collections.abc import Generator

import numpy as np

from elmo_cli.errors import ConfigError
from elmo_cli.flows.reports import Progress, Report
from elmo_cli.measure.kneser_ney import KneserNey, Sequences
from elmo_cli.measure.scored_text import Ids, ScoredText, TextSize
from elmo_cli.text.store import EncodedText

ORDERS = range(1, 7)
"""How long n-grams may be: their numbers have to fit into 63 bits, and more than 6 words bring nothing."""

ORDER = 5
"""Words of an n-gram, unless somebody says otherwise."""


def check_order(order: int) -> None:
    """Refuses an order before any work is done.

    Raises:
        ConfigError: There is no such order.
    """
    if order not in ORDERS:
        raise ConfigError(f"n-grams of {order} words: expected {ORDERS[0]} to {ORDERS[-1]}")


def score_with_ngrams(
    training: EncodedText, text: EncodedText, *, order: int = ORDER, size: TextSize | None = None
) -> Generator[Report, None, ScoredText]:
    """Trains a Kneser-Ney model of either direction and scores a text with them.

    Args:
        training: What to count; encoded with the same vocabulary as ``text``.
        text: What to score.
        order: Words of an n-gram.
        size: Of the original of ``text``.

    Raises:
        ConfigError: There is no such order.
    """
    check_order(order)
    assert training.vocabulary.sha256 == text.vocabulary.sha256
    words_GN, boundaries_GS = [], []
    lengths_S = np.diff(np.asarray(text.starts, dtype=np.int64)).astype(np.int64)
    for done, backward in enumerate((False, True)):
        yield Progress(stage=f"counting n-grams of up to {order} words", done=done, total=2, unit="directions")
        model = KneserNey(_sequences(training, backward), len(text.vocabulary), order=order)
        losses_P = model.losses(_sequences(text, backward))
        words_N, boundaries_S = _apart(losses_P, lengths_S, backward)
        words_GN.append(words_N)
        boundaries_GS.append(boundaries_S)
    yield Progress(stage=f"counting n-grams of up to {order} words", done=2, total=2, unit="directions")
    types_N = np.asarray(text.tokens_N).astype(np.int64)
    classes_N = _classes(text)
    return ScoredText(
        classes_N=classes_N,
        types_N=types_N,
        lengths_S=lengths_S,
        words_GN=np.stack(words_GN),
        boundaries_GS=np.stack(boundaries_GS),
        known_N=classes_N != text.vocabulary.unknown_id,
        size=size,
    )


def _classes(text: EncodedText) -> Ids:
    ids_N = np.asarray(text.tokens_N).astype(np.int64)
    return np.where(ids_N < len(text.vocabulary), ids_N, text.vocabulary.unknown_id)


def _sequences(text: EncodedText, backward: bool) -> Sequences:
    begin, end = text.vocabulary.begin_id, text.vocabulary.end_id
    if backward:
        begin, end = end, begin
    starts = np.asarray(text.starts, dtype=np.int64)
    return Sequences.of(_classes(text), starts, begin=begin, end=end, backward=backward)


def _apart(
    losses_P: np.ndarray[tuple[int], np.dtype[np.float64]], lengths_S: Ids, backward: bool
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Losses in reading order, n words and a boundary per sentence: the words in text order, and the boundaries."""
    begins_S = np.cumsum(lengths_S + 1) - (lengths_S + 1)
    offsets_N = np.arange(int(lengths_S.sum())) - np.repeat(np.cumsum(lengths_S) - lengths_S, lengths_S)
    if backward:
        offsets_N = np.repeat(lengths_S, lengths_S) - 1 - offsets_N
    return losses_P[np.repeat(begins_S, lengths_S) + offsets_N], losses_P[begins_S + lengths_S]
