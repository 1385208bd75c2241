"""A file that is written at its end."""

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

_BUFFER = 1 << 20


class GrowingFile(io.BufferedWriter):
    """A file that is written at its end, and how long it is: ``size``."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "r+"), _BUFFER)
        self.path = path
        self.size = self.seek(0, os.SEEK_END)

    def write(self, content: Any) -> int:
        """Appends bytes."""
        count = super().write(content)
        self.size += count
        return count

    def sync(self) -> None:
        """Waits until what was flushed is on the disk."""
        os.fdatasync(self.fileno())

    def cut(self, size: int) -> None:
        """Shortens it."""
        self.truncate(size)
        self.size = self.seek(size)
        self.sync()

    def close(self) -> None:
        """Closes it, whatever the disk says."""
        with suppress(OSError):  # a full disk has been reported; what is on it is known
            super().close()
