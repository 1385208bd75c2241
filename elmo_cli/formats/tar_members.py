"""Members of a gzipped tar archive that comes from a stranger: by exact name, into memory, never onto the disk."""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from elmo_cli.errors import ModelError
from elmo_cli.formats.content import Content, swelling_limit
from elmo_cli.formats.zip_members import wrong_name

_DAMAGED = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError)
_GZIP = b"\x1f\x8b"


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip files do."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP


def read_members(path: Path, wanted: Callable[[str], bool], *, largest: int) -> dict[str, Content]:
    """The members of a ``.tar.gz`` whose names are wanted, by their names; a leading ``./`` is left out.

    The archive is read once from front to back, and never longer than its size allows.

    Args:
        wanted: Says of a name whether to read the member.
        largest: Bytes that the archive may unpack to.

    Raises:
        ModelError: It is no such archive, damaged, swells beyond all bounds, has a name that leads out of a folder,
            or has a wanted member twice or as anything but a plain file.
    """
    found: dict[str, Content] = {}
    with _open(path, largest) as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if wrong := wrong_name(name):
                raise ModelError(f"{path}: {name!r}: {wrong}", hint="take the archive from its publisher")
            if not wanted(name):
                continue
            place = f"{path}/{name}"
            if name in found:
                raise ModelError(
                    f"{place}: there are two members of that name, and readers would disagree on which counts"
                )
            if not member.isfile() or member.issparse():
                raise ModelError(f"{place}: expected a plain file, found {_kind(member)}")
            stream = archive.extractfile(member)
            assert stream is not None, "a plain file has bytes"
            with stream:
                found[name] = Content(place, stream.read())
    return found


@contextmanager
def _open(path: Path, largest: int) -> Iterator[tarfile.TarFile]:
    try:
        limit = swelling_limit(path.stat().st_size, largest)
        with gzip.open(path) as unpacked:
            bounded = cast(IO[bytes], _Bounded(cast(IO[bytes], unpacked), path, limit))
            with tarfile.open(fileobj=bounded, mode="r|") as archive:
                yield archive
                while bounded.read(1 << 20):  # to the checksum at its end
                    pass
    except _DAMAGED as error:
        raise ModelError(
            f"{path}: not a gzipped tar archive, or damaged: {error}",
            hint="fetch it again, and compare its size with the source's",
        ) from error


class _Bounded:
    """A stream that refuses to give more than so many bytes, and never more at once than its reader has room for."""

    def __init__(self, stream: IO[bytes], path: Path, limit: int) -> None:
        self._stream, self._path, self._limit, self._left = stream, path, limit, limit

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._left -= len(piece)
        if self._left < 0:
            packed = self._path.stat().st_size
            raise ModelError(f"{self._path}: {packed:,} bytes unpack to more than the {self._limit:,} that are allowed")
        return piece


def _kind(member: Any) -> str:
    if member.issparse():
        return "a sparse one"
    return "a link" if member.issym() or member.islnk() else "a folder or device"
