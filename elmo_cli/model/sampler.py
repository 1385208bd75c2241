"""Negatives for the sampled softmax: log-uniform over frequency ranks, without repetition.

Rank k has ``p(k) = log((k + 2) / (k + 1)) / log(V + 1)``. Ids are drawn until K distinct ones are there; after N tries
an id is among them with probability ``1 - (1 - p)^N``, its expected count (reference/bilm-tf.md, 4.1).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Negatives:
    """The classes sampled for one step, shared by all its positions and both directions."""

    ids_K: Ids
    """Distinct vocabulary ids, in the order in which they were first drawn."""
    tries: int
    """Draws it took."""
    vocabulary_size: int
    """V."""

    def log_expected(self, ids: Ids) -> Floats:
        """log of the probability that each id is among the sampled ones, in float64."""
        return np.log(expected_counts(ids, self.tries, self.vocabulary_size))


def probabilities(ids: Ids, vocabulary_size: int) -> Floats:
    """The chance of each id in a single draw, in float64 without cancellation at the rare end."""
    return np.log1p(1.0 / (ids + 1.0)) / np.log1p(vocabulary_size)


def expected_counts(ids: Ids, tries: int, vocabulary_size: int) -> Floats:
    """``1 - (1 - p)^tries`` for each id."""
    return -np.expm1(tries * np.log1p(-probabilities(ids, vocabulary_size)))


def draw_negatives(count: int, vocabulary_size: int, seed: int) -> Negatives:
    """Draws K distinct ids.

    Args:
        count: K, below ``vocabulary_size``.
        vocabulary_size: V; ids are frequency ranks, the most frequent first.
        seed: The same seed gives the same ids.

    Returns:
        The ids and the number of tries, distributed as if ids were drawn one by one with rejection.
    """
    if not 0 < count < vocabulary_size:
        raise ValueError(f"can draw from 1 to {vocabulary_size - 1} distinct ids of {vocabulary_size}, not {count}")
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = np.empty(0, dtype=np.int64)
    while True:
        # Whole blocks at a time, doubling; what is drawn past the K-th distinct id is cut off again below.
        block = generator.random(max(2 * count, len(drawn)))
        ids = np.exp(block * np.log1p(vocabulary_size)).astype(np.int64) - 1
        drawn = np.concatenate([drawn, np.minimum(ids, vocabulary_size - 1)])
        first_places = np.unique(drawn, return_index=True)[1]
        if len(first_places) >= count:
            first_places.sort()
            return Negatives(drawn[first_places[:count]], int(first_places[count - 1]) + 1, vocabulary_size)
