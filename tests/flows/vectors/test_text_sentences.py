"""Sentences with their places."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.config import InputConfig, TextConfig
from elmo_cli.flows.vectors.text_sentences import TextSentence, TextSentences, windows
from elmo_cli.text.tokenizers import make_tokenizer


def test_sentences_of_a_paragraph_have_its_line_and_numbers_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("He sat. She ran.\n\nThey met.\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("All.\n", encoding="utf-8")
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    text = TextSentences(paths, make_tokenizer(TextConfig()), InputConfig())
    rows = [(row.number, Path(row.file).name, row.line, row.tokens) for row in text]
    assert rows == [
        (1, "a.txt", 1, ["He", "sat", "."]),
        (2, "a.txt", 1, ["She", "ran", "."]),
        (3, "a.txt", 3, ["They", "met", "."]),
        (4, "b.txt", 1, ["All", "."]),
    ]
    assert text.reader.bytes_read == text.reader.total_bytes == 33


def test_what_is_tokenised_stays_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.tagged").write_text("He\tP\nsat.\tV\nShe\tP\n\n", encoding="utf-8")
    text = TextSentences([tmp_path / "a.tagged"], make_tokenizer(TextConfig()), InputConfig())
    assert [(row.line, row.tokens) for row in text] == [(1, ["He", "sat.", "She"])]


@given(st.lists(st.integers(0, 9)), st.integers(1, 20))
def test_windows_hold_all_sentences_and_no_more_than_one_too_many(lengths: list[int], tokens: int) -> None:
    rows = [TextSentence(number, "a", number, ["x"] * length) for number, length in enumerate(lengths)]
    made = list(windows(rows, tokens))
    assert [row for window in made for row in window] == rows
    for window in made:
        assert sum(len(row.tokens) for row in window[:-1]) < tokens
