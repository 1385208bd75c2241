"""One input from its bytes on the disk to bytes whose lines end in ``\\n`` and nowhere else."""

import codecs
import hashlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO

from elmo_cli.errors import TextError
from elmo_cli.text.compression import decompressed
from elmo_cli.text.readers import BYTE_ORDER_MARK, STDIN, cannot_read

PIECE = 1 << 18
"""Bytes read at a time."""

BAD = "\udc80"
"""Stands for bytes that are in no encoding while a text is brought to UTF-8; no decoder gives it for good ones."""

BAD_BYTES = BAD.encode(errors="surrogatepass")
"""What :data:`BAD` is in the bytes that come out. It is not UTF-8, so nothing in the text looks like it."""

_WIDE = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_STATEFUL = ("utf-7", "utf-16", "utf-32", "hz", "iso2022", "idna", "punycode", "unicode_escape", "raw-unicode-escape")


class InputStream:
    """Reads one file once and keeps account of what went by.

    Args:
        path: A file, or :data:`~elmo_cli.text.readers.STDIN`.
        encoding: The text's encoding. A file that begins with the byte order mark of UTF-16 or UTF-32 is read as that
            where ``encoding`` is UTF-8.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.encoding = encoding
        """The encoding, once the first piece is read that which was found."""
        self.bytes_read = 0
        """Bytes taken from the file so far, as they lie there."""
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file as it lies; of the whole one once all pieces are read."""
        return self._digest.hexdigest()

    @property
    def transcoded(self) -> bool:
        """Whether what comes out is UTF-8 although the file is not."""
        return not is_cut_as_bytes(self.encoding)

    def pieces(self) -> Iterator[bytes]:
        """The text's bytes in pieces cut anywhere, every line end ``\\n``. Call it once.

        Raises:
            TextError: The file cannot be read, or its compressed data is damaged.
        """
        return _with_newlines(self._in_bytes(decompressed(self._raw(), printable(self.path))))

    def _raw(self) -> Iterator[bytes]:
        try:
            with self._open() as stream:
                while piece := stream.read(PIECE):
                    self._digest.update(piece)
                    self.bytes_read += len(piece)
                    yield piece
        except OSError as error:
            raise cannot_read(self.path, error) from error

    def _open(self) -> AbstractContextManager[IO[bytes]]:
        return nullcontext(sys.stdin.buffer) if self.path == STDIN else self.path.open("rb")

    def _in_bytes(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        first = next(pieces, b"")
        wide = next((name for mark, name in _WIDE if first.startswith(mark)), None)
        if wide is not None and codecs.lookup(self.encoding).name == "utf-8":
            self.encoding = wide
        if not self.transcoded:
            yield first
            yield from pieces
            return
        if wide is not None and codecs.lookup(self.encoding).name == wide:
            yield BYTE_ORDER_MARK  # the decoder drops it; it is counted later
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="elmo-bad")
        piece = first
        try:
            while piece:
                yield decoder.decode(piece).encode(errors="surrogatepass")
                piece = next(pieces, b"")
            yield decoder.decode(b"", final=True).encode(errors="surrogatepass")
        except UnicodeError as error:
            # Bytes that are no characters never come here; this is about the text as a whole.
            raise TextError(
                f"{printable(self.path)}: cannot be read as {self.encoding}: {error}",
                hint=_other_names(self.encoding, first),
            ) from error


def wide_encoding(content: bytes) -> str | None:
    """The kind of UTF-16 that bytes look like: in Western text every second byte is NUL. None for all others.

    Example:
        >>> wide_encoding("Text".encode("utf-16-le")), wide_encoding(b"Text")
        ('utf-16-le', None)
    """
    nuls = (content[0::2].count(0), content[1::2].count(0))
    if 8 * max(nuls) <= len(content) or 2 * min(nuls) >= max(nuls):
        return None
    return "utf-16-be" if nuls[0] > nuls[1] else "utf-16-le"


def _other_names(encoding: str, content: bytes) -> str:
    name, guess = codecs.lookup(encoding).name, wide_encoding(content)
    if name not in ("utf-16", "utf-32"):
        return "name another one with --encoding"
    names = f"--encoding {guess}" if guess else f"--encoding {name}-le or --encoding {name}-be"
    return f"without a byte order mark, the order of the bytes must be named: {names}"


def printable(path: Path) -> str:
    """A file's name in characters that UTF-8 has; bytes of the name that are none are spelled ``\\udcff``."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def is_cut_as_bytes(encoding: str) -> bool:
    """Whether a byte ``\\n`` of an encoding is a line end wherever it stands, so that bytes can be cut into lines.

    Example:
        >>> is_cut_as_bytes("shift_jis"), is_cut_as_bytes("utf-16")
        (True, False)
    """
    name = codecs.lookup(encoding).name
    if name.startswith(_STATEFUL) or name == "utf-8-sig":
        return False
    try:
        return b'\r\n",{}\t'.decode(encoding) == '\r\n",{}\t'
    except UnicodeError:
        return False


def _mark_bad(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BAD, error.end


codecs.register_error("elmo-bad", _mark_bad)


def _with_newlines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    carriage_return = b""
    for piece in pieces:
        # A carriage return at the edge may be half of a line end, so it waits for the next piece.
        if carriage_return:
            piece = carriage_return + piece
            carriage_return = b""
        if b"\r" in piece:
            if piece.endswith(b"\r"):
                piece, carriage_return = piece[:-1], b"\r"
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if piece:
            yield piece
    if carriage_return:
        yield b"\n"
