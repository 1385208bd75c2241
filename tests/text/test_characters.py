import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.text.characters import CHARACTERS, PADDING, character_table


def test_words_are_spelled_as_the_reference_spells_them() -> None:
    # reference/bilm-tf.md, 8.2: char ids, max 5; special rows
    assert character_table(["th", "thhhhh", "\u0100t", "<S>", "</S>"], 5).tolist() == [
        [258, 116, 104, 259, 260],
        [258, 116, 104, 104, 259],
        [258, 196, 128, 116, 259],
        [258, 256, 259, 260, 260],
        [258, 257, 259, 260, 260],
    ]


@pytest.mark.parametrize(
    ("sentence", "shifted"),
    [
        # reference/bilm-tf.md, 8.2: Batcher, whose ids are one higher
        (["<S>", "The", "first"], [[259, 257, 260], [259, 85, 105, 102, 260], [259, 103, 106, 115, 116, 117, 260]]),
        (["sentence"], [[259, 116, 102, 111, 117, 102, 111, 100, 102, 260]]),
        (["Second", ".", "</S>"], [[259, 84, 102, 100, 112, 111, 101, 260], [259, 47, 260], [259, 258, 260]]),
    ],
)
def test_the_published_batcher_agrees(sentence: list[str], shifted: list[list[int]]) -> None:
    table_UW = character_table(sentence, 50)
    assert table_UW.shape == (len(sentence), 50)
    for row_W, expected in zip(table_UW.tolist(), shifted, strict=True):
        assert [character + 1 for character in row_W] == expected + [261] * (50 - len(expected))


def test_the_unknown_word_and_lower_case_specials_are_spelled() -> None:
    table_UW = character_table(["<UNK>", "<s>"], 10)
    assert bytes(table_UW[0, 1:6].tolist()) == b"<UNK>"
    assert bytes(table_UW[1, 1:4].tolist()) == b"<s>"


def test_lone_surrogates_are_dropped_and_the_empty_word_has_its_marks() -> None:
    assert character_table(["a\ud800b", "", "\udfff"], 5).tolist() == [
        [258, 97, 98, 259, 260],
        [258, 259, 260, 260, 260],
        [258, 259, 260, 260, 260],
    ]


def test_the_smallest_table_and_no_words_work() -> None:
    assert character_table(["abc"], 3).tolist() == [[258, 97, 259]]
    assert character_table([], 50).shape == (0, 50)


def _spelled_slowly(word: str, max_characters: int) -> list[int]:
    inner = {"<S>": [256], "</S>": [257]}.get(word, list(word.encode(errors="ignore"))[: max_characters - 2])
    row = [258, *inner, 259]
    return row + [260] * (max_characters - len(row))


@given(words=st.lists(st.text(max_size=20) | st.sampled_from(["<S>", "</S>"])), max_characters=st.integers(3, 30))
def test_the_table_is_what_spelling_word_by_word_gives(words: list[str], max_characters: int) -> None:
    table_UW = character_table(words, max_characters)
    assert table_UW.dtype == np.uint16
    assert table_UW.tolist() == [_spelled_slowly(word, max_characters) for word in words]
    assert not len(words) or table_UW.max() < CHARACTERS


def test_a_word_that_just_fits_is_not_cut() -> None:
    assert (character_table(["a" * 48], 50) == PADDING).sum() == 0
