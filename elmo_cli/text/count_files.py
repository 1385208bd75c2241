"""The count file: how often each word was seen in a part of a corpus, to be merged with the counts of other parts.

The first line is a JSON object with what the counts are of; then ``word<TAB>count`` lines follow, the most frequent
word first. A file whose name ends in ``.gz`` is compressed.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.config import TextConfig, to_dict
from elmo_cli.errors import ElmoError, TextError
from elmo_cli.files import whole_file
from elmo_cli.text.counting import PartCounts, WordCounts

FORMAT = 1
"""Version of the layout; raised when a reader of the old one would misread the new one."""

KIND = "elmo word counts"
ROWS = 1 << 16
"""Words read or written at a time."""
GZIP = b"\x1f\x8b"
"""How compressed files begin."""

_AGAIN = "count that part of the text again with elmo vocab TEXT --counts-only FILE"
_TOTALS = ("sentences", "tokens", "forgotten_types", "forgotten_tokens", "largest_loss")


@dataclass(frozen=True)
class CountFile:
    """What a count file says of itself."""

    path: Path
    text: TextConfig
    """How the text became tokens."""
    types: int
    """Words in the file."""
    totals: dict[str, int]
    """The numbers of :class:`elmo_cli.text.counting.WordCounts`."""

    def parts(self) -> Iterator[PartCounts]:
        """Its words and counts, a bounded number at a time.

        Raises:
            TextError: A line is no word with a count, or lines are missing.
        """
        found = 0
        for rows in _batches(_lines(self.path)):
            words, counts = zip(*(self._row(line, found + at) for at, line in enumerate(rows, start=2)), strict=True)
            found += len(rows)
            yield PartCounts(b"\n".join(words), np.array(counts, dtype=np.int64), 0)
        if found != self.types:
            raise TextError(f"{self.path}: {found:,} words, expected {self.types:,}: the file is cut off", hint=_AGAIN)

    def _row(self, line: bytes, number: int) -> tuple[bytes, int]:
        word, _, count = line.partition(b"\t")
        if not word or not count.isdigit():
            raise TextError(
                f"{self.path}:{number}: expected a word, a tab and its count, found {line[:80]!r}", hint=_AGAIN
            )
        return word, int(count)


def write_counts(path: Path, counts: WordCounts, text: TextConfig) -> None:
    """Writes a count file that appears whole.

    Raises:
        OutputError: It cannot be written.
    """
    header = {
        "kind": KIND,
        "format": FORMAT,
        "types": len(counts.counts),
        **{name: getattr(counts, name) for name in _TOTALS},
        "text": to_dict(text.settled()),
    }
    ordered = sorted(counts.counts.items(), key=lambda item: (-item[1], item[0]))
    with whole_file(path) as partial, partial.open("wb") as raw:
        # Neither name nor time goes into the file: the same counts are the same bytes.
        stream = gzip.GzipFile("", "wb", 6, raw, mtime=0) if path.suffix == ".gz" else raw
        stream.write(json.dumps(header, ensure_ascii=False).encode() + b"\n")
        for begin in range(0, len(ordered), ROWS):
            stream.write(b"".join(b"%b\t%d\n" % row for row in ordered[begin : begin + ROWS]))
        if stream is not raw:
            stream.close()


def is_counts(path: Path) -> bool:
    """Whether a file begins as count files do."""
    begins = json.dumps({"kind": KIND})[:-1].encode()
    try:
        with path.open("rb") as raw:
            first = raw.read(ROWS)
        if first.startswith(GZIP):
            first = zlib.decompressobj(wbits=31).decompress(first, len(begins))
    except (OSError, zlib.error):
        return False
    return first.startswith(begins)


def read_header(path: Path) -> CountFile:
    """What a count file is of.

    Raises:
        TextError: It is not a count file, or of another version.
    """
    first = next(_lines(path, 0), b"")
    try:
        header = json.loads(first)
        kind, version = header["kind"], header["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise TextError(f"{path}: not a count file: its first line is no header", hint=_AGAIN) from error
    if (kind, version) != (KIND, FORMAT):
        raise TextError(
            f"{path}: {kind!r} of format {version}; this version reads {KIND!r} of format {FORMAT}", hint=_AGAIN
        )
    try:
        totals = {name: int(header[name]) for name in _TOTALS}
        return CountFile(path, TextConfig.recorded(header["text"]), int(header["types"]), totals)
    except (KeyError, TypeError, ValueError, AttributeError, ElmoError) as error:
        raise TextError(f"{path}:1: damaged header: {error!r}", hint=_AGAIN) from error


def _lines(path: Path, skipped: int = 1) -> Iterator[bytes]:
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == GZIP
            stream: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            for number, line in enumerate(stream):
                if number >= skipped:
                    yield line.removesuffix(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise TextError(f"{path}: cannot be read: {reason}", hint="check the path, or count that part again") from error


def _batches(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) >= ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
