"""Files that are no files: members of an archive, held in memory under the name that messages give them."""

import gzip
import io
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from elmo_cli.errors import ModelError

MOST_SWELLING = 100
"""How many times its packed size a member may unpack to. Weights shrink by a tenth, word lists to a fifth."""
ALWAYS_ALLOWED = 1 << 20
"""Bytes that may always come out, however small the packed form is: a short file of zeros is no attack."""


@dataclass(frozen=True)
class Content:
    """The bytes of a file, and where they come from.

    Example:
        >>> options = Content("model.zip/options.json", b"{}")
        >>> str(options), len(options)
        ('model.zip/options.json', 2)
    """

    place: str
    data: bytes = field(repr=False)

    def __str__(self) -> str:
        return self.place

    def __len__(self) -> int:
        return len(self.data)

    def open(self) -> IO[bytes]:
        """The bytes as a file to read from; they are not copied."""
        return io.BytesIO(self.data)


Source = Path | Content
"""Where a reader takes a file from."""


def size_of(source: Source) -> int:
    """Bytes of the file.

    Raises:
        OSError: There is none at the path.
    """
    return len(source) if isinstance(source, Content) else source.stat().st_size


def read_bytes(source: Source) -> bytes:
    """All bytes of the file.

    Raises:
        OSError: It cannot be read.
    """
    return source.data if isinstance(source, Content) else source.read_bytes()


def swelling_limit(packed: int, largest: int) -> int:
    """Bytes that so many packed ones may unpack to."""
    return min(largest, max(ALWAYS_ALLOWED, packed * MOST_SWELLING))


def unpacked(source: Source, *, largest: int) -> Content:
    """What a ``.gz`` file holds, unpacked in memory.

    Args:
        largest: Bytes that may come out of it.

    Raises:
        ModelError: It cannot be read, is not gzip, breaks off, or swells beyond all bounds.
    """
    try:
        packed = read_bytes(source)
        limit = swelling_limit(len(packed), largest)
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            data = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ModelError(f"{source}: not a gzip file, or damaged: {error}", hint="fetch it again") from error
    if len(data) > limit:
        raise ModelError(f"{source}: {len(packed):,} bytes unpack to more than the {limit:,} that are allowed")
    return Content(str(source).removesuffix(".gz"), data)
