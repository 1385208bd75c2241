"""Compressed inputs, told by their first bytes and unpacked piece by piece."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import zstandard

from elmo_cli.errors import TextError

OUTPUT = 1 << 20
"""Bytes unpacked at a time, so that what was packed a thousandfold does not fill the memory."""

ZSTANDARD_INPUT = 512
"""Bytes given to zstandard at a time. It has no bound on what it returns; at worst this many bytes become 16 MB."""

COMPRESSIONS = {"gzip": ".gz", "xz": ".xz", "bzip2": ".bz2", "zstandard": ".zst"}
"""The kinds that are read, with the ending of their files' names."""

_FOREIGN = {
    b"PK\x03\x04": "a zip archive (or an office document)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"%PDF-": "a PDF document",
    b"\x04\x22\x4d\x18": "lz4",
    b"PAR1": "a Parquet table",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
}


class _Decompressor(Protocol):
    """What ``lzma`` and ``bz2`` have."""

    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


class _Gzip:
    """``zlib`` with the members that the other two have."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int = 0) -> bytes:
        made = self._stream.decompress(self._stream.unconsumed_tail + data, max_length)
        self.needs_input = not self._stream.unconsumed_tail and len(made) < max_length
        return made

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


class _Zstandard:
    """``zstandard`` with the same members; what comes in waits here, and goes on in small portions."""

    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor().decompressobj()
        self._waiting = memoryview(b"")

    def decompress(self, data: bytes, max_length: int = 0) -> bytes:
        if data:
            self._waiting = memoryview(bytes(self._waiting) + data)
        made: list[bytes] = []
        size = 0
        while self._waiting and size < max_length and not self._stream.eof:
            portion, self._waiting = self._waiting[:ZSTANDARD_INPUT], self._waiting[ZSTANDARD_INPUT:]
            made.append(self._stream.decompress(portion))
            size += len(made[-1])
        return b"".join(made)

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data + bytes(self._waiting)


_MAKE: dict[str, Callable[[], _Decompressor]] = {
    "gzip": _Gzip,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
    "bzip2": bz2.BZ2Decompressor,
    "zstandard": _Zstandard,
}
_ERRORS = (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, zstandard.ZstdError)


def compression_of(beginning: bytes) -> str | None:
    """The kind of compression that a file begins with, of :data:`COMPRESSIONS`; None for any other file.

    Example:
        >>> compression_of(b"\\x1f\\x8b\\x08"), compression_of(b"BZh, said he.")
        ('gzip', None)
    """
    if beginning.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if beginning.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    if beginning[:3] == b"BZh" and beginning[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"):
        return "bzip2"
    skippable = beginning[1:4] == b"\x2a\x4d\x18" and 0x50 <= beginning[0] <= 0x5F
    return "zstandard" if skippable or beginning.startswith(b"\x28\xb5\x2f\xfd") else None


def decompressed(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The bytes of a file, unpacked where its first ones say so. Streams that follow each other become one.

    Args:
        pieces: The file as it lies; the first piece has 262 bytes or all there are.
        name: The file's name, for messages.

    Raises:
        TextError: The file is damaged or ends too early, or is an archive.
    """
    first = next(pieces, b"")
    kind = compression_of(first)
    if kind is None:
        refuse_foreign(first, name)
        if first:
            yield first
        yield from pieces
        return
    unpacked = _unpacked(first, pieces, kind, name)
    beginning = next(unpacked, b"")
    refuse_foreign(beginning, name)
    yield beginning
    yield from unpacked


def refuse_foreign(beginning: bytes, name: str) -> None:
    """Stops at files that are known not to be text.

    Raises:
        TextError: What the file is instead.
    """
    found = next((what for magic, what in _FOREIGN.items() if beginning.startswith(magic)), None)
    if beginning[257:262] == b"ustar":
        found = "a tar archive"
    if found is not None:
        raise TextError(f"{name}: expected text, found {found}", hint="unpack or convert it, and name the text files")


def _unpacked(first: bytes, rest: Iterator[bytes], kind: str, name: str) -> Iterator[bytes]:
    stream: _Decompressor | None = _MAKE[kind]()
    piece = first
    while piece:
        if stream is None:
            # Tapes and xz fill up with zeros after a stream.
            piece = piece.lstrip(b"\x00")
            stream = _MAKE[kind]() if piece else None
        while stream is not None:
            try:
                made = stream.decompress(piece, OUTPUT)
            except _ERRORS as error:
                raise TextError(
                    f"{name}: damaged {kind} data: {error}", hint="fetch the file again, or unpack what is left of it"
                ) from error
            piece = b""
            if made:
                yield made
            if stream.eof:
                piece, stream = stream.unused_data.lstrip(b"\x00"), None
                stream = _MAKE[kind]() if piece else None
            elif stream.needs_input:
                break
        piece = next(rest, b"")
    if stream is not None:
        raise TextError(
            f"{name}: the {kind} data ends in the middle; the file is not complete",
            hint="fetch the file again; a download or copy may have been cut short",
        )
