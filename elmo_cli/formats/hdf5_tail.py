"""The end and the beginning of an HDF5 file whose values are in it already."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from struct import pack
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.files import flush
from elmo_cli.formats import hdf5_bytes as hdf5

INT64, UINT8, FLOAT64 = np.dtype("<i8"), np.dtype("u1"), np.dtype("<f8")


class Hdf5Tail:
    """Puts HDF5's structures behind the values of a file, and its superblock in front; a context manager.

    Args:
        path: A file that begins with at least 100 free bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("r+b")
        self.end = self._file.seek(0, 2)
        """The file's size so far."""

    def put(self, content: bytes) -> int:
        """Appends bytes; their address."""
        address = self.end + -self.end % 8
        self._file.write(bytes(address - self.end))
        self._file.write(content)
        self.end = address + len(content)
        return address

    def append(self, content: bytes) -> None:
        """Appends bytes right behind the last ones."""
        self._file.write(content)
        self.end += len(content)

    def numbers(self, values: npt.NDArray) -> int:
        """A dataset of numbers; the address of its header."""
        address = self.put(values.tobytes())
        header = hdf5.plain_header(values.shape, hdf5.number_type(values.dtype), address, values.itemsize)
        return self.put(header)

    def strings(self, strings: Sequence[bytes]) -> npt.NDArray:
        """Strings of any length; the references to them."""
        blocks = []
        for first in range(0, len(strings), hdf5.HEAP_NUMBERS):
            address = self.end + -self.end % 8
            content, references = hdf5.heap_bytes(strings[first : first + hdf5.HEAP_NUMBERS], address)
            self.put(content)
            blocks.append(references)
        return np.concatenate(blocks) if blocks else np.empty(0, hdf5.REFERENCE)

    def long_string(self, pieces: Iterable[bytes]) -> npt.NDArray:
        """One string that is too long for memory; the reference to it."""
        address = self.put(bytes(32))
        for piece in pieces:
            self.append(piece)
        length = self.end - address - 32
        heap = max(4096, 32 + length + -length % 8 + 16)
        used = 32 + length + -length % 8
        self.put(pack("<HH4xQ", 0, 0, heap - used).ljust(heap - used, b"\0"))
        self._file.seek(address)
        self._file.write(hdf5.heap_head(heap) + pack("<HH4xQ", 1, 1, length))
        self._file.seek(self.end)
        return np.array([(length, address, 1)], hdf5.REFERENCE)

    def references(self, references: npt.NDArray) -> int:
        """A dataset of strings; the address of its header."""
        return self.reference_header(self.put(references.tobytes()), len(references))

    def reference_header(self, address: int, count: int) -> int:
        """The header of a dataset of strings whose references are at an address; its own address."""
        return self.put(hdf5.plain_header((count,), hdf5.STRING, address, hdf5.REFERENCE.itemsize))

    def finish(
        self,
        names: Mapping[bytes, Any] | tuple[npt.NDArray, npt.NDArray],
        attributes: Mapping[str, str | int | float],
        *,
        chunk_k: int = 32,
    ) -> None:
        """Writes groups, attributes and superblock, and waits until all of it is on the disk.

        Args:
            names: The address of a header by each name; or another such mapping, which becomes a group. Or names and
                addresses as arrays, which take less memory.
            attributes: Of the root group.
            chunk_k: Half of the children of a node in the indexes of chunks.
        """
        texts = [str(value).encode() for value in attributes.values() if isinstance(value, str)]
        references = iter(self.strings(texts).reshape(-1, 1))
        messages = []
        for name, value in attributes.items():
            if isinstance(value, str):
                messages.append(hdf5.attribute(name, hdf5.STRING, next(references).tobytes()))
            else:
                dtype = FLOAT64 if isinstance(value, float) else INT64
                messages.append(hdf5.attribute(name, hdf5.number_type(dtype), np.array(value, dtype).tobytes()))
        root, tree, heap = self._group(names, messages)
        self._file.seek(0)
        self._file.write(hdf5.superblock(root, tree, heap, self.end, chunk_k=chunk_k))
        self._file.flush()
        flush(self.path)

    def _group(
        self, names: Mapping[bytes, Any] | tuple[npt.NDArray, npt.NDArray], attributes: Sequence[bytes] = ()
    ) -> tuple[int, int, int]:
        places = names
        if not isinstance(names, tuple):
            places = {name: self._group(it)[0] if isinstance(it, dict) else it for name, it in names.items()}
        content, tree, heap = hdf5.group_bytes(places, self.end + -self.end % 8)
        self.put(content)
        return self.put(hdf5.group_header(tree, heap, attributes)), tree, heap

    def __enter__(self) -> "Hdf5Tail":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
