"""An n-gram language model, to see what the network is worth: interpolated modified Kneser-Ney.

Chen and Goodman, *An empirical study of smoothing techniques for language modeling* (1998), section 3, with the
conventions of KenLM (Heafield et al. 2013): one begin marker, which keeps raw counts where it stands first; three
discounts per order from the counts of counts; the unigrams interpolated with the uniform distribution. The classes are
the softmax's own, ``<UNK>`` among them with the count it has, so perplexities compare with the network's term by term.

An n-gram is a number: the number of its first n - 1 words times V plus its last word, looked up among those that were
seen. Everything is array operations over the positions of a text.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

UNSEEN = -1
"""The number of an n-gram that the training text does not have."""

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""For texts too small to have n-grams seen once, twice, three and four times."""


@dataclass(frozen=True)
class Sequences:
    """Sentences in reading order: a begin marker, the words, an end marker, and the next sentence."""

    ids_N: Ids
    """Classes, from 0 to V - 1."""
    offsets_N: Ids
    """Place of each in its sentence: 0 is the begin marker, which is never predicted."""

    @classmethod
    def of(cls, classes_N: Ids, starts_S: Ids, *, begin: int, end: int, backward: bool = False) -> "Sequences":
        """Lays sentences out for one direction.

        Args:
            classes_N: Words as classes, sentences back to back.
            starts_S: Where each sentence starts, and the end of the last: S + 1 numbers.
            begin: Class of the marker that this direction reads first.
            end: Class of the marker that it predicts last.
            backward: Whether sentences are read from their last word to their first.

        Example:
            >>> Sequences.of(np.array([5, 6, 7]), np.array([0, 2, 3]), begin=0, end=1, backward=True).ids_N.tolist()
            [0, 6, 5, 1, 0, 7, 1]
        """
        lengths_S = np.diff(starts_S)
        begins_S = starts_S[:-1] + 2 * np.arange(len(lengths_S))
        total = int(len(classes_N) + 2 * len(lengths_S))
        offsets_N = np.arange(total) - np.repeat(begins_S, lengths_S + 2)
        ids_N = np.full(total, begin, dtype=np.int64)
        ids_N[begins_S + lengths_S + 1] = end
        word_offsets_N = np.arange(len(classes_N)) - np.repeat(starts_S[:-1], lengths_S)
        if backward:
            word_offsets_N = np.repeat(lengths_S, lengths_S) - 1 - word_offsets_N
        ids_N[np.repeat(begins_S, lengths_S) + 1 + word_offsets_N] = classes_N
        return cls(ids_N, offsets_N)

    @property
    def predicted_N(self) -> Flags:
        """Which positions are targets: all but the begin markers."""
        return self.offsets_N > 0


@dataclass(frozen=True)
class _Order:
    """The n-grams of one length, numbered by their place in ``keys_G``."""

    keys_G: Ids
    """Number of the first n - 1 words times V, plus the last word; rising."""
    discounted_G: Floats
    """Count less its discount, over the sum of the counts of all n-grams with the same first words."""
    backoff_C: Floats
    """For each sequence of n - 1 words, the share of probability that the discounts leave to shorter n-grams; 1 where
    no n-gram goes on from it."""


class KneserNey:
    """Probabilities of the next class given the n - 1 before it.

    Args:
        text: Training text in one direction.
        vocabulary_size: V.
        order: n, at least 1. Memory is about 100 bytes per token of the text and order while counting.

    Example:
        >>> text = Sequences.of(np.array([2, 3, 2, 3]), np.array([0, 2, 4]), begin=0, end=1)
        >>> KneserNey(text, 5, order=3).losses(text).round(1).tolist()
        [0.4, 0.2, 0.2, 0.4, 0.2, 0.2]
    """

    def __init__(self, text: Sequences, vocabulary_size: int, *, order: int) -> None:
        assert order >= 1 and vocabulary_size * max(1, len(text.ids_N)) < 2**63
        self.vocabulary_size = vocabulary_size
        self.order = order
        self._orders = self._count(text)

    def losses(self, text: Sequences) -> Floats:
        """Negative log-likelihood in nats of every position that is a target, in reading order.

        Args:
            text: Sentences in the direction that the model was trained in.
        """
        likelihood_N = np.full(len(text.ids_N), 1 / (self.vocabulary_size - 1))
        shorter_N: Ids = np.zeros(len(text.ids_N), dtype=np.int64)  # the empty sequence has the number 0
        for length, order in enumerate(self._orders, start=1):
            context_N = _before(shorter_N) if length > 1 else shorter_N
            context_N = np.where(text.offsets_N >= length - 1, context_N, UNSEEN)
            found_N = _find(order.keys_G, context_N, text.ids_N, self.vocabulary_size)
            known = context_N != UNSEEN
            likelihood_N[known] *= order.backoff_C[context_N[known]]
            seen = found_N != UNSEEN
            likelihood_N[seen] += order.discounted_G[found_N[seen]]
            shorter_N = found_N
        return -np.log(likelihood_N[text.predicted_N])

    def _count(self, text: Sequences) -> list[_Order]:
        grams = list(self._grams(text))
        orders = []
        for length, (keys_G, numbers_N, is_gram_N) in enumerate(grams, start=1):
            counts_G = np.bincount(numbers_N[is_gram_N], minlength=len(keys_G))
            if length < self.order:
                counts_G = self._continuations(counts_G, numbers_N, text, longer=grams[length])
            if length == 1:
                # The begin marker stands before sentences and is never predicted.
                counts_G = np.where(keys_G == text.ids_N[0], 0, counts_G)
            contexts = len(grams[length - 2][0]) if length > 1 else 1
            orders.append(self._smoothed(keys_G, counts_G, contexts))
        return orders

    def _grams(self, text: Sequences) -> Iterator[tuple[Ids, Ids, Flags]]:
        """For each length: the distinct n-grams, each position's own, and whether it has one within its sentence."""
        numbers_N: Ids = np.zeros(len(text.ids_N), dtype=np.int64)
        for length in range(1, self.order + 1):
            is_gram_N = text.offsets_N >= length - 1
            context_N = _before(numbers_N) if length > 1 else numbers_N
            keys_M = context_N[is_gram_N] * self.vocabulary_size + text.ids_N[is_gram_N]
            keys_G, inverse_M = np.unique(keys_M, return_inverse=True)
            numbers_N = np.full(len(text.ids_N), UNSEEN, dtype=np.int64)
            numbers_N[is_gram_N] = inverse_M
            yield keys_G, numbers_N, is_gram_N

    def _continuations(self, counts_G: Ids, numbers_N: Ids, text: Sequences, *, longer: tuple[Ids, Ids, Flags]) -> Ids:
        """How many different words stand before each n-gram; the plain count where only a sentence's begin can."""
        keys_H, longer_N, is_longer_N = longer
        shorter_of_H = np.zeros(len(keys_H), dtype=np.int64)
        shorter_of_H[longer_N[is_longer_N]] = numbers_N[is_longer_N]
        continuations_G = np.bincount(shorter_of_H, minlength=len(counts_G))
        first_G = np.zeros(len(counts_G), dtype=bool)
        at_begin_N = (numbers_N != UNSEEN) & ~is_longer_N
        first_G[numbers_N[at_begin_N]] = True
        return np.where(first_G, counts_G, continuations_G)

    def _smoothed(self, keys_G: Ids, counts_G: Ids, contexts: int) -> _Order:
        discount_G = np.array([0.0, *_discounts(counts_G)])[np.minimum(counts_G, 3)]
        context_G = keys_G // self.vocabulary_size
        sums_C = np.bincount(context_G, weights=counts_G, minlength=contexts)
        left_C = np.bincount(context_G, weights=discount_G, minlength=contexts)
        with np.errstate(divide="ignore", invalid="ignore"):
            backoff_C = np.where(sums_C > 0, left_C / sums_C, 1.0)
            discounted_G = np.where(counts_G > 0, (counts_G - discount_G) / sums_C[context_G], 0.0)
        return _Order(keys_G, discounted_G, backoff_C)


def _discounts(counts_G: Ids) -> tuple[float, float, float]:
    """What is taken off n-grams seen once, twice, and more often (Chen and Goodman, equation 26)."""
    ones, twos, threes, fours = (int((counts_G == times).sum()) for times in (1, 2, 3, 4))
    if not (ones and twos and threes and fours):
        return FALLBACK_DISCOUNTS
    ratio = ones / (ones + 2 * twos)
    found = (1 - 2 * ratio * twos / ones, 2 - 3 * ratio * threes / twos, 3 - 4 * ratio * fours / threes)
    if not all(0 <= discount <= times for times, discount in enumerate(found, start=1)):
        return FALLBACK_DISCOUNTS
    return found


def _before(numbers_N: Ids) -> Ids:
    """What stands one position earlier; nothing before the first."""
    return np.concatenate([[UNSEEN], numbers_N[:-1]]) if len(numbers_N) else numbers_N


def _find(keys_G: Ids, context_N: Ids, ids_N: Ids, vocabulary_size: int) -> Ids:
    """Numbers of the n-grams that are ``context_N`` followed by ``ids_N``; UNSEEN where there is none."""
    if not len(keys_G):
        return np.full(len(ids_N), UNSEEN, dtype=np.int64)
    wanted_N = context_N * vocabulary_size + ids_N
    at_N = np.minimum(np.searchsorted(keys_G, wanted_N), len(keys_G) - 1)
    return np.where((context_N != UNSEEN) & (keys_G[at_N] == wanted_N), at_N, UNSEEN)
