"""Bytes of a file on their way to one kind of line end and, where need be, to UTF-8."""

import gzip
import hashlib
from pathlib import Path

import pytest

from elmo_cli.errors import TextError
from elmo_cli.text import streams
from elmo_cli.text.streams import BAD_BYTES, InputStream, is_cut_as_bytes, printable, wide_encoding


def _stream(folder: Path, content: bytes, encoding: str = "utf-8") -> tuple[InputStream, bytes]:
    path = folder / "a.txt"
    path.write_bytes(content)
    stream = InputStream(path, encoding)
    return stream, b"".join(stream.pieces())


@pytest.mark.parametrize("piece", [1, 2, 3, 1 << 18])
def test_line_ends_become_one_wherever_the_pieces_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(streams, "PIECE", piece)
    assert _stream(tmp_path, b"a\r\nb\rc\n\r\r\n\nd\r")[1] == b"a\nb\nc\n\n\n\nd\n"


def test_account_is_kept_of_the_file_as_it_lies(tmp_path: Path) -> None:
    content = gzip.compress(b"a\r\n")
    stream, text = _stream(tmp_path, content)
    assert text == b"a\n"
    assert stream.bytes_read == len(content)
    assert stream.sha256 == hashlib.sha256(content).hexdigest()


def test_what_cannot_be_cut_as_bytes_comes_out_as_utf8_with_marks_for_bad_bytes(tmp_path: Path) -> None:
    stream, text = _stream(tmp_path, "é\n".encode("utf-16-le") + b"\x00\xd8a\0", "utf-16-le")
    assert stream.transcoded
    assert text == "é\n".encode() + BAD_BYTES + b"a"
    stream, text = _stream(tmp_path, "é\n".encode("utf-16"))
    assert (stream.encoding, text) == ("utf-16", "\ufeffé\n".encode())
    stream, text = _stream(tmp_path, "é\n".encode("latin-1"), "latin-1")
    assert (stream.transcoded, text) == (False, b"\xe9\n")


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        ("utf-16", "é\n".encode("utf-16-le"), r"utf-16: .*BOM\nHint: .* named: --encoding utf-16-le$"),
        ("utf-16", "a\nb".encode("utf-16-be"), r".*named: --encoding utf-16-be$"),
        ("utf-16", "漢字".encode("utf-16-le"), r".*named: --encoding utf-16-le or --encoding utf-16-be$"),
        ("utf-32", "a\n".encode("utf-32-be"), r"utf-32: .*--encoding utf-32-le or --encoding utf-32-be$"),
        ("undefined", b"a", r"undefined: .*\nHint: name another one with --encoding$"),
    ],
)
def test_a_text_without_the_mark_that_its_encoding_needs_is_an_error(
    tmp_path: Path, encoding: str, content: bytes, message: str
) -> None:
    with pytest.raises(TextError, match=rf"(?s)^{tmp_path}/a\.txt: cannot be read as {message}"):
        _stream(tmp_path, content, encoding)


def test_utf_16_is_told_by_its_zero_bytes() -> None:
    assert wide_encoding(b"") is None
    assert wide_encoding(bytes(100)) is None
    assert wide_encoding("Wörter, 3 €\n".encode("utf-16-be")) == "utf-16-be"
    assert wide_encoding("Wörter, 3 €\n".encode("utf-32-le")) is None


def test_encodings_that_hold_line_ends_within_characters_are_known() -> None:
    cut = ["utf-8", "ascii", "latin-1", "cp1252", "koi8-r", "gb18030", "gbk", "big5", "shift_jis", "euc-jp", "euc-kr"]
    assert all(map(is_cut_as_bytes, cut))
    others = ["utf-7", "utf-16", "utf-16-be", "utf-32", "iso2022_jp", "hz", "cp037", "utf-8-sig"]
    assert not any(map(is_cut_as_bytes, others))


def test_a_file_that_is_gone_or_a_folder_is_an_error(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "gone", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(TextError, match=f"^{path}: cannot be read: {reason}"):
            list(InputStream(path, "utf-8").pieces())


def test_every_name_can_be_printed() -> None:
    assert printable(Path("ä/caf\udce9.txt")) == "ä/caf\\udce9.txt"
