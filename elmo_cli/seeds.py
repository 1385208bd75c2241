"""Streams of random numbers that are functions of names and numbers, so that resuming needs no stored generator."""

import hashlib

import numpy as np
import numpy.typing as npt


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that depends on every part.

    Streams that differ in any part are independent.

    Example:
        >>> derive_seed(1, "dropout", 7) == derive_seed(1, "dropout", 7)
        True
        >>> derive_seed(1, "dropout", 7) == derive_seed(1, "dropout", 8)
        False
    """
    digest = hashlib.blake2b("/".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def hash_at(numbers: npt.NDArray[np.integer], seed: int) -> npt.NDArray[np.uint64]:
    """64 random-looking bits for each whole number, the same whenever and in whatever company they are asked for.

    SplitMix64 (Steele, Lea and Flood, 2014) used as a hash of (seed, number). With one seed, different numbers have
    different hashes.
    """
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return z


def uniform_at(numbers: npt.NDArray[np.integer], seed: int) -> npt.NDArray[np.float64]:
    """One uniform number in [0, 1) for each whole number: the first bits of :func:`hash_at`."""
    return (hash_at(numbers, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53
