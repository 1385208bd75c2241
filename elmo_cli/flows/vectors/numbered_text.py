"""One file as numbered rows of tokens: lines of plain text, or the records of any other format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from elmo_cli.config import InputConfig
from elmo_cli.errors import ConfigError, TextError
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
    identifier: str | None = None
    """What it is called in the file, where that was asked for."""

    def tokens(self, tokenizer: Tokenizer) -> list[str]:
        """The row's tokens."""
        return tokenizer.of_tokenised(self.text) if self.tokenised else tokenizer.tokens(self.text)


class NumberedText:
    """Reads the rows of a file.

    Args:
        path: The file, or standard input.
        reading: How it is read.

    Raises:
        ConfigError: Identifiers are wanted of a format that has none.
    """

    def __init__(self, path: Path, reading: InputConfig) -> None:
        kind = format_of(path, reading.format)
        if reading.id_field is not None and kind in ("text", "tagged"):
            raise ConfigError(
                f"--id-field {reading.id_field}: expected a format whose records have fields, found {kind}",
                hint="JSON lines, CSV, TSV and CoNLL-U have them; --input-format says which it is",
            )
        self.path = path
        self.reader = BlockReader([path], reading)
        self.reading = reading
        self.replaced = 0
        """Stretches of bytes that became U+FFFD so far."""
        self.skipped = 0
        """Rows that were left out so far."""
        self._seen: dict[bytes, int] = {}
        """The line of each identifier so far, by a digest."""

    def rows(self) -> Iterator[Row]:
        """The rows in order. Call it once.

        Raises:
            TextError: As :func:`elmo_cli.text.sources.read_block`; or two rows have the same identifier.
        """
        by_line = format_of(self.path, self.reading.format) in ("text", "jsonl")
        running = 0
        for block in self.reader:
            found = read_block(block, self.reading)
            self.replaced += found.oddities["replaced bytes"]
            self.skipped += found.oddities["skipped lines"]
            names: Sequence[str | None] = found.identifiers or [None] * len(found.lines)
            for line, group in groupby(zip(found.lines, found.paragraphs, names, strict=True), itemgetter(0)):
                # A record may have several lines of its own; it is one row all the same.
                _, paragraphs, (name, *_) = zip(*group, strict=True)
                if name is not None:
                    self._check_new(name, line)
                number = line - 1 if by_line else running
                text = " ".join(paragraphs)
                yield Row(number=number, line=line, text=text, tokenised=found.tokenised, identifier=name)
                running += 1

    def _check_new(self, name: str, line: int) -> None:
        before = self._seen.setdefault(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest(), line)
        if before != line:
            raise TextError(
                f"{self.path}:{line}: expected an identifier that no record before has, found {name!r}, as in line "
                f"{before}",
                hint="name another field with --id-field, or leave it away: line numbers are keys without exception",
            )
