"""Which sentences are for training, held out, or for testing."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.config import SplitConfig
from elmo_cli.errors import TextError
from elmo_cli.text.splits import (
    HELD_OUT,
    KEPT,
    TEST,
    TRAIN,
    Bounds,
    Extremes,
    blocks_of,
    identities,
    places_of,
    unit_hashes,
)


def _bounds(split: SplitConfig, hashes: np.ndarray, parts: int = 1) -> Bounds:
    extremes = Extremes()
    for part in np.array_split(hashes, parts):
        other = Extremes()
        other.add(part)
        extremes.merge(other)
    return extremes.bounds(split)


def _sentences(split: SplitConfig, count: int) -> np.ndarray:
    return unit_hashes(split, identities(0, np.arange(count)), np.zeros(count, np.uint64))


def test_an_identity_is_a_block_and_a_place_and_rises_with_the_text() -> None:
    identity_N = np.concatenate([identities(block, np.arange(3)) for block in (0, 1, 250_000)])
    assert blocks_of(identity_N).tolist() == [0, 0, 0, 1, 1, 1, 250_000, 250_000, 250_000]
    assert places_of(identity_N).tolist() == [0, 1, 2] * 3
    assert all(first < second for first, second in pairwise(identity_N.tolist()))


def test_the_shares_are_those_asked_for() -> None:
    split = SplitConfig(held_out=0.1, test=0.05)
    hashes_N = _sentences(split, 100_000)
    counts = np.bincount(_bounds(split, hashes_N).splits(hashes_N))
    expected = {TRAIN: 85_000, HELD_OUT: 10_000, TEST: 5_000}
    assert all(abs(counts[number] - count) < 5 * count**0.5 for number, count in expected.items())


def test_the_bounds_do_not_depend_on_how_the_text_was_cut() -> None:
    split = SplitConfig(held_out=1e-9, test=1e-9)
    hashes_N = _sentences(split, 5_000)
    assert _bounds(split, hashes_N) == _bounds(split, hashes_N, parts=7)


def test_a_sentence_stays_where_it_is_when_a_test_share_is_asked_for() -> None:
    without, with_test = SplitConfig(held_out=0.1), SplitConfig(held_out=0.1, test=0.1)
    hashes_N = _sentences(without, 3_000)
    held, held_again = (_bounds(split, hashes_N).splits(hashes_N) == HELD_OUT for split in (without, with_test))
    assert (held == held_again).all()
    assert 200 < held.sum() < 400


@given(
    units=st.integers(1, 12) | st.integers(KEPT - 1, KEPT + 2),
    held_out=st.sampled_from([0.0, 1e-12, 0.02, 0.499]),
    test=st.sampled_from([0.0, 1e-12, 0.02, 0.4]),
    seed=st.integers(0, 10_000),
)
def test_no_side_stays_empty_where_there_is_enough_for_each(
    units: int, held_out: float, test: float, seed: int
) -> None:
    split = SplitConfig(held_out=held_out, test=test, seed=seed)
    hashes_N = _sentences(split, units)
    counts = np.bincount(_bounds(split, hashes_N).splits(hashes_N), minlength=3)
    assert counts[TRAIN] >= 1
    sides = [number for number, share in ((HELD_OUT, held_out), (TEST, test)) if share]
    assert all(counts[number] >= 1 for number in sides[: units - 1])
    assert all(counts[number] == 0 for number in {HELD_OUT, TEST} - set(sides))


@given(documents=st.integers(2, 30), seed=st.integers(0, 1000))
def test_all_sentences_of_a_document_have_one_split(documents: int, seed: int) -> None:
    split = SplitConfig(held_out=0.2, test=0.2, by="document", seed=seed)
    document_N = np.repeat(np.arange(documents, dtype=np.uint64), 3)
    hashes_N = unit_hashes(split, identities(0, np.arange(len(document_N))), document_N)
    split_N = _bounds(split, hashes_N, parts=4).splits(hashes_N)
    assert (split_N.reshape(documents, 3) == split_N[::3, None]).all()
    assert {TRAIN, HELD_OUT} <= set(split_N.tolist())


def test_one_document_cannot_be_split_by_documents() -> None:
    split = SplitConfig(by="document")
    hashes_N = unit_hashes(split, identities(0, np.arange(9)), np.zeros(9, np.uint64))
    with pytest.raises(TextError, match=r"the text is one document.*\nHint: .*--split-by sentence.*--documents"):
        _bounds(split, hashes_N)
    everything = SplitConfig(by="document", held_out=0)
    assert _bounds(everything, hashes_N).splits(hashes_N).tolist() == [TRAIN] * 9


def test_an_empty_text_has_bounds_too() -> None:
    assert Extremes().bounds(SplitConfig()).splits(np.empty(0, np.uint64)).tolist() == []
