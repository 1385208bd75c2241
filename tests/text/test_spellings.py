from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.text.spellings import Spellings, longest_words

counted = st.dictionaries(st.text("aé語😀", min_size=1, max_size=9), st.integers(1, 20), min_size=1, max_size=12)


def _spellings(counts: dict[str, int]) -> Spellings:
    return Spellings.of({word.encode(): count for word, count in counts.items()})


@given(counted, st.integers(3, 20))
def test_figures_are_those_of_every_token_looked_at_alone(counts: dict[str, int], width: int) -> None:
    tokens = [word for word, count in counts.items() for _ in range(count)]
    spellings = _spellings(counts)
    lengths = [len(token.encode()) for token in tokens]
    assert spellings.bytes_per_token == pytest.approx(sum(lengths) / len(tokens))
    assert spellings.bytes_per_character == pytest.approx(sum(lengths) / sum(map(len, tokens)))
    cut = {word for word in counts if len(word.encode()) > width - 2}
    assert spellings.cut(width) == (len(cut), sum(token in cut for token in tokens))


@given(counted, st.floats(0.01, 1.0))
def test_the_width_for_a_share_is_the_smallest_that_shows_it(counts: dict[str, int], share: float) -> None:
    spellings, tokens = _spellings(counts), sum(counts.values())
    width = spellings.width_for(share)
    assert tokens - spellings.cut(width)[1] >= share * tokens * (1 - 1e-9)
    assert width <= 3 or tokens - spellings.cut(width - 1)[1] < share * tokens


def test_a_word_that_just_fits_is_not_cut() -> None:
    assert _spellings({"a" * 48: 1, "a" * 49: 2, "é" * 24: 4, "é" * 25: 8}).cut(50) == (2, 10)


def test_the_longest_words_come_with_their_counts() -> None:
    counts = {b"a": 9, "語語".encode(): 1, b"abcdef": 2, b"abc": 5}
    assert longest_words(counts, 3) == [("abcdef", 6, 2), ("語語", 6, 1), ("abc", 3, 5)]
    assert longest_words(counts, 0) == []


def test_nothing_counted_gives_no_figures() -> None:
    empty = Spellings.of({})
    assert (empty.bytes_per_token, empty.bytes_per_character, empty.cut(50)) == (0, 0, (0, 0))


def test_fifty_columns_show_english_whole(shared: Path) -> None:
    words = (shared / "data/wikitext-2/valid.sentences.txt").read_bytes().split()
    spellings = Spellings.of(Counter(words))
    assert spellings.cut(50) == (len({word for word in words if len(word) > 48}), sum(len(word) > 48 for word in words))
    needed = spellings.width_for(0.999)
    assert (
        sum(len(word) <= needed - 2 for word in words)
        >= 0.999 * len(words)
        > sum(len(word) <= needed - 3 for word in words)
    )
