"""The n-gram baseline's losses stand at the words they belong to."""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest

from elmo_cli.errors import ConfigError
from elmo_cli.flows.evaluation.baseline import score_with_ngrams
from elmo_cli.flows.reports import Report
from elmo_cli.measure.kneser_ney import KneserNey, Sequences
from elmo_cli.measure.scored_text import ScoredText
from elmo_cli.text.store import EncodedText, encode
from elmo_cli.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary(["<S>", "</S>", "<UNK>", "the", "bank", "of", "river"])
TRAINING = [["the", "bank", "of", "the", "river"], ["the", "odd", "bank"], [], ["river", "bank", "the"]] * 3
TEXT = [["the", "bank", "new"], [], ["of", "the"]]


def _one(words: list[str], *, backward: bool) -> list[float]:
    """Losses of a sentence's words from the first on and of its boundary, scored by itself."""

    def laid_out(sentences: list[list[str]]) -> Sequences:
        ids = np.array([VOCABULARY.id_of(word) for sentence in sentences for word in sentence], dtype=np.int64)
        starts = np.cumsum([0, *map(len, sentences)])
        return Sequences.of(ids, starts, begin=int(backward), end=int(not backward), backward=backward)

    losses = KneserNey(laid_out(TRAINING), len(VOCABULARY), order=3).losses(laid_out([words])).tolist()
    return [*losses[:-1][::-1], losses[-1]] if backward else losses


def encoded(sentences: list[list[str]]) -> EncodedText:
    return encode(sentences, VOCABULARY, 12)


def _finish(flow: Generator[Report, None, ScoredText]) -> Iterator[Any]:
    """Reports, and last what the flow returns."""
    yield (yield from flow)


def test_each_word_has_its_loss_from_both_sides() -> None:
    *progress, scored = _finish(score_with_ngrams(encoded(TRAINING), encoded(TEXT), order=3))
    assert [report.done for report in progress] == [0, 1, 2]
    for direction, backward in enumerate((False, True)):
        expected = [_one(sentence, backward=backward) for sentence in TEXT]
        assert scored.words_GN[direction].tolist() == pytest.approx([loss for row in expected for loss in row[:-1]])
        assert scored.boundaries_GS[direction].tolist() == pytest.approx([row[-1] for row in expected])
    assert scored.known_N.tolist() == [True, True, False, True, True]
    assert scored.classes_N.tolist() == [3, 4, 2, 5, 3]


@pytest.mark.parametrize("order", [0, 7])
def test_orders_have_bounds(order: int) -> None:
    text = encoded(TEXT)
    with pytest.raises(ConfigError, match=f"n-grams of {order} words: expected 1 to 6"):
        next(score_with_ngrams(text, text, order=order))
