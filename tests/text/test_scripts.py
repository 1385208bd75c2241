"""Characters by script."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.text import scripts as module
from elmo_cli.text.scripts import count_scripts


def test_each_character_is_of_one_script() -> None:
    text = "Ab ß λ Жж नमस्ते 日本のカナ 한 ١٢3 ؟ … 😀 \u0301 𐍈"
    assert count_scripts(text) == {
        "Latin": 3,
        "Greek": 1,
        "Cyrillic": 2,
        "Devanagari": 6,
        "Han": 2,
        "Hiragana": 1,
        "Katakana": 2,
        "Hangul": 1,
        "digits": 3,
        "punctuation and symbols": 3,
        "marks of several scripts": 1,
        "other scripts": 1,
    }


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_character_counts_once_but_spaces_and_line_ends(text: str) -> None:
    assert count_scripts(text).total() == len(text) - text.count(" ") - text.count("\n")


def test_a_long_text_is_counted_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "один two 三\n" * 50
    whole = count_scripts(text)
    monkeypatch.setattr(module, "STRETCH", 7)
    assert count_scripts(text) == whole == Counter({"Cyrillic": 200, "Latin": 150, "Han": 50})


def test_real_languages_are_mostly_of_their_script(shared: Path) -> None:
    folder = shared / "data/common-voice"
    for language, script in (("ar", "Arabic"), ("hi", "Devanagari"), ("fi", "Latin"), ("zh-CN", "Han")):
        (path, *_) = sorted((folder / language).glob("*.txt"))
        counts = count_scripts(path.read_text(encoding="utf-8"))
        assert counts[script] > 0.7 * counts.total(), language
