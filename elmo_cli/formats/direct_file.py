"""A file of vectors that is written at its end, past the system's page cache where the file system can."""

import errno
import io
import mmap
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

BLOCK = 4096
"""Places and lengths that file systems take past the page cache are multiples of it."""
BUFFER = 4 << 20
"""Bytes that are written together."""
_DIRECT = getattr(os, "O_DIRECT", 0)


class DirectFile:
    """A file that is written at its end.

    A copy in the page cache costs a processor as much as a tenth of computing vectors, most of all where a virtual
    machine has to ask its host for every page. So whole blocks go from a buffer straight to the disk: writing waits and
    computes nothing. Who reads the file next reads it from the disk. Where a file system wants no such writing, the
    same blocks go through the page cache.

    Args:
        path: A file that is there; what it has, it keeps.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._plain = io.FileIO(path, "r+")
        self._direct = _open_direct(path)
        self._memory = memoryview(mmap.mmap(-1, BUFFER))  # begins at a page, as writing past the cache wants it
        self._bytes = np.frombuffer(self._memory, np.uint8)
        self._begin = self._held = self._known = 0
        """Where in the file the buffer stands, at a block's beginning; the bytes in it; how much the system has."""
        self._settle(os.fstat(self._plain.fileno()).st_size)

    @property
    def is_direct(self) -> bool:
        """Whether writing passes the page cache by."""
        return self._direct is not None

    @property
    def size(self) -> int:
        """How long it is, with what the system does not have yet."""
        return self._begin + self._held

    def write(self, content: bytes | npt.NDArray) -> None:
        """Appends bytes, or an array's numbers in its own order."""
        array = content if isinstance(content, np.ndarray) else np.frombuffer(content, np.uint8)
        end = self._held + array.nbytes
        if end < BUFFER:
            self._bytes[self._held : end].view(array.dtype).reshape(array.shape)[...] = array
            self._held = end
        else:
            rest = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
            while rest:
                part = rest[: BUFFER - self._held]
                self._memory[self._held : self._held + len(part)] = part
                self._held += len(part)
                rest = rest[len(part) :]
                if self._held == BUFFER:
                    self._put(BUFFER)

    def flush(self) -> None:
        """Gives the system what it does not have yet."""
        if self._known == self.size:
            return
        if whole := self._held // BLOCK * BLOCK:
            self._put(whole)
        # The last block is not full: it passes through the page cache, and is written again when it is.
        self._write_plain(self._memory[: self._held], self._begin)
        self._known = self.size

    def sync(self) -> None:
        """Waits until what was flushed is on the disk."""
        os.fdatasync(self._plain.fileno())

    def cut(self, size: int) -> None:
        """Shortens it."""
        self.flush()
        os.ftruncate(self._plain.fileno(), size)
        self._settle(size)
        self.sync()

    def fileno(self) -> int:
        """What the system calls it."""
        return self._plain.fileno()

    def close(self) -> None:
        """Closes it, whatever the disk says."""
        with suppress(OSError):  # a full disk has been reported; what is on it is known
            self.flush()
        for file in (self._plain, self._direct):
            if file is not None:
                file.close()

    def _settle(self, size: int) -> None:
        """Goes on behind what the file has; what of it fills no block comes into the buffer."""
        self._known, self._held = size, size % BLOCK
        self._begin = size - self._held
        self._memory[: self._held] = os.pread(self._plain.fileno(), self._held, self._begin)

    def _put(self, count: int) -> None:
        """Writes the first bytes of the buffer, whole blocks, and moves the others to its front."""
        done = 0
        if self._direct is not None:
            try:
                done = os.pwrite(self._direct.fileno(), self._memory[:count], self._begin)
            except OSError as error:  # the plain way does it, or says what is wrong
                if error.errno == errno.EINVAL:
                    self._direct.close()
                    self._direct = None
        self._write_plain(self._memory[done:count], self._begin + done)
        self._begin, self._held = self._begin + count, self._held - count
        self._memory[: self._held] = bytes(self._memory[count : count + self._held])

    def _write_plain(self, content: memoryview, place: int) -> None:
        while content:
            done = os.pwrite(self._plain.fileno(), content, place)
            content, place = content[done:], place + done


def _open_direct(path: Path) -> io.FileIO | None:
    """The file for writing past the page cache; None where the file system has no such way."""
    try:
        return io.FileIO(path, "r+", opener=lambda name, flags: os.open(name, flags | _DIRECT)) if _DIRECT else None
    except OSError:
        return None
