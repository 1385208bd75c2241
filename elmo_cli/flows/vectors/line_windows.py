"""Rows of a text as sentences of tokens, gathered in windows that are computed together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from elmo_cli.errors import TextError
from elmo_cli.flows.vectors.numbered_text import Row
from elmo_cli.text.tokenizers import Tokenizer

BLANK_LINES = ("error", "skip", "empty")

WINDOW_TOKENS = 50_000
"""Tokens gathered before they are sorted by length and computed, at most."""

WINDOW_BYTES = 256 << 20
"""Bytes of a window's vectors, at most, unless a single sentence has more. Two windows are in memory, and a third one
while it is written."""

CPU_TOKENS = 16_000
"""The same on a CPU: larger windows are hardly faster there, and while one is computed the one before is written."""

CPU_OPERATIONS = 12 * 10**11
"""Floating-point operations of the LSTMs for a window on a CPU, at most. A kill loses the window under way, so it must
not take long: 7,940 tokens for the published model, five seconds at 1,600 tokens/s. The number of threads does not
count, so that any number of processes, each with its share of the cores, has the same windows. benchmarks/README.md has
the sizes that were tried."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What becomes one array of vectors."""

    number: int
    """Its key."""
    text: str
    sentences: list[list[str]]
    """Its tokens: one sentence, or several that are read one by one."""
    key: str | None = None
    """What it is called beside its number: its identifier in the text, or its place in a pair."""

    @property
    def tokens(self) -> list[str]:
        """Those of all its sentences."""
        return self.sentences[0] if len(self.sentences) == 1 else [token for part in self.sentences for token in part]


Window = list[Line]


@dataclass(kw_only=True)
class LineMaker:
    """Makes lines of rows.

    Args:
        path: The text, for messages.
        tokenizer: What cuts them into tokens.
        blank_lines: ``error``, ``skip`` or ``empty``.
        pairs: Whether a row has two texts with a tab between them, of which each becomes a line: row i the lines 2 i
            and 2 i + 1.
        split_sentences: Whether a row is a document, to be split into sentences that know nothing of each other.
    """

    path: Path
    tokenizer: Tokenizer
    blank_lines: str
    pairs: bool = False
    split_sentences: bool = False
    blank: int = 0
    """Lines without tokens so far."""

    def lines(self, rows: Iterable[Row]) -> Iterator[Line]:
        """The lines in order.

        Raises:
            TextError: A line is blank where none may be, or a pair is none.
        """
        for row in rows:
            for number, text, key in self.texts(row):
                sentences = self.cut(row, text)
                if not sentences:
                    self.blank += 1
                    if self.blank_lines == "error":
                        raise blank_line(self.path, [row.line])
                    if self.blank_lines == "skip":
                        continue
                    sentences = [[]]
                yield Line(number=number, text=text.strip(), sentences=sentences, key=key)

    def texts(self, row: Row) -> list[tuple[int, str, str | None]]:
        """Number, text and key of each line that a row becomes.

        Raises:
            TextError: It is no pair.
        """
        if not self.pairs:
            return [(row.number, row.text, row.identifier)]
        name = row.number if row.identifier is None else row.identifier
        if not row.text.strip():
            return [(2 * row.number, "", f"{name}:a"), (2 * row.number + 1, "", f"{name}:b")]
        found = row.text.split("\t")
        if len(found) != 2:
            raise TextError(
                f"{self.path}:{row.line}: expected two texts with a tab between them, found {len(found)}",
                hint="--pairs reads text_a<TAB>text_b; leave it out for one text a line",
            )
        return [(2 * row.number, found[0], f"{name}:a"), (2 * row.number + 1, found[1], f"{name}:b")]

    def cut(self, row: Row, text: str) -> list[list[str]]:
        """The sentences of a line; none where it has no tokens."""
        if self.split_sentences and not row.tokenised:
            return self.tokenizer.sentences(text)
        tokens = replace(row, text=text).tokens(self.tokenizer)
        return [tokens] if tokens else []


def blank_line(path: Path, numbers: Sequence[int]) -> TextError:
    """What to raise where lines, numbered from 1, have no words."""
    where = ", ".join(map(str, numbers))
    return TextError(
        f"{path}:{numbers[0]}: blank line, where a sentence was expected (first such lines: {where})",
        hint="choose what to do with them: --blank-lines skip, or --blank-lines empty",
    )


def windows_of_tokens(lines: Iterable[Line], token_bytes: int, token_operations: int = 0) -> Iterator[Window]:
    """Runs of lines of about :data:`WINDOW_TOKENS` tokens, fewer where their vectors are large or take long.

    Args:
        lines: The lines.
        token_bytes: What the vectors of a token take.
        token_operations: What they cost a CPU; 0 where none computes them.
    """
    most = min(WINDOW_TOKENS, WINDOW_BYTES // token_bytes)
    if token_operations:
        most = min(most, CPU_TOKENS, CPU_OPERATIONS // token_operations)
    return _gathered(lines, lambda window, tokens: tokens >= max(1, most))


def windows_of_lines(lines: Iterable[Line], count: int) -> Iterator[Window]:
    """Runs of so many lines."""
    return _gathered(lines, lambda window, tokens: len(window) == count)


def _gathered(lines: Iterable[Line], is_full: Callable[[Window, int], bool]) -> Iterator[Window]:
    window: Window = []
    tokens = 0
    for line in lines:
        window.append(line)
        tokens += sum(map(len, line.sentences)) + 1
        if is_full(window, tokens):
            yield window
            window, tokens = [], 0
    if window:
        yield window
