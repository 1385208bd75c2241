"""Containers, whole and broken."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator

import pytest
import zstandard

from elmo_cli.errors import TextError
from elmo_cli.text import compression
from elmo_cli.text.compression import COMPRESSIONS, decompressed

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstandard": zstandard.ZstdCompressor(write_checksum=True).compress,
}
TEXT = b"".join(b"line %d of a text that is packed\n" % number for number in range(20_000))

every_kind = pytest.mark.parametrize("kind", COMPRESSIONS)


def _pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def _unpacked(content: bytes, size: int = 700) -> bytes:
    return b"".join(decompressed(_pieces(content, size), "a.txt"))


@every_kind
@pytest.mark.parametrize("size", [300, 1 << 20])
def test_what_was_packed_comes_back_whatever_the_pieces(kind: str, size: int) -> None:
    assert _unpacked(PACK[kind](TEXT), size) == TEXT


@every_kind
@pytest.mark.parametrize("size", [300, 1 << 20])
def test_streams_that_follow_each_other_become_one(kind: str, size: int) -> None:
    packed = PACK[kind](TEXT) + PACK[kind](b"") + PACK[kind](b"and more\n")
    assert _unpacked(packed, size) == TEXT + b"and more\n"
    assert _unpacked(packed + bytes(512), size) == TEXT + b"and more\n"


@every_kind
def test_an_empty_stream_is_an_empty_text(kind: str) -> None:
    assert _unpacked(PACK[kind](b"")) == b""


@every_kind
def test_a_stream_that_was_cut_short_is_an_error(kind: str) -> None:
    packed = PACK[kind](TEXT)
    for length in (len(packed) // 2, len(packed) - 1):
        with pytest.raises(TextError, match=rf"^a\.txt: the {kind} data ends in the middle.*\n.*cut short"):
            _unpacked(packed[:length])


@every_kind
def test_a_stream_that_is_damaged_is_an_error(kind: str) -> None:
    packed = bytearray(PACK[kind](TEXT))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(TextError, match=rf"^a\.txt: (damaged {kind} data: \w+|the {kind} data ends in the middle)"):
        _unpacked(bytes(packed))
    with pytest.raises(TextError, match=rf"damaged {kind} data"):
        _unpacked(PACK[kind](TEXT) + b"something else that is long enough to be looked at")


@every_kind
def test_zeros_packed_a_thousandfold_are_unpacked_in_portions(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "OUTPUT", 1 << 16)
    size = 1 << 24
    portions = [len(piece) for piece in decompressed(iter([PACK[kind](bytes(size))]), "a.txt")]
    assert sum(portions) == size
    # Zstandard alone has no bound on what a few bytes become.
    assert max(portions) <= (size if kind == "zstandard" else 1 << 16)


def test_text_stays_as_it_is() -> None:
    for text in (b"", b"plain\n", b"BZh9 is how such files begin", b"\x1f\x8b no"):
        assert _unpacked(text) == text


def test_archives_and_documents_are_named_for_what_they_are() -> None:
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a.txt", "text")
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    files = {
        "a zip archive": zipped.getvalue(),
        "a tar archive": tarred.getvalue(),
        "a PDF document": b"%PDF-1.7\n",
    }
    for what, content in files.items():
        for packed in (content, gzip.compress(content)):
            with pytest.raises(TextError, match=rf"^a\.txt: expected text, found {what}.*\n.*unpack or convert"):
                _unpacked(packed)
