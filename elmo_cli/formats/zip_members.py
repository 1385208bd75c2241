"""Members of a zip archive that comes from a stranger: by exact name, into memory, never onto the disk."""

import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from elmo_cli.errors import ModelError
from elmo_cli.formats.content import Content, swelling_limit
from elmo_cli.formats.problems import require_none

BLOCK = 1 << 20
_PLAIN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


class ZipMembers:
    """An open zip archive whose names were checked. See :func:`open_zip`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._infos = {info.filename: info for info in archive.infolist()}

    @property
    def names(self) -> list[str]:
        """The members' names, folders left out, sorted."""
        return sorted(name for name in self._infos if not name.endswith("/"))

    def read(self, name: str, *, largest: int) -> Content:
        """The bytes of one member.

        Args:
            name: Its exact name.
            largest: Bytes that it may have.

        Raises:
            ModelError: It is encrypted, a link, packed by an unusual method, too large, or damaged.
        """
        info, place = self._infos[name], f"{self.path}/{name}"
        if wrong := _unreadable(info, largest):
            raise ModelError(f"{place}: {wrong}")
        with _reading(self.path), self._archive.open(info) as stream:
            data = b"".join(iter(lambda: stream.read(BLOCK), b""))  # in one go it would take three times the memory
        if len(data) != info.file_size:
            raise ModelError(
                f"{place}: expected the {info.file_size:,} bytes that the archive declares, found {len(data):,}"
            )
        return Content(place, data)


@contextmanager
def open_zip(path: Path) -> Iterator[ZipMembers]:
    """Opens an archive for reading members by name.

    Raises:
        ModelError: It is no zip archive, has a name twice, or one that leads out of a folder.
    """
    with _reading(path):
        archive = zipfile.ZipFile(path)
    with archive:
        require_none(path, list(_wrong_names(archive.infolist())), hint="take the archive from its publisher")
        yield ZipMembers(path, archive)


def wrong_name(name: str) -> str:
    """Why a member's name is not one to trust; empty for a plain relative path."""
    if "\0" in name or "\\" in name:
        return "a name with a backslash or a zero byte"
    if name.startswith("/") or name[1:2] == ":" or ".." in PurePosixPath(name).parts:
        return "a name that leads out of the folder"
    return ""


def _wrong_names(infos: Iterable[zipfile.ZipInfo]) -> Iterator[str]:
    seen: set[str] = set()
    for info in infos:
        if wrong := wrong_name(info.orig_filename):
            yield f"{info.orig_filename!r}: {wrong}"
        if info.filename in seen:
            yield f"{info.filename!r}: there are two members of that name, and readers would disagree on which counts"
        seen.add(info.filename)


def _unreadable(info: zipfile.ZipInfo, largest: int) -> str:
    limit = swelling_limit(info.compress_size, largest)
    if info.flag_bits & 0x1:
        return "encrypted; unpack the archive with its password and give the folder"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symbolic link, expected a file"
    if info.compress_type not in _PLAIN:
        return f"expected a stored or deflated member, found method {info.compress_type}"
    if info.file_size > limit:
        return f"{info.compress_size:,} bytes unpack to {info.file_size:,}, more than the {limit:,} that are allowed"
    return ""


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise ModelError(
            f"{path}: not a zip archive, or damaged: {error}",
            hint="fetch it again, and compare its size with the source's",
        ) from error
