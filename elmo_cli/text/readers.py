"""Finds input files and reads their lines: UTF-8 always, and lines end only where a file's author ended them."""

import glob
import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO

from elmo_cli.errors import TextError

STDIN = Path("-")
"""The name of standard input among input paths."""

BLOCK = 1 << 20
"""Bytes read at a time. Memory is bounded by this and the longest line."""

FORMATS = {
    ".txt": "text",
    ".text": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".conllu": "conllu",
    ".conll": "tagged",
    ".tagged": "tagged",
}
"""The format of a file by the ending of its name; any other name is that of plain text."""

COMPRESSED = (".gz", ".xz", ".bz2", ".zst")
"""Endings that stand after that of the format."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def find_inputs(patterns: Sequence[str]) -> list[Path]:
    """The files that the patterns name, in the order of the patterns, each once.

    Args:
        patterns: Files, folders (every file below them whose name ends in one of :data:`FORMATS`, compressed or not,
            sorted; hidden ones left out), glob patterns, or ``-`` for standard input.

    Raises:
        TextError: A pattern names nothing.

    Example:
        >>> find_inputs(["-"]) == [STDIN]
        True
    """
    paths = [path for pattern in patterns for path in _matches(pattern)]
    return list(dict.fromkeys(paths))


def format_of(path: Path, wanted: str = "auto") -> str:
    """The format of a file: what was wanted, or what its name says.

    Example:
        >>> format_of(Path("a.jsonl.gz")), format_of(Path("-")), format_of(Path("a.csv"), "text")
        ('jsonl', 'text', 'text')
    """
    return FORMATS.get(_ending(path), "text") if wanted == "auto" else wanted


def left_out(patterns: Sequence[str]) -> list[Path]:
    """Files in folders among the patterns that :func:`find_inputs` passes over, hidden ones aside."""
    folders = [Path(pattern) for pattern in patterns if Path(pattern).is_dir()]
    return [file for folder in folders for file in _files_below(folder) if _ending(file) not in FORMATS]


def read_lines(path: Path, decode_errors: str = "strict") -> Iterator[str]:
    """The lines of a text file without their ends.

    Args:
        path: A file, or :data:`STDIN`.
        decode_errors: ``strict`` stops at a byte that is not UTF-8, ``replace`` puts U+FFFD in its place.

    Raises:
        TextError: The file cannot be read or, when strict, is not UTF-8; the message has the line and column.
    """
    return TextReader(path, decode_errors).lines()


def size_of(path: Path) -> int:
    """The size of a file in bytes.

    Raises:
        TextError: There is no such file, or it is out of reach.
    """
    try:
        return path.stat().st_size
    except OSError as error:
        raise cannot_read(path, error) from error


class TextReader:
    """Reads the lines of one file once and keeps account of what went by.

    A line ends at ``\\n``, ``\\r\\n`` or a lone ``\\r`` and nowhere else: U+2028, U+0085 and their like stay inside.
    A byte order mark at the beginning is dropped.

    Args:
        path: A file, or :data:`STDIN`.
        decode_errors: ``strict`` or ``replace``, as in ``InputConfig``.
    """

    def __init__(self, path: Path, decode_errors: str = "strict") -> None:
        self.path = path
        self.decode_errors = decode_errors
        self.bytes_read = 0
        """Bytes taken from the file so far, in steps of :data:`BLOCK`."""
        self.replaced = 0
        """Stretches of bytes that were not UTF-8 and became U+FFFD."""
        self._lines_before = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes read so far; of the whole file once all lines are read."""
        return self._digest.hexdigest()

    def lines(self) -> Iterator[str]:
        """The lines in order, without their ends. Call it once.

        Raises:
            TextError: As :func:`read_lines`.
        """
        for block in self._blocks():
            lines = self._decode(block).split("\n")
            if block.endswith(b"\n"):
                lines.pop()
            yield from lines
            self._lines_before += len(lines)

    def _blocks(self) -> Iterator[bytes]:
        """Stretches of whole lines, every line end already ``\\n``."""
        try:
            with self._open() as stream:
                pieces: list[bytes] = []
                carriage_return = b""
                while piece := stream.read(BLOCK):
                    self._digest.update(piece)
                    first, self.bytes_read = not self.bytes_read, self.bytes_read + len(piece)
                    if first:
                        piece = piece.removeprefix(BYTE_ORDER_MARK)
                    # A carriage return at the edge may be half of a line end, so it waits for the next piece.
                    piece = carriage_return + piece
                    carriage_return = b"\r" if piece.endswith(b"\r") else b""
                    piece = _with_newlines(piece.removesuffix(b"\r"))
                    cut = piece.rfind(b"\n") + 1
                    pieces.append(piece[:cut] if cut else piece)
                    if cut:
                        yield b"".join(pieces)
                        pieces = [piece[cut:]]
                last = b"".join(pieces) + _with_newlines(carriage_return)
                if last:
                    yield last
        except OSError as error:
            raise cannot_read(self.path, error) from error

    def _open(self) -> AbstractContextManager[IO[bytes]]:
        return nullcontext(sys.stdin.buffer) if self.path == STDIN else self.path.open("rb")

    def _decode(self, block: bytes) -> str:
        try:
            return block.decode()
        except UnicodeDecodeError as error:
            if self.decode_errors == "strict":
                raise self._not_utf8(block, error) from error
        text = block.decode(errors="replace")
        self.replaced += text.count("\ufffd") - block.count("\ufffd".encode())
        return text

    def _not_utf8(self, block: bytes, error: UnicodeDecodeError) -> TextError:
        line_begin = block.rfind(b"\n", 0, error.start) + 1
        line = self._lines_before + block.count(b"\n", 0, error.start) + 1
        column = len(block[line_begin : error.start].decode()) + 1
        return TextError(
            f"{self.path}:{line}: byte 0x{block[error.start]:02x} at column {column} is not UTF-8",
            hint="save the file as UTF-8",
        )


def cannot_read(path: Path, error: OSError) -> TextError:
    """What to raise where a file is out of reach."""
    return TextError(f"{path}: cannot be read: {error.strerror or error}", hint="check the path and its permissions")


def _with_newlines(piece: bytes) -> bytes:
    if b"\r" in piece:
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return piece


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path == STDIN or _is_readable(path):
        return [path]
    if path.is_dir():
        found = [file for file in _files_below(path) if _ending(file) in FORMATS]
        if not found:
            raise TextError(
                f"{pattern}: the folder has no file whose name ends in {', '.join(FORMATS)} (or one of them and "
                f"{', '.join(COMPRESSED)})",
                hint="name the files, or a glob pattern",
            )
        return found
    # Names with odd characters come first as they are (above); only what does not exist is read as a pattern.
    found = [file for name in glob.glob(pattern, recursive=True) if (file := Path(name)).is_file()]  # noqa: PTH207
    if not found:
        raise TextError(
            f"{pattern}: no such file or folder, and no file matches it as a pattern",
            hint="check the spelling; - reads standard input",
        )
    return sorted(found)


def _is_readable(path: Path) -> bool:
    # A pipe, such as the shell makes of <(command), is as good as a file.
    return path.is_file() or path.is_fifo()


def _files_below(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and not _hidden(file.relative_to(folder)))


def _ending(path: Path) -> str:
    """The end of a name that says the format, in small letters."""
    name = path.name.lower()
    compression = next((end for end in COMPRESSED if name.endswith(end)), "")
    return Path(name.removesuffix(compression)).suffix


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
