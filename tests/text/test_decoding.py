"""Bytes to characters."""

import pytest

from elmo_cli.errors import TextError
from elmo_cli.text.decoding import decode, refuse_bad, without_surrogates
from elmo_cli.text.streams import BAD, BAD_BYTES


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "ascii"])
def test_a_stretch_in_no_encoding_becomes_a_mark_that_no_text_has(encoding: str) -> None:
    assert decode(b"a\n\xffb", encoding, transcoded=False) == (f"a\n{BAD}b", True)
    assert decode(b"ab", encoding, transcoded=False) == ("ab", False)


def test_marks_of_a_transcoded_text_come_through() -> None:
    assert decode("é".encode() + BAD_BYTES, "utf-16", transcoded=True) == (f"é{BAD}", True)


def test_no_good_bytes_become_the_mark() -> None:
    assert decode(BAD_BYTES, "utf-8", transcoded=False) == (BAD * 3, True)


def test_the_first_mark_is_named_with_its_place() -> None:
    content = "eins\nzwei é".encode() + b"\x80\n\xff"
    text, _ = decode(content, "utf-8", transcoded=False)
    with pytest.raises(TextError, match=r"^a\.txt:8: byte 0x80 at column 7 is not UTF-8\n.*--encoding"):
        refuse_bad(text, content, "utf-8", False, "a.txt", 7)
    refuse_bad("good", b"good", "utf-8", False, "a.txt", 7)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (
            "Das ist für\nalle.".encode("windows-1252"),
            r"--encoding \(in windows-1252 the word would be 'für'\), or put",
        ),
        ("grüß".encode("windows-1252"), r"'grüß'"),
        ("It was°\n".encode("utf-16-le"), r"--encoding \(it looks like utf-16-le\), or put"),
        ("It was°\n".encode("utf-16-be"), r"--encoding \(it looks like utf-16-be\), or put"),
        ("你好，世界。".encode("gb18030"), r"with --encoding, or put"),
        ("это русский".encode("koi8-r"), r"with --encoding, or put"),
        (b"caf\x81", r"with --encoding, or put"),
    ],
)
def test_what_bytes_may_be_instead_is_said_where_it_shows(content: bytes, hint: str) -> None:
    text, _ = decode(content, "utf-8", transcoded=False)
    with pytest.raises(TextError, match=hint):
        refuse_bad(text, content, "utf-8", False, "a.txt", 1)


def test_halves_of_pairs_become_replacement_characters() -> None:
    assert without_surrogates("a\ud800b\udfff😀") == ("a\ufffdb\ufffd😀", 2)
