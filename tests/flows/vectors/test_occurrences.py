"""Occurrences of words, samples of them, and near spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.flows.vectors import occurrences
from elmo_cli.flows.vectors.occurrences import EvenSample, Occurrence, missing_word, near_spellings, occurrences_of
from elmo_cli.flows.vectors.text_sentences import TextSentence


@given(st.integers(0, 500), st.integers(1, 20))
def test_a_sample_is_spread_evenly(count: int, limit: int) -> None:
    sample = EvenSample[int](limit)
    for number in range(count):
        sample.add(number)
    taken = sample.taken()
    assert sample.count == count
    assert len(taken) == min(count, limit)
    assert taken == sorted(set(taken))
    if count > limit:
        gaps = [later - earlier for earlier, later in zip(taken, [*taken[1:], count], strict=True)]
        assert max(gaps[:-1], default=0) <= 2 * min(gaps[:-1], default=1)
        assert taken[0] == 0


def test_every_occurrence_is_found_in_order() -> None:
    rows = [TextSentence(1, "a", 1, ["b", "a", "b"]), TextSentence(2, "a", 2, ["c"]), TextSentence(3, "a", 3, ["a"])]
    found = [(one.sentence.number, one.place, one.word) for one in occurrences_of(rows, ["a", "b"])]
    assert found == [(1, 0, "b"), (1, 1, "a"), (1, 2, "b"), (3, 0, "a")]


def test_pieces_are_put_together_around_a_word() -> None:
    context = Occurrence(TextSentence(1, "a", 1, ["▁the", "▁ri", "ver", "▁bank", "▁is"]), 3).in_context()
    assert (context.before, context.word, context.after) == ("the river", "▁bank", "is")


def test_case_and_one_letter_make_a_near_spelling() -> None:
    assert near_spellings("bank", ["tank", "Bank", "river", "banks", "mountebanks"]) == ["Bank", "banks", "tank"]


def test_only_so_many_spellings_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occurrences, "LARGEST_SPELLINGS", 2)
    error = missing_word("a.txt", "bank", iter([["one", "two"], ["banks"]]))
    assert error.hint.startswith("check the spelling")
    assert "none of 2 sentences" in error.message
