"""Which sentences are for training, which are held out, which are for testing.

A sentence is known by its identity, the number of its block and its place in it, and goes where a hash of seed and
identity (or of seed and document) says. So the choice depends neither on what comes after a sentence nor on how many
processes cut the text. Small hashes are held out, large ones are for testing; where a side would stay empty, the bound
moves to the nearest hash there is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from elmo_cli.config import SplitConfig
from elmo_cli.errors import TextError
from elmo_cli.seeds import derive_seed, hash_at

TRAIN, HELD_OUT, TEST = 0, 1, 2
"""The splits as numbers."""

NAMES = ("train", "held_out", "test")
"""The splits by number, as ``prepare.json`` names them."""

KEPT = 1_000
"""Hashes that are remembered at either end. Of more units than this, some are for training in any case."""

PLACE_BITS = 32


def identities(block: int, places_N: npt.NDArray[np.integer]) -> npt.NDArray[np.uint64]:
    """The identity of each sentence of a block, given its running number there; they rise as the text goes on."""
    return places_N.astype(np.uint64) + (np.uint64(block) << np.uint64(PLACE_BITS))


def blocks_of(identity_N: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The block of each identity."""
    return (identity_N >> np.uint64(PLACE_BITS)).astype(np.int64)


def places_of(identity_N: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The place of each identity in its block."""
    return (identity_N & np.uint64((1 << PLACE_BITS) - 1)).astype(np.int64)


def unit_hashes(
    split: SplitConfig, identity_N: npt.NDArray[np.uint64], document_N: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """The hash of each sentence, or of its document, that decides where it goes."""
    if split.by == "document":
        return hash_at(document_N, derive_seed(split.seed, "documents"))
    return hash_at(identity_N, derive_seed(split.seed, "sentences"))


def shuffle_keys(split: SplitConfig, identity_N: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The numbers by which shuffled sentences are sorted; no two are equal."""
    return hash_at(identity_N, derive_seed(split.seed, "shuffle"))


class Extremes:
    """The smallest and the largest hashes of a text: all there are, where it has few units."""

    def __init__(self) -> None:
        self._low = self._high = np.empty(0, np.uint64)

    def add(self, hashes_N: npt.NDArray[np.uint64]) -> None:
        """Takes in the hashes of some sentences; those of one document come any number of times."""
        hashes = np.unique(hashes_N)
        self._low = np.union1d(self._low, hashes[:KEPT])[:KEPT]
        self._high = np.union1d(self._high, hashes[-KEPT:])[-KEPT:]

    def merge(self, other: "Extremes") -> None:
        """Takes in what another part of the text has."""
        self.add(other._low)
        self.add(other._high)

    def bounds(self, split: SplitConfig) -> "Bounds":
        """Where the splits end: at the shares asked for, moved so that no side stays empty.

        Where there is one unit, it is for training; where there are two, one is held out (or for testing, where
        nothing is to be held out); with three, every side gets one.

        Raises:
            TextError: Documents are to be dealt out, and there is but one.
        """
        low, high = self._low, self._high
        wanted = (split.held_out > 0) + (split.test > 0)
        if split.by == "document" and wanted and len(low) == 1:
            raise TextError(
                "the text is one document, so none can be kept apart from training",
                hint="deal out sentences with --split-by sentence, or say where documents end with --documents",
            )
        begin, end = _scaled(split.held_out), _scaled(1 - split.test)
        held = int((low < begin).sum()) if begin else 0
        test = int((high >= end).sum()) if split.test else 0
        if len(low) < KEPT:
            held, test = _fitting(len(low), split, held, test)
        else:
            held, test = max(held, split.held_out > 0), max(test, split.test > 0)
        # Past the hashes that were kept, the share itself is the bound.
        last_held = begin - 1 if held == KEPT else int(low[held - 1]) if held else -1
        first_test = end if test == KEPT else int(high[-test]) if test else 1 << 64
        return Bounds(last_held, first_test)


@dataclass(frozen=True)
class Bounds:
    """Up to which hash a unit is held out, and from which on it is for testing."""

    last_held_out: int
    first_test: int

    def splits(self, hashes_N: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
        """The split of each hash: :data:`TRAIN`, :data:`HELD_OUT` or :data:`TEST`."""
        split_N = np.zeros(len(hashes_N), np.uint8)
        if self.last_held_out >= 0:
            split_N[hashes_N <= np.uint64(self.last_held_out)] = HELD_OUT
        if self.first_test < 1 << 64:
            split_N[hashes_N >= np.uint64(self.first_test)] = TEST
        return split_N


def _scaled(share: float) -> int:
    return round(share * 2**64)


def _fitting(units: int, split: SplitConfig, held: int, test: int) -> tuple[int, int]:
    """How many units are held out and for testing, with one left for training and, if there are enough, one each."""
    held = max(held, 1) if split.held_out and units >= 2 else 0
    test = max(test, 1) if split.test and units >= (3 if split.held_out else 2) else 0
    while held + test >= units and held + test:
        held, test = (held - 1, test) if held >= test else (held, test - 1)
    return held, test
