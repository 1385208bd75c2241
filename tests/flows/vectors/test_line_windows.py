from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.config import TextConfig
from elmo_cli.errors import TextError
from elmo_cli.flows.vectors import line_windows
from elmo_cli.flows.vectors.line_windows import Line, LineMaker, windows_of_lines, windows_of_tokens
from elmo_cli.flows.vectors.numbered_text import Row
from elmo_cli.text.tokenizers import make_tokenizer


def maker(tokenizer: str = "whitespace", blank_lines: str = "error", **options: bool) -> LineMaker:
    cut = make_tokenizer(TextConfig(tokenizer=tokenizer))
    return LineMaker(path=Path("text.txt"), tokenizer=cut, blank_lines=blank_lines, **options)


def rows(*texts: str, tokenised: bool = False) -> list[Row]:
    return [Row(number=place, line=place + 1, text=text, tokenised=tokenised) for place, text in enumerate(texts)]


def test_a_row_is_a_line_of_one_sentence() -> None:
    found = list(maker("words").lines(rows(" One. Two! ", "don't")))
    assert found == [
        Line(number=0, text="One. Two!", sentences=[["One", ".", "Two", "!"]]),
        Line(number=1, text="don't", sentences=[found[1].tokens]),
    ]


def test_a_document_is_split_into_its_sentences_unless_it_is_cut_already() -> None:
    (line,) = maker("words", split_sentences=True).lines(rows("One dog. Two cats!"))
    assert line.sentences == [["One", "dog", "."], ["Two", "cats", "!"]]
    assert line.tokens == ["One", "dog", ".", "Two", "cats", "!"]
    (line,) = maker("words", split_sentences=True).lines(rows("One dog. Two", tokenised=True))
    assert line.sentences == [["One", "dog.", "Two"]]


def test_pairs_become_two_lines_whose_numbers_say_which() -> None:
    found = list(maker(pairs=True).lines(rows("a b\tc", "d\te f")))
    assert [(line.number, line.key, line.tokens) for line in found] == [
        (0, "0:a", ["a", "b"]),
        (1, "0:b", ["c"]),
        (2, "1:a", ["d"]),
        (3, "1:b", ["e", "f"]),
    ]


@pytest.mark.parametrize(("text", "found"), [("a b", 1), ("a\tb\tc", 3)])
def test_a_line_that_is_no_pair_is_an_error(text: str, found: int) -> None:
    with pytest.raises(TextError, match=rf"text.txt:2: expected two texts with a tab between them, found {found}"):
        list(maker(pairs=True).lines(rows("a\tb", text)))


def test_blank_lines_and_blank_halves_of_pairs_keep_the_others_in_place() -> None:
    skipped = maker(blank_lines="skip", pairs=True)
    assert [line.number for line in skipped.lines(rows("a\t ", "", " \tb"))] == [0, 5]
    assert skipped.blank == 4
    empty = maker(blank_lines="empty", pairs=True)
    found = [(line.number, line.sentences) for line in empty.lines(rows("a\t ", "", "c\tb"))]
    assert found == [(0, [["a"]]), (1, [[]]), (2, [[]]), (3, [[]]), (4, [["c"]]), (5, [["b"]])]
    with pytest.raises(TextError, match=r"text.txt:1: blank line, where a sentence was expected"):
        list(maker(pairs=True).lines(rows("a\t ")))


lengths = st.lists(st.integers(0, 30), max_size=40)


@given(lengths, st.integers(1, 100))
def test_windows_hold_all_lines_in_order_and_end_when_they_are_full(sizes: list[int], most: int) -> None:
    lines = [Line(number=place, text="", sentences=[["x"] * size]) for place, size in enumerate(sizes)]
    bytes_of_token = line_windows.WINDOW_BYTES // most
    windows = list(windows_of_tokens(lines, bytes_of_token))
    assert [line for window in windows for line in window] == lines
    room = line_windows.WINDOW_BYTES // bytes_of_token
    for window in windows:
        assert sum(len(line.tokens) + 1 for line in window[:-1]) < room
    for window in windows[:-1]:
        assert sum(len(line.tokens) + 1 for line in window) >= room


def test_windows_are_shorter_where_a_token_takes_long() -> None:
    lines = [Line(number=place, text="", sentences=[["x"] * 9]) for place in range(100)]
    windows = list(windows_of_tokens(lines, 4, line_windows.CPU_OPERATIONS // 50))
    assert [len(window) for window in windows] == [5] * 20
    assert len(list(windows_of_tokens(lines, 4, 10 * line_windows.CPU_OPERATIONS))) == 100


def test_windows_of_lines_have_so_many() -> None:
    lines = [Line(number=place, text="", sentences=[[]]) for place in range(7)]
    assert [len(window) for window in windows_of_lines(lines, 3)] == [3, 3, 1]
