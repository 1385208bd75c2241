"""What nobody sees, counted."""

import unicodedata
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.text import oddities
from elmo_cli.text.oddities import ODDITIES, count_oddities


def _name(character: str) -> str | None:
    """An independent answer, from the standard's own lists."""
    if character == "\0":
        return "NUL characters"
    if character == "\ufeff":
        return "byte order marks"
    if character in "\u200b\u200c\u200d\u2060\u00ad":
        return "zero-width characters"
    if character in "\u200e\u200f\u061c" or unicodedata.bidirectional(character) in (
        *("LRE", "RLE", "PDF", "LRO", "RLO"),
        *("LRI", "RLI", "FSI", "PDI"),
    ):
        return "bidirectional marks"
    if unicodedata.category(character) == "Cc" and character not in "\t\n\r":
        return "control characters"
    return None


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\0\ufeff\u200b\u200e\u2060\x85\xad\x7f\r")))
def test_counts_are_those_of_looking_at_each_character(text: str) -> None:
    assert count_oddities(text.encode()) == Counter(name for character in text if (name := _name(character)))


def test_every_character_of_the_plane_is_counted_as_what_it_is() -> None:
    text = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x30000))))
    assert count_oddities(text.encode()) == Counter(name for character in text if (name := _name(character)))


def test_lines_are_very_long_beyond_a_bound(monkeypatch) -> None:
    monkeypatch.setattr(oddities, "VERY_LONG", 3)
    assert count_oddities(b"abcd\nabc\nabcde") == {"very long lines": 2}
    assert count_oddities(b"abcd\n") == {"very long lines": 1}


def test_all_that_is_counted_is_explained() -> None:
    text = "\0\ufeff\u200b\u200e\x01".encode()
    assert set(count_oddities(text)) <= set(ODDITIES)
