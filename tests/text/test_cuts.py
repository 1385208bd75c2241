"""Cuts between records, and counts of documents."""

import csv
import io
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.text import cuts
from elmo_cli.text.records import rows

LINES = st.lists(st.sampled_from(["", " ", "\t ", "a", "b c", " d"]), max_size=8).map("\n".join)


@given(LINES)
def test_lines_with_something_in_them_are_counted(text: str) -> None:
    assert cuts.nonblank_lines(text.encode()) == sum(bool(line.strip()) for line in text.split("\n"))
    assert cuts.line_ends(text.encode()) == text.count("\n")


@given(LINES, st.booleans())
def test_documents_begin_after_blank_lines(text: str, after_blank: bool) -> None:
    lines = ["" if after_blank else "x", *text.split("\n")]
    begins = [not before.strip() and bool(line.strip()) for before, line in itertools.pairwise(lines)]
    assert cuts.documents_begun(text.encode(), after_blank) == sum(begins)
    assert cuts.begins_document(text.encode(), after_blank) == begins[0]


@given(st.lists(st.lists(st.text('a,"\n', max_size=5), min_size=1, max_size=3), max_size=6), st.integers(1, 30))
def test_rows_are_cut_at_the_last_end_within_bounds_else_at_the_first(table: list[list[str]], wanted: int) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    ends = [0]
    for row in table:
        writer.writerow(row)
        ends.append(stream.tell())
    within = [end for end in ends[1:] if end <= wanted]
    beyond = [end for end in ends[1:] if end > wanted]
    # What follows begins another row, so the last quote is known not to be the first of two.
    content = stream.getvalue().encode() + b"next"
    assert cuts.cut_after_row(content, wanted) == (within[-1:] or beyond[:1] or [0])[0]
    assert cuts.nonblank_rows(content[:-4]) == len(list(rows(stream.getvalue(), ",")))


def test_a_quote_that_is_open_keeps_the_row_together() -> None:
    assert cuts.cut_after_row(b'a\nb,"c\nd\ne', 100) == 2
    assert cuts.cut_after_row(b'"c\nd\ne', 2) == 0
    assert cuts.cut_after_row(b'"c\nd"', 100) == 0
    assert cuts.unclosed_quote(b'a,"b"\nc,"d\n') == 8
    assert cuts.unclosed_quote(b'a,"b""c"\nd "e\n') is None


@pytest.mark.parametrize(("wanted", "end"), [(3, 4), (4, 4), (10, 4), (11, 11), (99, 11)])
def test_sentences_are_cut_at_blank_lines(wanted: int, end: int) -> None:
    content = b"a\t\n\nb\t\nc\t\n\nd\t\n"
    assert content[:end].endswith(b"\n\n")
    assert cuts.cut_after_sentence(content, wanted) == end


def test_a_line_of_spaces_separates_sentences_too() -> None:
    assert cuts.cut_after_sentence(b"a\tO\n \nb\tO\n", 3) == 6
    assert cuts.cut_after_sentence(b"a\tO\nb\tO\n", 3) == 0


@pytest.mark.parametrize(("wanted", "end"), [(1, 3), (3, 3), (5, 3), (6, 6), (99, 6)])
def test_lines_are_cut_where_they_end(wanted: int, end: int) -> None:
    assert cuts.cut_after_line(b"ab\ncd\nef", wanted) == end


def test_new_documents_are_those_that_comments_announce() -> None:
    text = "# newdoc id = 1\n# newpar\n1\ta\n\n# newdoc\n1\t# newdoc\n"
    assert cuts.new_documents(text.encode()) == len(re.findall("^# newdoc", text, re.MULTILINE)) == 2


@pytest.mark.parametrize(("content", "blank"), [(b"a\n", False), (b"a\n \t\n", True), (b"\n", True), (b"a", False)])
def test_the_last_line_may_be_blank(content: bytes, blank: bool) -> None:
    assert cuts.ends_blank(content) is blank
