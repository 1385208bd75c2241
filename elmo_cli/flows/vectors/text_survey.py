"""A first look at a whole text: blank lines, keys, how much it will be, and which text it is."""

from collections.abc import Generator
from dataclasses import dataclass

from elmo_cli.errors import TextError
from elmo_cli.flows.reports import Progress, Report
from elmo_cli.flows.vectors.line_windows import LineMaker, blank_line
from elmo_cli.flows.vectors.numbered_text import NumberedText
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_texts import own_keys

CUT_FIRST, CUT_EVERY = 1000, 64
"""Rows that are cut into tokens to estimate how many all have: the first ones, and then one of so many."""
CUT_BYTES = 1 << 20
"""Bytes of the first ones, at most: documents are long, and cutting is slow."""
SHOWN = 5
"""Blank lines that a message lists."""
BYTES_BETWEEN = 1 << 23
"""Bytes of text between two reports."""


@dataclass(kw_only=True)
class Survey:
    """What a text has."""

    lines: int = 0
    text_bytes: int = 0
    """Of all lines in UTF-8."""
    tokens: int = 0
    """About so many; exact where the text is short."""
    cut: int = 0
    """Lines that were cut into tokens here."""
    cut_otherwise: int = 0
    """Those of them whose tokens are not what stands between their spaces."""
    sha256: str = ""
    """Of the file as it lies on the disk."""


def survey(text: NumberedText, maker: LineMaker, form: FeatureForm) -> Generator[Report, None, Survey]:
    """Reads a text once.

    Args:
        text: The text; it is read to its end.
        maker: What its rows will be cut by.
        form: What it is written to, whose keys are looked at beforehand.

    Returns:
        Reports, and then the survey.

    Raises:
        TextError: A line is blank where none may be, cannot be read, or cannot be a key.
    """
    found, keys = Survey(), own_keys(form)
    blank: list[int] = []
    cut_bytes = cut_tokens = reported = 0
    for count, row in enumerate(text.rows()):
        for _, line, name in maker.texts(row):
            found.lines += 1
            size = len(line) if line.isascii() else len(line.encode("utf-8", "surrogatepass"))
            found.text_bytes += size
            if not line.strip():
                if row.line not in blank[-1:]:
                    blank.append(row.line)
            elif (count < CUT_FIRST and cut_bytes < CUT_BYTES) or count % CUT_EVERY == 0:
                tokens = [token for sentence in maker.cut(row, line) for token in sentence]
                found.cut += 1
                found.cut_otherwise += tokens != line.split()
                cut_bytes += size
                cut_tokens += len(tokens)
            if keys is not None and (line.strip() or maker.blank_lines == "empty"):
                try:
                    keys.take(name or "" if form.identifiers else line.strip())
                except TextError as error:
                    raise TextError(f"{text.path}:{row.line}: {error.message}", hint=error.hint) from error
        if maker.blank_lines == "error" and len(blank) >= SHOWN:
            break
        del blank[SHOWN:]
        if found.text_bytes - reported >= BYTES_BETWEEN:
            reported = found.text_bytes
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
