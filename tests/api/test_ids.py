"""Character ids, against the values of reference/allennlp.md, section 4."""

import pytest
import torch

from elmo_cli.api.ids import batch_to_ids


def padded(*ids: int) -> list[int]:
    return [*ids, *[261] * (50 - len(ids))]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (chr(256) + "t", padded(259, 197, 129, 117, 260)),
        ("Second", padded(259, 84, 102, 100, 112, 111, 101, 260)),
        (".", padded(259, 47, 260)),
        ("<S>", padded(259, 257, 260)),
        ("</S>", padded(259, 258, 260)),
        ("", padded(259, 260)),
        ("a" * 60, [259, *[98] * 48, 260]),
    ],
)
def test_a_word_has_allennlps_ids(word: str, expected: list[int]) -> None:
    assert batch_to_ids([[word]])[0, 0].tolist() == expected


def test_a_character_may_be_cut_in_its_middle() -> None:
    assert batch_to_ids([["é" * 30]])[0, 0, -4:].tolist() == [170, 196, 170, 260]


def test_short_sentences_are_padded_with_rows_of_zeros() -> None:
    ids = batch_to_ids([["a", "b", "a"], [], ["c"]])
    assert ids.shape == (3, 3, 50)
    assert ids.dtype == torch.int64
    assert (ids > 0).any(-1).tolist() == [[True, True, True], [False] * 3, [True, False, False]]
    assert torch.equal(ids[0, 0], ids[0, 2])


@pytest.mark.parametrize(("batch", "shape"), [([], (0, 0, 50)), ([[]], (1, 0, 50)), ([[], []], (2, 0, 50))])
def test_batches_without_a_word_keep_three_dimensions(batch: list[list[str]], shape: tuple[int, ...]) -> None:
    assert batch_to_ids(batch).shape == shape


@pytest.mark.parametrize("batch", [["a", "sentence"], "text", [["fine"], "not"]])
def test_a_string_in_the_place_of_a_list_is_refused(batch: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="each a list of tokens, found a string"):
        batch_to_ids(batch)


def test_sentences_may_come_from_a_generator() -> None:
    assert torch.equal(batch_to_ids(s.split() for s in ("a b", "c")), batch_to_ids([["a", "b"], ["c"]]))
