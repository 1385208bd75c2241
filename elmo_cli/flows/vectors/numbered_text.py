"""One file as numbered rows of tokens: lines of plain text, or the records of any other format."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from elmo_cli.config import InputConfig
from elmo_cli.text.readers import format_of
from elmo_cli.text.sources import BlockReader, read_block
from elmo_cli.text.tokenizers import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Row:
    """What becomes one sequence of vectors."""

    number: int
    """From 0: of plain text and JSON lines the line's, of other formats a running one."""
    line: int
    """Where it stands in the file, from 1."""
    text: str
    tokenised: bool
    """Whether it is to be cut at spaces only."""

    def tokens(self, tokenizer: Tokenizer) -> list[str]:
        """The row's tokens."""
        return tokenizer.of_tokenised(self.text) if self.tokenised else tokenizer.tokens(self.text)


class NumberedText:
    """Reads the rows of a file.

    Args:
        path: The file, or standard input.
        reading: How it is read.
    """

    def __init__(self, path: Path, reading: InputConfig) -> None:
        self.path = path
        self.reader = BlockReader([path], reading)
        self.reading = reading
        self.replaced = 0
        """Stretches of bytes that became U+FFFD so far."""
        self.skipped = 0
        """Rows that were left out so far."""

    def rows(self) -> Iterator[Row]:
        """The rows in order. Call it once.

        Raises:
            TextError: As :func:`elmo_cli.text.sources.read_block`.
        """
        by_line = format_of(self.path, self.reading.format) in ("text", "jsonl")
        running = 0
        for block in self.reader:
            found = read_block(block, self.reading)
            self.replaced += found.oddities["replaced bytes"]
            self.skipped += found.oddities["skipped lines"]
            for line, group in groupby(zip(found.lines, found.paragraphs, strict=True), itemgetter(0)):
                # A record may have several lines of its own; it is one row all the same.
                text = " ".join(paragraph for _, paragraph in group)
                yield Row(number=line - 1 if by_line else running, line=line, text=text, tokenised=found.tokenised)
                running += 1
