"""Where a stretch of a text may be cut so that no line, row or sentence is torn, and how many documents lie in it."""

import re

import numpy as np

LARGEST_RECORD = 1 << 28
"""Bytes that a row or a sentence of several lines may have; more of them mean a quote without its partner, or a file of
another format."""

_QUOTED = re.compile(rb'(?:(?<=[,\n])|\A)"[^"]*+(?:""[^"]*+)*+("|\Z)')
_NEW_DOCUMENT = re.compile(rb"^# newdoc", re.MULTILINE)
_SEPARATOR = re.compile(rb"\n[ \t]*\n")


def cut_after_line(content: bytes, wanted: int) -> int:
    """The end of the last line that ends within the first ``wanted`` bytes, else of the first one; 0 if none ends."""
    return content.rfind(b"\n", 0, wanted) + 1 or content.find(b"\n", wanted) + 1


def cut_after_row(content: bytes, wanted: int) -> int:
    """The same for rows of comma-separated values: a line end between quotes ends no row."""
    before = after = 0
    begin = 0  # of the stretch without quotes
    for field in _QUOTED.finditer(content):
        # A quote at the very end may be the first of two.
        closed = field.end() < len(content)
        before = content.rfind(b"\n", begin, min(wanted, field.start())) + 1 or before
        if field.start() >= wanted:
            after = after or content.find(b"\n", max(begin, wanted), field.start()) + 1
        if not closed or after or (before and field.end() >= wanted):
            begin = len(content)
            break
        begin = field.end()
    before = content.rfind(b"\n", begin, wanted) + 1 or before
    return before or after or content.find(b"\n", max(begin, wanted)) + 1


def unclosed_quote(content: bytes) -> int | None:
    """Where the quote stands that is still open at the end of all rows; None where none is."""
    return next((field.start() for field in _QUOTED.finditer(content) if not field[1]), None)


def cut_after_sentence(content: bytes, wanted: int) -> int:
    """The same for sentences of several lines, which end with a blank line."""
    if at := content.rfind(b"\n\n", 0, wanted) + 1:
        return at + 1
    last = 0
    for match in _SEPARATOR.finditer(content):
        if match.end() > wanted:
            return last or match.end()
        last = match.end()
    return last


def line_ends(content: bytes) -> int:
    """How many line ends there are; several times as fast as ``count``."""
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == 0x0A))


def nonblank_lines(content: bytes) -> int:
    """How many lines have more in them than spaces and tabs."""
    ends_N = _line_ends(content)
    return int(np.count_nonzero(~ends_N[:-1] & ends_N[1:]))


def nonblank_rows(content: bytes) -> int:
    """The same for rows of comma-separated values."""
    return nonblank_lines(_QUOTED.sub(_without_ends, content) if b'"' in content else content)


def documents_begun(content: bytes, after_blank: bool) -> int:
    """How many lines that are not blank stand after a blank one.

    Args:
        after_blank: Whether the line before the content is blank.
    """
    ends_N = _line_ends(content)
    begins_N = ends_N[:-2] & ends_N[1:-1] & ~ends_N[2:]
    begun = int(np.count_nonzero(begins_N))
    return begun + bool(after_blank and not ends_N[1])


def begins_document(content: bytes, after_blank: bool) -> bool:
    """Whether the first line is one of those that :func:`documents_begun` counts."""
    return after_blank and bool(content.partition(b"\n")[0].strip(b" \t"))


def ends_blank(content: bytes) -> bool:
    """Whether the last line is blank."""
    return not content[content.rfind(b"\n", 0, -1) + 1 :].strip(b" \t\n")


def new_documents(content: bytes) -> int:
    """How many comments say that a document begins, as CoNLL-U has them."""
    return sum(1 for _ in _NEW_DOCUMENT.finditer(content))


def _without_ends(quoted: re.Match[bytes]) -> bytes:
    return b"x" if quoted[0][1:-1].strip(b" \t") else b""


def _line_ends(content: bytes) -> np.ndarray:
    """Which bytes are line ends once spaces and tabs are gone, with an end before and after."""
    stripped = b"\n" + content.translate(None, b" \t") + (b"" if content.endswith(b"\n") else b"\n")
    return np.frombuffer(stripped, np.uint8) == 0x0A
