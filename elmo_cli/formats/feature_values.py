"""Vectors as the numbers and the bytes that files of features have."""

import io
import zlib
from collections.abc import Sequence

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5d

from elmo_cli.errors import ConfigError
from elmo_cli.formats.feature_form import GZIP_LEVEL, FeatureForm
from elmo_cli.formats.hdf5_bytes import filter_entry

GZIP, SHUFFLE, LZF = 1, 2, 32000
"""HDF5's numbers of the filters."""
_LZF_VERSIONS = (4, 0x0105)
"""Of h5py's filter, and of the library in it."""


def stored(vectors: npt.NDArray[np.float32], dtype: str) -> npt.NDArray:
    """Vectors with the numbers of a ``--dtype``.

    Raises:
        ConfigError: A number is too large for float16.
    """
    assert vectors.dtype == np.float32, f"vectors are {vectors.dtype}"
    if dtype == "float16":
        try:
            with np.errstate(over="raise"):
                return vectors.astype("<f2")
        except FloatingPointError as error:
            raise ConfigError(
                f"dtype float16: a value is beyond its largest, {np.finfo(np.float16).max}: {np.abs(vectors).max():g}",
                hint="choose --dtype bfloat16-rounded or float32",
            ) from error
    if dtype == "bfloat16-rounded":
        return bfloat16_rounded(vectors)
    return vectors


def bfloat16_rounded(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32 rounded to the nearest bfloat16, to the even one of two: the last 16 bits are zero.

    Example:
        >>> bfloat16_rounded(np.array([1.0, 1.01, -3.14159], np.float32)).tolist()
        [1.0, 1.0078125, -3.140625]
    """
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    rounded &= np.uint32(0xFFFF0000)
    numbers = rounded.view(np.float32)
    return np.where(np.isnan(values), np.float32(np.nan), numbers) if np.isnan(values).any() else numbers


class Compressor:
    """Bytes through HDF5's filters: first a byte shuffle, then gzip or lzf.

    Args:
        form: Says which, and how wide a number is.
    """

    def __init__(self, form: FeatureForm) -> None:
        self._name, self._item = form.compression, form.value_type.itemsize
        self._pool: h5py.File | None = None

    def filters(self, chunk_bytes: int) -> list[bytes]:
        """The filters' entries in a dataset's header."""
        if self._name == "gzip":
            second = filter_entry(GZIP, [GZIP_LEVEL], "deflate")
        else:
            second = filter_entry(LZF, [*_LZF_VERSIONS, chunk_bytes], "lzf")
        return [filter_entry(SHUFFLE, [self._item], "shuffle"), second]

    def compress(self, values: npt.NDArray) -> tuple[bytes, int]:
        """A chunk's bytes, and the mask of the filters that were passed over because they made it no smaller."""
        planes = np.ascontiguousarray(values).view(np.uint8).reshape(-1, self._item).T
        shuffled = np.ascontiguousarray(planes)
        if self._name == "gzip":
            return zlib.compress(shuffled.data, GZIP_LEVEL), 0
        made = self._lzf(shuffled.reshape(-1))
        return (made, 0) if made is not None else (shuffled.tobytes(), 2)

    def expand(self, content: bytes, mask: int, shape: Sequence[int], dtype: np.dtype) -> npt.NDArray:
        """What :meth:`compress` was given."""
        if not mask:
            size = int(np.prod(shape)) * dtype.itemsize
            content = zlib.decompress(content) if self._name == "gzip" else self._unlzf(content, size)
        planes = np.frombuffer(content, np.uint8).reshape(dtype.itemsize, -1)
        return np.ascontiguousarray(planes.T).view(dtype).reshape(shape)

    def _lzf(self, content: npt.NDArray[np.uint8]) -> bytes | None:
        # Python has no lzf; h5py's is reached through a dataset in memory.
        with h5py.File(io.BytesIO(), "w") as file:
            dataset = file.create_dataset("chunk", data=content, chunks=content.shape, compression="lzf")
            file.flush()
            mask, made = dataset.id.read_direct_chunk((0,))
            return None if mask else made

    def _unlzf(self, content: bytes, size: int) -> bytes:
        with h5py.File(io.BytesIO(), "w") as file:
            dataset = file.create_dataset("chunk", (size,), np.uint8, chunks=(size,), compression="lzf")
            h5d.DatasetID.write_direct_chunk(dataset.id, (0,), content)
            return dataset[...].tobytes()
