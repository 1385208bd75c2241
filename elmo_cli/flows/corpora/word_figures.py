"""Figures about the words of a text, from how often each was seen."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.text.cleaning import shortened

POINTS = 240
"""Of a curve over all words, at most; evenly spaced on a logarithmic axis."""

LONGEST_WORDS, SHOWN_CHARACTERS = 20, 80


@dataclass(frozen=True)
class RankedWords:
    """U words of a text, the most frequent first; equally frequent ones in the order of their bytes."""

    words: list[bytes]
    counts_U: npt.NDArray[np.int64]

    def points(self) -> list[tuple[int, int, str]]:
        """Rank from 1, count and word, ever wider apart."""
        return [
            (rank, int(self.counts_U[rank - 1]), shown(self.words[rank - 1])) for rank in spread_ranks(len(self.words))
        ]


def ranked_words(counts: Mapping[bytes, int]) -> RankedWords:
    """Words in the order of their counts.

    Example:
        >>> ranked_words({b"b": 1, b"a": 1, b"the": 5}).words
        [b'the', b'a', b'b']
    """
    words = sorted(counts, key=lambda word: (-counts[word], word))
    return RankedWords(words, np.fromiter((counts[word] for word in words), dtype=np.int64, count=len(words)))


def coverage(ranked: RankedWords, counts: Mapping[bytes, int], tokens: int) -> list[tuple[int, float]]:
    """The share of a text's tokens that the first words of a ranking cover: size, share.

    Args:
        ranked: The words that a vocabulary takes, in its order.
        counts: How often each word occurs in the text.
        tokens: All tokens of the text.

    Example:
        >>> coverage(ranked_words({b"the": 5, b"end": 1}), {b"the": 1, b"odd": 3}, 4)
        [(1, 0.25), (2, 0.25)]
    """
    covered_U = np.cumsum([counts.get(word, 0) for word in ranked.words])
    return [(size, float(covered_U[size - 1] / tokens)) for size in spread_ranks(len(ranked.words))]


def spellings(ranked: RankedWords) -> dict[str, Any]:
    """How many bytes words are spelled by: ``token_bytes``, ``type_bytes`` and ``longest_words`` of the page."""
    sizes_U = np.fromiter(map(len, ranked.words), dtype=np.int64, count=len(ranked.words))
    token_bytes: Counter[int] = Counter()
    for size in np.unique(sizes_U).tolist():
        token_bytes[size] = int(ranked.counts_U[sizes_U == size].sum())
    longest = np.argsort(-sizes_U, kind="stable")[:LONGEST_WORDS].tolist()
    return {
        "token_bytes": dict(token_bytes),
        "type_bytes": dict(Counter(sizes_U.tolist())),
        "longest_words": [
            (shown(ranked.words[place]), int(sizes_U[place]), int(ranked.counts_U[place])) for place in longest
        ],
    }


def spread_ranks(last: int) -> list[int]:
    """Whole numbers from 1 to ``last``, evenly spaced on a logarithmic axis where there are many.

    Example:
        >>> spread_ranks(3)
        [1, 2, 3]
    """
    return np.unique(np.geomspace(1, last, POINTS).round().astype(np.int64)).tolist() if last else []


def shown(word: bytes) -> str:
    """A word as it is shown, its end left away where it is very long."""
    return shortened(word.decode(errors="replace"), SHOWN_CHARACTERS)
