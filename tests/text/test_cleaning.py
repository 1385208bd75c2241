"""Sentences that are left out."""

import pytest

from elmo_cli.config import CleaningConfig
from elmo_cli.text.cleaning import EXAMPLE_CHARACTERS, EXAMPLES, Cleaner, Dropped


def _kept(config: CleaningConfig, *lines: str) -> tuple[list[str], dict[str, Dropped]]:
    cleaner = Cleaner(config)
    return [line for line in lines if cleaner.keeps(line.split(), line)], cleaner.dropped


def test_nothing_is_dropped_unless_asked_for() -> None:
    lines = ["a", "-- 1 --", " ".join("x" * 10_000)]
    assert _kept(CleaningConfig(), *lines) == (lines, {})


def test_the_lengths_are_limits_that_are_still_allowed() -> None:
    kept, dropped = _kept(CleaningConfig(min_tokens=2, max_tokens=3), "a", "a b", "a b c", "a b c d", "e")
    assert kept == ["a b", "a b c"]
    assert dropped == {"too short": Dropped(2, 2, ["a", "e"]), "too long": Dropped(1, 4, ["a b c d"])}


@pytest.mark.parametrize(
    ("line", "share"),
    [("ab 12", 0.5), ("a 1 2 3", 0.75), ("ab", 0.0), ("नमस्ते", 0.0), ("日本 。", 1 / 3), ("e\u0301 !", 1 / 3)],
)
def test_the_share_of_non_letters_is_of_all_characters_but_spaces(line: str, share: float) -> None:
    assert _kept(CleaningConfig(max_non_letters=share), line)[0] == [line]
    if share:
        assert _kept(CleaningConfig(max_non_letters=share - 0.01), line)[1] == {
            "non-letters": Dropped(1, len(line.split()), [line])
        }


def test_the_first_examples_are_shown_and_long_ones_cut() -> None:
    lines = ["z" * 10_000, *(f"line{number}" for number in range(9))]
    _, dropped = _kept(CleaningConfig(min_tokens=2), *lines)
    found = dropped["too short"]
    assert (found.sentences, found.tokens) == (10, 10)
    assert found.examples == ["z" * (EXAMPLE_CHARACTERS - 1) + "…", "line0", "line1", "line2", "line3"]


def test_merging_adds_counts_and_keeps_the_earlier_examples() -> None:
    early = Dropped(2, 9, ["a", "b"])
    early.merge(Dropped(5, 20, ["c", "d", "e", "f", "g"]))
    assert early == Dropped(7, 29, ["a", "b", "c", "d", "e"])
    assert len(early.examples) == EXAMPLES
    assert early.to_json() == {"sentences": 7, "tokens": 29, "examples": ["a", "b", "c", "d", "e"]}


def test_examples_are_different_sentences() -> None:
    first, second = Dropped(), Dropped()
    for line in ("_", "_", "a b"):
        first.add(line, 1)
    for line in ("a b", "c"):
        second.add(line, 1)
    first.merge(second)
    assert (first.sentences, first.examples) == (5, ["_", "a b", "c"])
