"""HDF5 files that appear whole, and a full disk that is an error and nothing worse.

The HDF5 library does not survive a write that fails: it keeps what it could not write, tries again whenever something
is closed, prints a traceback each time, and may end in a segmentation fault. So it writes to a :class:`_Sink`, which
keeps the first error to itself; the error is raised beside HDF5, and what HDF5 still has to say goes to a file that is
deleted.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from elmo_cli.errors import OutputError
from elmo_cli.files import whole_file


class WholeHdf5:
    """An HDF5 file that is being written."""

    def __init__(self, path: Path, sink: "_Sink") -> None:
        self.path = path
        self.file = h5py.File(sink, "w")
        """The file, as h5py has it."""
        self._sink = sink

    def check(self) -> None:
        """Passes when everything so far could be written; call it now and then.

        Raises:
            OutputError: Something could not: the disk is full.
        """
        if (failure := self._sink.failure) is not None:
            raise OutputError(
                f"{self.path}: cannot be written: {failure.strerror or failure}",
                hint="free space or choose another place with --out; nothing was changed",
            ) from failure

    def close(self) -> None:
        """Writes what HDF5 has held back."""
        try:
            self.file.close()
        except RuntimeError as error:
            self._sink.failure = self._sink.failure or OSError(str(error))


@contextmanager
def whole_hdf5(path: Path) -> Iterator[WholeHdf5]:
    """Gives an HDF5 file to fill; on success it is flushed to disk and appears as ``path``.

    An error inside goes its way unchanged, unless it follows from a write that failed.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    inside: BaseException | None = None
    try:
        with whole_file(path) as partial, _Sink(partial, "w+") as sink:
            output = WholeHdf5(path, sink)
            try:
                yield output
            except BaseException as error:
                inside = error
            output.close()
            if inside is None or isinstance(inside, Exception):
                output.check()
            if inside is not None:
                raise _AbandonedError  # not itself: whole_file would take any OSError for one of writing
    except _AbandonedError:
        pass
    if inside is not None:
        raise inside


def write_datasets(path: Path, datasets: Mapping[str, np.ndarray]) -> None:
    """Writes float32 arrays, each in one piece, uncompressed, in the order given; the same arrays give the same bytes.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    with whole_hdf5(path) as output:
        for name, array in datasets.items():
            assert array.dtype == np.float32, f"{name} is {array.dtype}"
            output.file.create_dataset(name, data=np.ascontiguousarray(array))
            output.check()


class _Sink(io.FileIO):
    """A file on which no write fails. The first one that did is remembered, and later ones are dropped."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left and self.failure is None:
                left = left[super().write(left) :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0


class _AbandonedError(Exception):
    pass
