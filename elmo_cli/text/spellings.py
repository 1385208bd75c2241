"""How long the words of a text are in bytes, and what a character table of some width shows of them."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MARKS = 2
"""Columns of a character table that hold the begin and end of a word and none of its bytes."""


@dataclass(frozen=True)
class Spellings:
    """The lengths of U words and how often each was seen.

    Example:
        >>> spellings = Spellings.of({b"a": 6, b"three": 3, b"n\\xc3\\xa9e": 1})
        >>> spellings.cut(6), spellings.width_for(0.9), round(spellings.bytes_per_token, 1)
        ((1, 3), 7, 2.5)
    """

    lengths_U: npt.NDArray[np.int64]
    """Bytes of each word's UTF-8 spelling."""
    characters_U: npt.NDArray[np.int64]
    """Characters of each word."""
    counts_U: npt.NDArray[np.int64]

    @classmethod
    def of(cls, counts: Mapping[bytes, int]) -> "Spellings":
        """The lengths of counted words, given by their UTF-8 spellings."""
        size = len(counts)
        characters = (len(word.decode(errors="surrogatepass")) for word in counts)
        return cls(
            np.fromiter(map(len, counts), dtype=np.int64, count=size),
            np.fromiter(characters, dtype=np.int64, count=size),
            np.fromiter(counts.values(), dtype=np.int64, count=size),
        )

    @property
    def bytes_per_token(self) -> float:
        """Mean length of a token."""
        return int(self.lengths_U @ self.counts_U) / max(1, int(self.counts_U.sum()))

    @property
    def bytes_per_character(self) -> float:
        """Mean over all characters of all tokens."""
        return int(self.lengths_U @ self.counts_U) / max(1, int(self.characters_U @ self.counts_U))

    def cut(self, max_characters: int) -> tuple[int, int]:
        """Word types, and tokens, that a table of W columns does not show whole."""
        long_U = self.lengths_U > max_characters - MARKS
        return int(long_U.sum()), int(self.counts_U[long_U].sum())

    def width_for(self, share: float) -> int:
        """The smallest W that shows this share of the tokens whole, or more."""
        tokens_by_length = np.bincount(self.lengths_U, weights=self.counts_U)
        seen = np.cumsum(tokens_by_length)
        wanted = share * seen[-1] if len(seen) else 0.0
        # A hair less: weights are sums of whole numbers in floating point.
        return int(np.searchsorted(seen, wanted * (1 - 1e-12))) + MARKS


def longest_words(counts: Mapping[bytes, int], number: int) -> list[tuple[str, int, int]]:
    """The longest words: word, bytes, count; of equally long ones the most frequent first.

    Example:
        >>> longest_words({b"a": 6, b"three": 3, b"seven": 4}, 2)
        [('seven', 5, 4), ('three', 5, 3)]
    """
    found = heapq.nsmallest(number, counts.items(), key=lambda item: (-len(item[0]), -item[1], item[0]))
    return [(word.decode(errors="replace"), len(word), count) for word, count in found]
