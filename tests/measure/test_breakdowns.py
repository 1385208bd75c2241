"""Bands and extremes, against a walk over the words one by one."""

from collections import defaultdict

import numpy as np
import pytest

from elmo_cli.measure.breakdowns import (
    Band,
    by_file,
    by_frequency,
    by_length,
    by_place,
    costliest_words,
    worst_sentences,
)
from elmo_cli.measure.scored_text import ScoredText

VOCABULARY = 300


def _text(seed: int = 1) -> ScoredText:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(0, 70, size=90)
    total = int(lengths.sum())
    types = np.minimum(3 + (generator.pareto(1.0, size=total) * 10).astype(int), VOCABULARY + 50)
    return ScoredText(
        classes_N=np.where(types < VOCABULARY, types, 2),
        types_N=types,
        lengths_S=lengths,
        words_GN=generator.gamma(2.0, 2.0, size=(2, total)),
        boundaries_GS=generator.gamma(1.0, 1.0, size=(2, 90)),
        known_N=types < VOCABULARY,
    )


def _words(text: ScoredText) -> list[tuple[int, int, int, np.ndarray]]:
    """(sentence, place from 1, lexicon id, losses) of every word."""
    rows, at = [], 0
    for sentence, length in enumerate(text.lengths_S.tolist()):
        for place in range(length):
            rows.append((sentence, place + 1, int(text.types_N[at]), text.words_GN[:, at]))
            at += 1
    return rows


def _check(bands: list[Band], groups: dict[str, list[np.ndarray]], total: float) -> None:
    assert [band.name for band in bands] == [name for name in groups if groups[name]]
    for band in bands:
        losses = np.array(groups[band.name])
        assert band.targets == len(losses)
        assert (band.forward, band.backward) == pytest.approx(tuple(losses.mean(0)))
        assert band.share == pytest.approx(losses.sum() / total)


def test_frequency_bands_are_ranks_in_the_vocabulary() -> None:
    text = _text()
    groups: dict[str, list[np.ndarray]] = defaultdict(list)
    order = ["rank 1 to 10", "rank 11 to 100", "rank 101 to 1,000", "outside the vocabulary"]
    for name in order:
        groups[name] = []
    for _, _, number, losses in _words(text):
        rank = number - 2
        band = order[3] if number >= VOCABULARY else order[0 if rank <= 10 else 1 if rank <= 100 else 2]
        groups[band].append(losses)
    _check(by_frequency(text), groups, float(text.sums_GS.sum()))


def test_places_count_from_one_and_end_with_the_rest() -> None:
    text = _text(2)
    bands = by_place(text)
    assert [band.name for band in bands[:2]] == ["word 1", "word 2"]
    assert bands[-1].name == "word 51 and more"
    first = [losses for _, place, _, losses in _words(text) if place == 1]
    assert bands[0].forward == pytest.approx(np.mean([losses[0] for losses in first]))
    six_to_eight = next(band for band in bands if band.name == "word 7 to 8")
    assert six_to_eight.targets == sum(place in (7, 8) for _, place, _, _ in _words(text))
    assert sum(band.targets for band in bands) == text.num_words


def test_lengths_and_files_have_the_boundaries_in_them_and_leave_nothing_out() -> None:
    text = _text(3)
    bands = by_length(text)
    assert bands[0].name == "1 to 5 words"
    assert sum(band.targets for band in bands) == text.num_words + text.num_sentences
    assert sum(band.share for band in bands) == pytest.approx(1)
    files = np.arange(90) % 2 + (np.arange(90) > 80)
    split = by_file(text, files, ["a", "b", "c", "empty"])
    assert [band.name for band in split] == ["a", "b", "c"]
    chosen = files == 1
    assert split[1].forward == pytest.approx(text.sums_GS[0, chosen].sum() / (text.lengths_S[chosen] + 1).sum())


def test_the_worst_sentences_are_the_worst_on_average_and_not_the_shortest() -> None:
    text = _text(4)
    means = text.sums_GS.mean(0) / (text.lengths_S + 1)
    expected = sorted(np.flatnonzero(text.lengths_S >= 3).tolist(), key=lambda sentence: -means[sentence])[:5]
    assert worst_sentences(text, 5).tolist() == expected


def test_the_costliest_words_are_those_that_sum_up() -> None:
    text = _text(5)
    sums: dict[int, float] = defaultdict(float)
    counts: dict[int, int] = defaultdict(int)
    for _, _, number, losses in _words(text):
        sums[number] += losses.mean()
        counts[number] += 1
    types, occurrences, losses = costliest_words(text, 8)
    expected = sorted(sums, key=lambda number: -sums[number])[:8]
    assert types.tolist() == expected
    assert occurrences.tolist() == [counts[number] for number in expected]
    assert losses.tolist() == pytest.approx([sums[number] for number in expected])
