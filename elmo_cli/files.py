"""Files and folders that appear whole or not at all.

Everything the toolkit writes goes to a temporary name in the same folder first and is renamed when it is complete, so
that a kill at any moment leaves either the old content or the new one, never half of it.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elmo_cli.errors import BusyError, OutputError

PARTIAL = ".partial-"
"""Prefix of temporary names. What carries it is left over from a kill and may be deleted."""

LOCK = ".lock"
"""File that a process locks to have a folder for itself."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a temporary path to write to; on success it is flushed to disk and renamed to ``path``.

    Raises:
        OutputError: The folder cannot be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{PARTIAL}{path.name}-", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from error
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        flush(partial)
        partial.replace(path)
        flush(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Gives a temporary folder to fill; on success it replaces ``path``.

    Raises:
        OutputError: The parent folder cannot be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}{path.name}-", dir=path.parent))
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield partial
        partial.chmod(0o777 & ~_umask())
        put_folder(partial, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def put_folder(finished: Path, path: Path) -> None:
    """Flushes a folder to disk and renames it to ``path``, where it replaces another one.

    Raises:
        OSError: It cannot be done.
    """
    for file in finished.rglob("*"):
        flush(file)
    flush(finished)
    _swap(finished, path)
    flush(path.parent)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text that appears whole, with ``\\n`` line ends on every system."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keeps a folder, made if need be, for this process alone; the lock goes with the process, however it ends.

    Raises:
        BusyError: Another process holds it.
        OutputError: It cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    except OSError as error:
        raise cannot_write(folder, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(
                f"{folder}: another elmo process is at work in it", hint="wait for it, or choose another --out"
            ) from error
        yield


def remove_leftovers(folder: Path) -> None:
    """Deletes what killed writers left in ``folder``. Call it only while holding the folder for yourself."""
    for leftover in folder.glob(f"{PARTIAL}*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _swap(partial: Path, path: Path) -> None:
    # A folder cannot be renamed over a full one, so the old one steps aside first.
    if not path.exists():
        partial.rename(path)
        return
    aside = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}{path.name}-old-", dir=path.parent))
    path.rename(aside / path.name)
    partial.rename(path)
    shutil.rmtree(aside, ignore_errors=True)


def flush(path: Path) -> None:
    """Waits until what was written to a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def cannot_write(path: Path, error: OSError) -> OutputError:
    """What to raise where something cannot be written."""
    return OutputError(
        f"{path}: cannot be written: {error.strerror or error}",
        hint="choose another place with --out, or free space and check the folder's permissions; nothing was changed",
    )
