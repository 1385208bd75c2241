"""Losses by position: every figure of a text is a sum over them, counted here one by one."""

import numpy as np
import pytest

from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.text.store import EncodedText, encode
from elmo_cli.text.vocabulary import Vocabulary
from elmo_cli.text.windows import Line

SENTENCES = [["the", "bank", "is", "closed"], ["never"], [], ["the", "odd", "the"]]


def _text() -> EncodedText:
    return encode(SENTENCES, Vocabulary(["<S>", "</S>", "<UNK>", "the", "bank", "never"]), 12)


def _filled(order: list[int] | None = None) -> LineLosses:
    line = Line(_text(), None if order is None else np.array(order))
    losses = LineLosses(line)
    values_GP = np.arange(2 * line.num_positions, dtype=np.float32).reshape(2, -1)
    for position in np.random.default_rng(1).permutation(line.num_positions):
        assert not losses.complete
        losses.put(np.array([position]), values_GP[:, [position]])
    assert losses.complete
    return losses


@pytest.mark.parametrize("order", [None, [3, 1, 0, 2]])
def test_words_and_boundaries_are_found_from_both_sides(order: list[int] | None) -> None:
    losses = _filled(order)
    sentences = [SENTENCES[number] for number in order or range(4)]
    forward, backward, ends, begins = [], [], [], []
    at = 0
    for words in sentences:
        positions = list(range(at, at + len(words)))
        forward += [float(position) for position in positions]
        backward += [float(12 + position) for position in positions[::-1]]
        ends.append(float(at + len(words)))
        begins.append(float(12 + at + len(words)))
        at += len(words) + 1
    assert losses.targets == at == 12
    assert losses.words_GN.tolist() == [forward, backward]
    assert losses.boundaries_GS.tolist() == [ends, begins]
    assert losses.mean_losses_G.tolist() == [sum(range(12)) / 12, sum(range(12, 24)) / 12]
    assert losses.mean_loss == sum(range(24)) / 24


@pytest.mark.parametrize("order", [None, [2, 0, 3, 1]])
def test_each_word_is_known_or_not(order: list[int] | None) -> None:
    words = [word for number in order or range(4) for word in SENTENCES[number]]
    assert _filled(order).known_N.tolist() == [word in ("the", "bank", "never") for word in words]


def test_a_sentence_s_sum_has_its_boundary_in_it() -> None:
    expected = [[0 + 1 + 2 + 3 + 4, 5 + 6, 7, 8 + 9 + 10 + 11]]
    expected.append([total + 12 * count for total, count in zip(expected[0], [5, 2, 1, 4], strict=True)])
    assert _filled().sums_GS().tolist() == expected


def test_nothing_is_scored_twice_or_left_out_unnoticed() -> None:
    line = Line(_text())
    assert not LineLosses(line).complete
    assert np.isnan(LineLosses(line).mean_loss)
