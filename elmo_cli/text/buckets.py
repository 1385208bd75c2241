"""Sentences on their way to order: files that are too large together for memory, each small enough alone.

A bucket file is a row of frames, each of them what one block of the text had for the bucket::

    sentences, bytes (two 64-bit numbers) | a row of ROW per sentence | the sentences, one a line

Every process has files of its own, so that nothing is ever written by two. Buckets are ranges of a key. Sorting each
alone and laying them end to end gives an order that depends on neither their number nor that of the processes.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

ROW = np.dtype([("identity", "<u8"), ("document", "<u8"), ("tokens", "<u4")])
"""What is kept of a sentence beside its text."""

BUCKET_BYTES = 32 << 20
"""Bytes of a bucket that are held in memory at a time, with some overhead."""

UNKNOWN_BITS, MOST_BITS = 8, 12
"""Bits of the key that choose the bucket where the size of the text cannot be known, and at most."""

HEADER = np.dtype([("sentences", "<u8"), ("bytes", "<u8")])

Rows = npt.NDArray[np.void]
"""An array of :data:`ROW`."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of a bucket file, whole frames."""

    path: Path
    begin: int
    end: int


def bucket_bits(text_bytes: int | None) -> int:
    """How many bits of a key tell the buckets of a text of this size apart.

    Example:
        >>> bucket_bits(1 << 20), bucket_bits(2 << 30), bucket_bits(None)
        (0, 7, 8)
    """
    if text_bytes is None:
        return UNKNOWN_BITS
    # Rows and the spaces between tokens make the buckets larger than the text.
    return min(MOST_BITS, (3 * text_bytes // 2 // BUCKET_BYTES).bit_length())


def bucket_of(key_N: npt.NDArray[np.uint64], bits: int) -> npt.NDArray[np.int64]:
    """The bucket of each key: its first bits as a number."""
    if not bits:
        return np.zeros(len(key_N), np.int64)
    return (key_N >> np.uint64(64 - bits)).astype(np.int64)


def grouped(bucket_N: npt.NDArray[np.int64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Each bucket that occurs, with the places where it does, in order."""
    order_N = np.argsort(bucket_N, kind="stable")
    buckets, begins = np.unique(bucket_N[order_N], return_index=True)
    return zip(buckets.tolist(), np.split(order_N, begins[1:]), strict=False)  # no bucket at all has one empty split


def own_file(folder: Path, kind: str, bucket: int) -> Path:
    """The file of a bucket that this process alone writes to."""
    place = folder / f"{kind}-{bucket:04}"
    place.mkdir(exist_ok=True)
    return place / str(os.getpid())


def files_of(folder: Path, kind: str, bucket: int) -> list[Path]:
    """The files of a bucket, of all processes."""
    place = folder / f"{kind}-{bucket:04}"
    return sorted(place.iterdir()) if place.is_dir() else []


def append_frame(path: Path, rows_N: Rows, lines: Sequence[bytes]) -> Stretch:
    """Writes a frame at the end of a file.

    Args:
        path: A file that only this process writes to.
        rows_N: A row of :data:`ROW` per sentence.
        lines: The sentences, without line ends.
    """
    text = b"".join(line + b"\n" for line in lines)
    header = np.array([(len(lines), len(text))], HEADER)
    with path.open("ab") as stream:
        begin = stream.tell()
        stream.write(header.tobytes() + rows_N.tobytes() + text)
        return Stretch(path, begin, stream.tell())


def read_frames(stretches: Iterable[Stretch]) -> Iterator[tuple[Rows, list[bytes]]]:
    """The frames of some stretches, rows and lines."""
    for stretch in stretches:
        with stretch.path.open("rb") as stream:
            stream.seek(stretch.begin)
            while stream.tell() < stretch.end:
                yield _read_frame(stream)


def _read_frame(stream: IO[bytes]) -> tuple[Rows, list[bytes]]:
    header = np.frombuffer(stream.read(HEADER.itemsize), HEADER)[0]
    rows_N = np.frombuffer(stream.read(int(header["sentences"]) * ROW.itemsize), ROW)
    return rows_N, stream.read(int(header["bytes"])).split(b"\n")[:-1]
