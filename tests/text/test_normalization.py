import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elmo_cli.config import TextConfig
from elmo_cli.text.normalization import Normaliser, single_spaced, without_unseen
from elmo_cli.text.readers import find_inputs, read_lines

FORMS = st.builds(
    TextConfig,
    tokenizer=st.sampled_from(["words", "whitespace", "sentencepiece"]),
    normalization=st.sampled_from(["auto", "nfc", "nfkc", "none"]),
    lowercase=st.booleans(),
    zero_digits=st.booleans(),
)


@pytest.mark.parametrize(
    ("settings", "text", "expected"),
    [
        ({}, "na\u0308ıve ﬁ Ⅳ A1", "näıve ﬁ Ⅳ A1"),
        ({"normalization": "nfkc"}, "ﬁ Ⅳ ｶﾞ １２", "fi IV ガ 12"),
        ({"normalization": "none"}, "na\u0308ıve", "na\u0308ıve"),
        ({"lowercase": True}, "ÄÖ ΣΑΣ A1", "äö σας a1"),
        ({"zero_digits": True}, "A1 ٣٫٥ १२ x²", "A0 0٫0 00 x²"),
        ({"zero_digits": True, "normalization": "nfkc"}, "x²", "x0"),
        ({"tokenizer": "whitespace"}, "na\u0308ıve", "na\u0308ıve"),
        ({"tokenizer": "whitespace", "normalization": "nfc"}, "na\u0308", "nä"),
    ],
)
def test_text_comes_to_the_form_that_the_settings_name(settings: dict, text: str, expected: str) -> None:
    assert Normaliser(TextConfig(**settings))(text) == expected


def test_hindi_keeps_its_signs_and_arabic_its_vowels_and_tatweel() -> None:
    for text in ("हिन्दी क़लम दिल्\u200dली", "أَمَا تَعْرِفُنِي ؟ كتـــاب"):
        assert Normaliser(TextConfig())(text) == unicodedata.normalize("NFC", text)
        assert "".join(without_unseen(text)) == text


@given(config=FORMS, text=st.text())
@example(config=TextConfig(lowercase=True), text="İ\u0307Σ")
@example(config=TextConfig(normalization="nfkc", lowercase=True, zero_digits=True), text="𝐀²㎏ǅ")
def test_twice_is_the_same_as_once(config: TextConfig, text: str) -> None:
    normaliser = Normaliser(config)
    once = normaliser(text)
    assert normaliser(once) == once
    if normaliser.idle:
        assert once == text


@given(config=FORMS, tokens=st.lists(st.text(min_size=1).filter(lambda token: token.split() == [token])))
@example(config=TextConfig(normalization="nfkc"), tokens=["a¨b", "¨", "ﷺ"])
def test_given_tokens_stay_as_many_and_without_whitespace(config: TextConfig, tokens: list[str]) -> None:
    normal = Normaliser(config).each_token(tokens)
    assert len(normal) == len(tokens)
    assert " ".join(normal).split() == normal


@given(config=FORMS, tokens=st.lists(st.text(min_size=1).filter(lambda token: token.split() == [token])))
def test_folding_tokens_keeps_their_number(config: TextConfig, tokens: list[str]) -> None:
    normaliser = Normaliser(config)
    assert len(normaliser.fold_tokens([normaliser.compose("x") for _ in tokens])) == len(tokens)
    composed = [token for token in map(normaliser.compose, tokens) if token.split() == [token]]
    assert len(normaliser.fold_tokens(composed)) == len(composed)


def test_marks_of_direction_go_and_what_they_stand_in_stays_whole() -> None:
    marks = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2060"
    assert without_unseen("x".join(marks)) == "x" * (len(marks) - 1)
    assert without_unseen("a\u200cb\u200dc\u00add") == "a\u200cb\u200dc\u00add"


def test_every_kind_of_space_becomes_one() -> None:
    assert single_spaced("\ufeffa\u00a0\u3000b\u2003\u200bc\x00\x1fd\u0085e\u2028f\t") == "a b c d e f"
    assert single_spaced("\u200b \x07") == ""


def test_real_text_is_in_its_form_already_or_comes_to_it(shared: Path) -> None:
    normaliser = Normaliser(TextConfig())
    for path in find_inputs([str(shared / "data/udhr")])[::20]:
        for line in read_lines(path, "replace"):
            assert normaliser(line) == unicodedata.normalize("NFC", line)
