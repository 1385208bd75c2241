"""Finds sentences with the same tokens, by 64-bit hashes of them, in bounded memory.

Every process appends the hash of each sentence to the file of its bucket, a range of hashes. Sentences with the same
tokens meet in one bucket, and a bucket is compared in memory. Two different sentences in a billion are taken for the
same with a chance of one in forty.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli.config import SplitConfig
from elmo_cli.text.buckets import BUCKET_BYTES, Rows, bucket_of, files_of, grouped, own_file
from elmo_cli.text.splits import NAMES, TRAIN, Bounds, Extremes, blocks_of, places_of, unit_hashes

CONTENT = np.dtype([("hash", "<u8"), ("identity", "<u8"), ("document", "<u8")])
"""What is kept of a sentence to compare it."""

CHUNK = 1 << 16
"""Sentences that are read at a time."""

Contents = npt.NDArray[np.void]
"""An array of :data:`CONTENT`."""


@dataclass(frozen=True)
class Comparison:
    """What has to be known to compare a bucket."""

    folder: Path
    bucket: int
    bits: int
    split: SplitConfig

    @property
    def bytes(self) -> int:
        """What the bucket takes on the disk."""
        return sum(path.stat().st_size for path in _files(self))


def append_contents(folder: Path, bits: int, hash_N: npt.NDArray[np.uint64], rows_N: Rows) -> None:
    """Writes sentences to the buckets of their hashes.

    Args:
        folder: Where the files are.
        bits: Of a hash that choose its bucket.
        hash_N: A hash of each sentence's tokens.
        rows_N: The sentences, as bucket files have them.
    """
    contents_N = np.empty(len(rows_N), CONTENT)
    contents_N["hash"], contents_N["identity"] = hash_N, rows_N["identity"]
    contents_N["document"] = rows_N["document"]
    for bucket, at_N in grouped(bucket_of(contents_N["hash"], bits)):
        with own_file(folder, "contents", bucket).open("ab") as stream:
            stream.write(contents_N[at_N].tobytes())


class DropMask:
    """A file with a byte for every sentence of a text: 1 where it is a duplicate.

    Args:
        folder: Where the file is.
    """

    def __init__(self, folder: Path) -> None:
        self._begin_of_block = np.load(folder / "begins.npy", mmap_mode="r")
        self._mask_N = np.load(folder / "duplicates.npy", mmap_mode="r+")

    @staticmethod
    def make(folder: Path, places: Sequence[int]) -> None:
        """Writes a mask that drops nothing.

        Args:
            folder: Where it goes.
            places: Sentences of each block.
        """
        np.save(folder / "begins.npy", np.cumsum([0, *places]))
        mask_N = np.lib.format.open_memmap(folder / "duplicates.npy", "w+", np.uint8, (sum(places) + 1,))
        mask_N.flush()

    def drop(self, identity_N: npt.NDArray[np.uint64]) -> None:
        """Marks sentences."""
        self._mask_N[self._at(identity_N)] = 1

    def drops(self, identity_N: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Which sentences are marked."""
        return self._mask_N[self._at(identity_N)] == 1

    def _at(self, identity_N: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        return self._begin_of_block[blocks_of(identity_N)] + places_of(identity_N)


def mark_duplicates(comparison: Comparison) -> Extremes:
    """Marks every sentence of a bucket that has the same tokens as an earlier one, and deletes the bucket's files.

    Returns:
        The hashes that decide the splits of those that stay.
    """
    mask, extremes = DropMask(comparison.folder), Extremes()
    for contents_N in _in_parts(comparison):
        contents_N = contents_N[np.lexsort((contents_N["identity"], contents_N["hash"]))]
        again_N = np.zeros(len(contents_N), np.bool_)
        again_N[1:] = contents_N["hash"][1:] == contents_N["hash"][:-1]
        mask.drop(contents_N["identity"][again_N])
        first_N = contents_N[~again_N]
        extremes.add(unit_hashes(comparison.split, first_N["identity"], first_N["document"]))
    _delete(comparison)
    return extremes


def count_overlap(task: tuple[Comparison, Bounds]) -> dict[str, tuple[int, int]]:
    """Counts the sentences of each split but training in a bucket, and deletes the bucket's files.

    Returns:
        Sentences, and those of them whose tokens also stand in training.
    """
    comparison, bounds = task
    counts = {name: np.zeros(2, np.int64) for name in NAMES[1:]}
    for contents_N in _in_parts(comparison):
        split_N = bounds.splits(unit_hashes(comparison.split, contents_N["identity"], contents_N["document"]))
        trained = np.unique(contents_N["hash"][split_N == TRAIN])
        for number, name in enumerate(NAMES[1:], start=1):
            hashes = contents_N["hash"][split_N == number]
            counts[name] += len(hashes), np.isin(hashes, trained).sum()
    _delete(comparison)
    return {name: (int(both[0]), int(both[1])) for name, both in counts.items()}


def _in_parts(comparison: Comparison) -> Iterator[Contents]:
    """The contents of a bucket; of one too large for memory, one part of its range of hashes after the other."""
    part_bits = (comparison.bytes // BUCKET_BYTES).bit_length()
    for part in range(1 << part_bits):
        chunks = []
        for chunk_N in _chunks(comparison):
            part_N = bucket_of(chunk_N["hash"] << np.uint64(comparison.bits), part_bits)
            chunks.append(chunk_N[part_N == part] if part_bits else chunk_N)
        yield np.concatenate(chunks) if chunks else np.empty(0, CONTENT)


def _chunks(comparison: Comparison) -> Iterator[Contents]:
    for path in _files(comparison):
        with path.open("rb") as stream:
            while content := stream.read(CHUNK * CONTENT.itemsize):
                yield np.frombuffer(content, CONTENT)


def _files(comparison: Comparison) -> list[Path]:
    return files_of(comparison.folder, "contents", comparison.bucket)


def _delete(comparison: Comparison) -> None:
    for path in _files(comparison):
        path.unlink()
