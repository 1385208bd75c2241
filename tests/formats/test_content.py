import gzip
from pathlib import Path

import pytest

from elmo_cli.errors import ModelError
from elmo_cli.formats.content import MOST_SWELLING, Content, read_bytes, size_of, swelling_limit, unpacked


def test_a_file_and_its_content_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    content = Content("archive.zip/file", b"abc")
    assert read_bytes(path) == read_bytes(content) == content.open().read() == b"abc"
    assert size_of(path) == size_of(content) == 3
    assert "abc" not in repr(content)


def test_little_may_swell_to_a_megabyte_and_more_to_a_multiple_of_itself() -> None:
    assert swelling_limit(10, 1 << 40) == 1 << 20
    assert swelling_limit(1 << 20, 1 << 40) == MOST_SWELLING << 20
    assert swelling_limit(1 << 20, 5000) == 5000


def test_a_gzip_file_is_unpacked_in_memory(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    content = unpacked(tmp_path / "vocab.txt.gz", largest=100)
    assert content.data == b"one\ntwo\n"
    assert str(content) == str(tmp_path / "vocab.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["vocab.txt.gz"]


@pytest.mark.parametrize(
    "data", [b"no gzip at all", gzip.compress(b"words" * 99)[:-9], b"\x1f\x8b\x08\x00" + bytes(20)]
)
def test_a_damaged_gzip_file_is_an_error(data: bytes) -> None:
    with pytest.raises(
        ModelError, match=r"a\.zip/vocab\.txt\.gz: not a gzip file, or damaged: .*\nHint: fetch it again"
    ):
        unpacked(Content("a.zip/vocab.txt.gz", data), largest=1 << 20)


def test_a_gzip_file_that_swells_is_refused() -> None:
    bomb = gzip.compress(bytes(8 << 20))
    message = f"vocab.txt.gz: {len(bomb):,} bytes unpack to more than the 1,048,576 that are allowed"
    with pytest.raises(ModelError, match=message):
        unpacked(Content("vocab.txt.gz", bomb), largest=1 << 30)
