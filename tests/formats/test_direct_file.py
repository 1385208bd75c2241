import errno
import os
import random
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.formats import direct_file
from elmo_cli.formats.direct_file import BLOCK, DirectFile


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty file; buffers have two blocks."""
    monkeypatch.setattr(direct_file, "BUFFER", 2 * BLOCK)
    place = tmp_path / "vectors"
    place.touch()
    return place


@pytest.fixture(params=["usual", "through-the-page-cache"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As this file system can, or without what it may have."""
    if request.param != "usual":
        monkeypatch.setattr(direct_file, "_DIRECT", 0)
    return request.param


@pytest.mark.parametrize("seed", range(5))
def test_all_that_was_written_stands_there_in_order(path: Path, way: str, seed: int) -> None:
    numbers, expected = random.Random(seed), b""
    file = DirectFile(path)
    for _ in range(60):
        content = numbers.randbytes(numbers.choice([0, 1, 100, BLOCK, 3000, 5 * BLOCK + 7]))
        file.write(content)
        expected += content
        assert file.size == len(expected)
        match numbers.randrange(6):
            case 0:
                file.flush()
                assert path.read_bytes() == expected
            case 1:
                file.sync()
            case 2:
                file.close()
                assert path.read_bytes() == expected
                file = DirectFile(path)
            case 3:
                expected = expected[: numbers.randint(0, len(expected))]
                file.cut(len(expected))
                assert path.read_bytes() == expected
    file.close()
    assert path.read_bytes() == expected


def test_an_array_is_written_in_its_own_order(path: Path, way: str) -> None:
    array = np.random.default_rng(0).normal(size=(3, 5, 70)).astype(np.float32)
    parts = [array[:, :2], array.transpose(1, 0, 2), array[:, 2:2], array[:, ::2], np.tile(array, (1, 9, 1))[:, 1:]]
    file = DirectFile(path)
    for part in parts:
        file.write(part)
    file.close()
    assert path.read_bytes() == b"".join(part.tobytes() for part in parts)


def test_what_was_flushed_is_not_written_again(path: Path, way: str) -> None:
    file = DirectFile(path)
    file.write(b"first")
    file.flush()
    path.write_bytes(b"FIRST, and what came behind")
    file.close()
    assert path.read_bytes() == b"FIRST, and what came behind"


def test_where_there_is_no_way_past_the_page_cache_it_is_not_direct(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct_file, "_DIRECT", 0)
    file = DirectFile(path)
    assert not file.is_direct
    file.close()


def test_a_file_system_that_does_not_open_files_so_is_written_through_the_page_cache(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, flags: int) -> int:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), name)

    monkeypatch.setattr(direct_file.os, "open", refuse)
    monkeypatch.setattr(direct_file, "_DIRECT", 1 << 30)
    file = DirectFile(path)
    assert not file.is_direct
    file.write(b"x" * BLOCK)
    file.close()
    assert path.read_bytes() == b"x" * BLOCK


class Disk:
    """Stands for a file that is opened for writing past the page cache, and for what becomes of that."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = path.open("r+b")
        self.real = os.pwrite
        self.error = 0
        self.most = 1 << 30
        self.taken: list[tuple[int, int]] = []
        monkeypatch.setattr(direct_file, "_open_direct", lambda _: self.file)
        monkeypatch.setattr(direct_file.os, "pwrite", self.pwrite)

    def pwrite(self, descriptor: int, content: memoryview, place: int) -> int:
        """As ``os.pwrite``."""
        if self.file.closed or descriptor != self.file.fileno():
            return self.real(descriptor, content, place)
        self.taken.append((place, len(content)))
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return self.real(descriptor, content[: self.most], place)


def test_whole_blocks_go_past_the_page_cache(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(path, monkeypatch)
    file = DirectFile(path)
    content = random.Random(0).randbytes(3 * BLOCK + 5)
    file.write(content)
    file.flush()
    file.write(content)
    file.close()
    assert disk.taken == [(0, 2 * BLOCK), (2 * BLOCK, BLOCK), (3 * BLOCK, 2 * BLOCK), (5 * BLOCK, BLOCK)]
    assert path.read_bytes() == 2 * content


def test_what_is_refused_there_goes_through_the_page_cache_from_then_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(path, monkeypatch)
    disk.error = errno.EINVAL
    file = DirectFile(path)
    assert file.is_direct
    content = random.Random(0).randbytes(5 * BLOCK)
    file.write(content)
    assert not file.is_direct
    file.close()
    assert len(disk.taken) == 1
    assert path.read_bytes() == content


def test_what_is_taken_in_part_is_made_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(path, monkeypatch)
    disk.most = 1000
    file = DirectFile(path)
    content = random.Random(0).randbytes(5 * BLOCK)
    file.write(content)
    file.close()
    assert disk.taken
    assert path.read_bytes() == content


def test_a_full_disk_is_reported_and_what_had_room_stands_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(path, monkeypatch)
    file = DirectFile(path)
    content = random.Random(0).randbytes(2 * BLOCK)
    file.write(content)
    disk.error, real = errno.ENOSPC, disk.real

    def pwrite(descriptor: int, content: memoryview, place: int) -> int:
        if place >= 3 * BLOCK + 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, content[: 3 * BLOCK + 100 - place], place)

    disk.real = pwrite
    with pytest.raises(OSError, match="No space left"):
        file.write(content)
    file.close()
    assert path.read_bytes() == (2 * content)[: 3 * BLOCK + 100]
