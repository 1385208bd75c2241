from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from elmo_cli.errors import OutputError, TextError
from elmo_cli.formats.word_vectors import check_words, write_word_vectors


def test_the_file_is_in_word2vec_s_form(tmp_path: Path) -> None:
    batches = [(["a", "Ö"], np.array([[1, -0.5], [0.1, 1e-45]], np.float32)), (["c"], np.zeros((1, 2), np.float32))]
    assert list(write_word_vectors(tmp_path / "v.txt", 3, 2, batches)) == [2, 3]
    assert (tmp_path / "v.txt").read_bytes().decode() == "3 2\na 1 -0.5\nÖ 0.100000001 1.40129846e-45\nc 0 0\n"


@given(arrays.arrays(np.float32, 3, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_every_number_comes_back_to_the_bit(values: np.ndarray) -> None:
    text = [f"{number:.9g}" for number in values.tolist()]
    assert np.array(text, np.float32).tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "New York"], r"words\.txt:2: expected one word, found whitespace inside 'New York'"),
        (["a", "10\u00a0000"], r"words\.txt:2: expected one word, found whitespace inside"),
        (["a", " "], r"words\.txt:2: blank line; expected one word"),
        (["a", "b", "a"], r"words\.txt:3: 'a' stands already in line 1"),
        ([], r"words\.txt: expected words, one a line, found none"),
    ],
)
def test_words_that_the_form_cannot_hold_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(TextError, match=message):
        check_words("words.txt", words)


def test_what_fails_midway_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("old")

    def batches():
        yield ["a"], np.zeros((1, 2), np.float32)
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left on device"):
        list(write_word_vectors(tmp_path / "v.txt", 2, 2, batches()))
    assert (tmp_path / "v.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
