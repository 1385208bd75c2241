"""A text and the losses of all its targets, as the figures need them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class TextSize:
    """How large the original text is, before it became tokens."""

    bytes: int
    """In UTF-8, a line end counted as one byte."""
    characters: int
    """Unicode code points, a line end counted as one."""
    words: int
    """What stands between white space."""

    def __add__(self, other: "TextSize") -> "TextSize":
        return TextSize(
            bytes=self.bytes + other.bytes,
            characters=self.characters + other.characters,
            words=self.words + other.words,
        )

    @classmethod
    def of(cls, line: str) -> "TextSize":
        """The size of a line with its end.

        Example:
            >>> TextSize.of("sième  né")
            TextSize(bytes=12, characters=10, words=2)
        """
        return cls(
            bytes=len(line.encode(errors="surrogatepass")) + 1, characters=len(line) + 1, words=len(line.split())
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredText:
    """S sentences of N words, and what each word and boundary cost in both directions."""

    classes_N: Ids
    """What the softmax had to predict: vocabulary ids, ``<UNK>`` for words outside."""
    types_N: Ids
    """Lexicon ids, which tell words outside the vocabulary apart."""
    lengths_S: Ids
    """Words of each sentence."""
    words_GN: Floats
    """Losses of the words."""
    boundaries_GS: Floats
    """Losses of each sentence's end (forward) and begin (backward)."""
    known_N: Flags
    """Whether a word is in the vocabulary."""
    size: TextSize | None = None
    """Of the original text; None where the text was tokenised before."""

    @property
    def num_words(self) -> int:
        """N."""
        return len(self.classes_N)

    @property
    def num_sentences(self) -> int:
        """S."""
        return len(self.lengths_S)

    @cached_property
    def starts_S(self) -> Ids:
        """Where each sentence starts among the words, and the end of the last: S + 1 numbers."""
        return np.concatenate([[0], np.cumsum(self.lengths_S)]).astype(np.int64)

    @cached_property
    def sentences_N(self) -> Ids:
        """Which sentence each word is in."""
        return np.repeat(np.arange(self.num_sentences, dtype=np.int64), self.lengths_S)

    @cached_property
    def places_N(self) -> Ids:
        """Each word's place in its sentence, from 0."""
        return np.arange(self.num_words, dtype=np.int64) - np.repeat(self.starts_S[:-1], self.lengths_S)

    @cached_property
    def sums_GS(self) -> Floats:
        """Loss of each sentence, its boundary included."""
        weights = [np.bincount(self.sentences_N, losses, minlength=self.num_sentences) for losses in self.words_GN]
        return np.stack(weights) + self.boundaries_GS
