"""A first look at a whole text: blank lines, how much it will be, and which text it is."""

from collections.abc import Generator
from dataclasses import dataclass

from elmo_cli.flows.reports import Progress, Report
from elmo_cli.flows.vectors.line_windows import LineMaker, blank_line
from elmo_cli.flows.vectors.numbered_text import NumberedText

CUT_FIRST, CUT_EVERY = 1000, 64
"""Rows that are cut into tokens to estimate how many all have: the first ones, and then one of so many."""
SHOWN = 5
"""Blank lines that a message lists."""
ROWS_BETWEEN = 200_000
"""Rows between two reports."""


@dataclass(kw_only=True)
class Survey:
    """What a text has."""

    lines: int = 0
    text_bytes: int = 0
    """Of all lines in UTF-8."""
    tokens: int = 0
    """About so many; exact where the text is short."""
    sha256: str = ""
    """Of the file as it lies on the disk."""


def survey(text: NumberedText, maker: LineMaker) -> Generator[Report, None, Survey]:
    """Reads a text once.

    Args:
        text: The text; it is read to its end.
        maker: What its rows will be cut by.

    Returns:
        Reports, and then the survey.

    Raises:
        TextError: A line is blank where none may be, or cannot be read.
    """
    found = Survey()
    blank: list[int] = []
    cut_bytes = cut_tokens = 0
    for count, row in enumerate(text.rows()):
        for _, line, _ in maker.texts(row):
            found.lines += 1
            size = len(line) if line.isascii() else len(line.encode("utf-8", "surrogatepass"))
            found.text_bytes += size
            if not line.strip():
                if row.line not in blank[-1:]:
                    blank.append(row.line)
            elif count < CUT_FIRST or count % CUT_EVERY == 0:
                cut_bytes += size
                cut_tokens += sum(map(len, maker.cut(row, line)))
        if maker.blank_lines == "error" and len(blank) >= SHOWN:
            break
        del blank[SHOWN:]
        if count % ROWS_BETWEEN == ROWS_BETWEEN - 1:
            yield Progress(
                stage=f"looking through {text.path}",
                done=text.reader.bytes_read,
                total=text.reader.total_bytes,
                unit="bytes",
            )
    if maker.blank_lines == "error" and blank:
        raise blank_line(text.path, blank)
    found.tokens = round(cut_tokens * found.text_bytes / cut_bytes) if cut_bytes else 0
    found.sha256 = text.reader.sources[0]["sha256"]
    return found
