"""Words to ids by a model's own lists, as ELMoForManyLangs looks them up."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.text.own_lists import OwnLists
from tests import numpy_manylangs as reference
from tests.formats import containers

MODEL = reference.random_model(containers.MANYLANGS, containers.MANYLANGS_CHARACTERS, containers.MANYLANGS_WORDS)
LISTS = OwnLists(MODEL.characters, MODEL.words, 9)
FIRST, UNKNOWN, PAD, LAST = (MODEL.characters[name] for name in ("<eow>", "<oov>", "<pad>", "<bow>"))


def test_the_marks_around_a_spelling_stand_the_wrong_way_round() -> None:
    assert LISTS.table(["the"])[0, 1:].tolist() == [
        FIRST,
        *(MODEL.characters[c] for c in "the"),
        LAST,
        PAD,
        PAD,
        PAD,
        PAD,
    ]


def test_boundaries_have_one_character_of_their_own_and_a_word_that_looks_like_ours_is_spelled() -> None:
    begin, ours = LISTS.table(["<bos>", "<S>"])
    assert begin[1:4].tolist() == [FIRST, MODEL.characters["<bos>"], LAST]
    assert (begin[0], ours[0]) == (MODEL.words["<bos>"], MODEL.words["<S>"])
    assert ours[1:6].tolist() == [FIRST, MODEL.characters["<"], UNKNOWN, MODEL.characters[">"], LAST]


def test_a_long_word_is_cut_by_characters_before_it_is_looked_up_as_a_word_too() -> None:
    cut, whole = LISTS.table(["longestOfAll", "longest"])
    assert cut.tolist() == whole.tolist()
    assert cut[0] == MODEL.words["longest"]
    assert LISTS.table(["猫猫猫猫猫猫猫猫猫猫"])[0, 1:].tolist() == [FIRST, *[MODEL.characters["猫"]] * 7, LAST]


def test_what_is_in_no_list_is_unknown_and_nothing_is_lower_cased() -> None:
    assert LISTS.table(["The"])[0].tolist() == [
        MODEL.words["<oov>"],
        FIRST,
        UNKNOWN,
        *LISTS.table(["the"])[0, 3:].tolist(),
    ]


def test_a_character_beyond_the_first_plane_is_one_character() -> None:
    assert LISTS.table(["👍ñ"])[0, 1:5].tolist() == [FIRST, MODEL.characters["👍"], MODEL.characters["ñ"], LAST]


@given(st.lists(st.text(alphabet=st.characters() | st.sampled_from("thezwölf語猫👍"), max_size=12)))
def test_rows_are_those_of_the_reference(words: list[str]) -> None:
    rows = LISTS.table([*words, "<eos>"])
    for row, word in zip(rows.tolist(), [*words, "<eos>"], strict=True):
        assert row[1:] == reference.word_characters(MODEL, word if word == "<eos>" else word[:7])
        assert row[0] == MODEL.words.get(word[:7], MODEL.words["<oov>"])


def test_a_model_of_one_part_has_rows_of_that_part() -> None:
    words = ["the", "unheard"]
    both = LISTS.table(words)
    assert np.array_equal(OwnLists(MODEL.characters, None, 9).table(words), both[:, 1:])
    assert np.array_equal(OwnLists(None, MODEL.words, 9).table(words), both[:, :1])


def test_a_lone_surrogate_is_an_unknown_character() -> None:
    assert LISTS.table(["\ud800"])[0, 1:4].tolist() == [FIRST, UNKNOWN, LAST]
