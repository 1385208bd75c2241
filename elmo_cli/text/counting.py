"""How often each word was seen, within a bound on memory, whoever counted which part of the text."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.config import VocabularyConfig
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary
from elmo_cli.text.word_types import ShardPart, word_types

KEPT_SHARE = 0.5
"""Share of the bound that is left when the rarest words are forgotten: that takes a sort, so it should be rare."""


@dataclass(frozen=True)
class PartCounts:
    """The counts of one part of a text, small enough to travel between processes."""

    words: bytes
    """The distinct words, ``\\n`` between them."""
    counts: npt.NDArray[np.int64]
    sentences: int

    def __reduce__(self) -> tuple[Any, ...]:
        """On its way between processes it is arrays."""
        return _arrived, (np.frombuffer(self.words, dtype=np.uint8), self.counts, self.sentences)


def _arrived(words: npt.NDArray[np.uint8], counts: npt.NDArray[np.int64], sentences: int) -> PartCounts:
    return PartCounts(words.tobytes(), counts, sentences)


def count_part(part: ShardPart) -> PartCounts:
    """Counts the words of tokenised text."""
    found = word_types(part.read())
    return PartCounts(b"\n".join(found.words), found.counts_U, len(found.ends_S))


def count_sentences(sentences: Iterable[Sequence[str]]) -> PartCounts:
    """Counts the words of sentences in memory.

    Example:
        >>> count_sentences([["a", "b"], ["a"]])
        PartCounts(words=b'a\\nb', counts=array([2, 1]), sentences=2)
    """
    counts: Counter[str] = Counter()
    number = 0
    for sentence in sentences:
        counts.update(sentence)
        number += 1
    words = "\n".join(counts).encode(errors="surrogatepass")
    return PartCounts(words, np.fromiter(counts.values(), dtype=np.int64, count=len(counts)), number)


@dataclass
class WordCounts:
    """Counts that grow part by part.

    Beyond ``max_types`` words the rarest are forgotten, so that memory stays bounded. A forgotten word that comes back
    is counted from there on; what it loses is told. Which are forgotten depends on the parts and their order alone.

    Example:
        >>> counts = WordCounts(max_types=4)
        >>> counts.add(count_sentences([["a", "a", "b", "b", "c", "d", "e"]]))
        >>> counts.counts, counts.forgotten_types, counts.forgotten_tokens, counts.largest_loss
        ({b'a': 2, b'b': 2}, 3, 3, 1)
    """

    max_types: int
    kept: frozenset[bytes] = frozenset(word.encode() for word in SPECIALS)
    """Words that are never forgotten."""
    counts: dict[bytes, int] = field(default_factory=dict)
    """By the UTF-8 spelling of the word."""
    sentences: int = 0
    tokens: int = 0
    """All that were seen, those of forgotten words included."""
    forgotten_types: int = 0
    """How often a word was forgotten: of the distinct words, at most as many are missing."""
    forgotten_tokens: int = 0
    """Tokens that are in no word's count."""
    largest_loss: int = 0
    """By how much a word's count is too small at most."""

    @classmethod
    def within(cls, config: VocabularyConfig, kept: Iterable[str] = ()) -> "WordCounts":
        """Empty counts within the bound of the settings; specials and the words of ``kept`` are never forgotten."""
        return cls(config.max_types, frozenset(word.encode(errors="surrogatepass") for word in (*SPECIALS, *kept)))

    def add(self, part: PartCounts) -> None:
        """Adds the counts of a part."""
        counts, get = self.counts, self.counts.get
        words = part.words.split(b"\n") if part.words else []
        for word, count in zip(words, part.counts.tolist(), strict=True):
            counts[word] = get(word, 0) + count
        self.sentences += part.sentences
        self.tokens += int(part.counts.sum())
        if len(counts) > self.max_types:
            self._forget()

    def account_for(self, *, sentences: int, forgotten_types: int, forgotten_tokens: int, largest_loss: int) -> None:
        """Adds what another counter knows besides its counts."""
        self.sentences += sentences
        self.tokens += forgotten_tokens
        self.forgotten_types += forgotten_types
        self.forgotten_tokens += forgotten_tokens
        self.largest_loss += largest_loss

    def vocabulary(self, config: VocabularyConfig, forced: Sequence[str] = ()) -> Vocabulary:
        """The vocabulary of these counts.

        Raises:
            TextError: No word is frequent enough, or the forced words are too many.
        """
        always = {word.encode(errors="surrogatepass") for word in (*SPECIALS, *forced)}
        return Vocabulary.from_counts(
            self.words(config.least_count, always),
            config,
            sentences=self.sentences,
            tokens=self.tokens,
            types=len(self.counts),
            forced=forced,
        )

    def words(self, min_count: int, always: Iterable[bytes] = ()) -> dict[str, int]:
        """The words that were seen so often, and those of ``always`` that were seen, as strings."""
        wanted = frozenset(always)
        return {
            word.decode(errors="surrogatepass"): count
            for word, count in self.counts.items()
            if count >= min_count or word in wanted
        }

    def _forget(self) -> None:
        """Drops the rarest words: all up to the lowest count that leaves few enough."""
        counts_U = np.fromiter(self.counts.values(), dtype=np.int64, count=len(self.counts))
        counts_U.sort()
        # The words above this count are at most the share that may stay.
        threshold = int(counts_U[len(counts_U) - int(self.max_types * KEPT_SHARE) - 1])
        rare = [word for word, count in self.counts.items() if count <= threshold and word not in self.kept]
        for word in rare:
            self.forgotten_tokens += self.counts.pop(word)
        self.forgotten_types += len(rare)
        self.largest_loss += threshold
