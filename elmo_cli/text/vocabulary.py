"""The vocabulary: the classes of the softmax, and the file that lists them, one word a line."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli.config import VocabularyConfig
from elmo_cli.errors import TextError
from elmo_cli.files import whole_file
from elmo_cli.text.readers import read_lines

BEGIN = "<S>"
END = "</S>"
UNKNOWN = "<UNK>"
SPECIALS = (BEGIN, END, UNKNOWN)
"""In the order in which published vocabularies have them, before all words."""

SKIPPED_LINE = "!!!MAXTERMID"
"""A line that some published vocabularies carry; it takes no id."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """V words, each with its place in the list as id.

    The log-uniform sampler of the training loss takes ids as frequency ranks, so words stand in falling order of
    count. The three specials may stand anywhere. A vocabulary for inference may lack them: then their ids raise.

    Example:
        >>> vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "the", "."])
        >>> [vocabulary.id_of(word) for word in ("the", "unknown", ".")]
        [3, 2, 4]
    """

    words: list[str]
    counts_V: npt.NDArray[np.int64] | None = None
    """How often each word is a target in the training text: for ``<S>`` and ``</S>`` the number of sentences, for
    ``<UNK>`` the number of tokens outside the vocabulary. None where nobody counted."""
    specials: tuple[str, str, str] = SPECIALS
    """What begin, end and unknown are called here; other names than the usual only in models of ELMoForManyLangs."""

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Every word's id."""
        return {word: number for number, word in enumerate(self.words)}

    @cached_property
    def begin_id(self) -> int:
        """The id of the sentence begin, ``<S>``."""
        return self._special(self.specials[0])

    @cached_property
    def end_id(self) -> int:
        """The id of the sentence end, ``</S>``."""
        return self._special(self.specials[1])

    @cached_property
    def unknown_id(self) -> int:
        """The id of words outside, ``<UNK>``."""
        return self._special(self.specials[2])

    @cached_property
    def sha256(self) -> str:
        """A fingerprint of the words in their order, as 64 hexadecimal digits."""
        return hashlib.sha256(_lines(self.words)).hexdigest()

    def id_of(self, word: str) -> int:
        """The word's id, or that of ``<UNK>``."""
        found = self.ids.get(word)
        return self.unknown_id if found is None else found

    def out_of_order(self) -> str | None:
        """A warning where the words' counts do not fall, which the sampled loss relies on; None where all is well.

        Example:
            >>> Vocabulary([*SPECIALS, "rare", "frequent"], np.array([9, 9, 4, 1, 8])).out_of_order()
            "counts do not fall: 'frequent' (8) stands below 'rare' (1), but sampling takes ids as frequency ranks"
        """
        if self.counts_V is None:
            return None
        ordinary = np.flatnonzero([word not in SPECIALS for word in self.words])
        counts = self.counts_V[ordinary]
        rises = np.flatnonzero(counts[1:] > counts[:-1])
        if not len(rises):
            return None
        above, below = ordinary[rises[0]], ordinary[rises[0] + 1]
        return (
            f"counts do not fall: {self.words[below]!r} ({self.counts_V[below]:,}) stands below "
            f"{self.words[above]!r} ({self.counts_V[above]:,}), but sampling takes ids as frequency ranks"
        )

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, int],
        config: VocabularyConfig,
        *,
        sentences: int,
        tokens: int | None = None,
        types: int | None = None,
        forced: Sequence[str] = (),
    ) -> "Vocabulary":
        """The most frequent words after the specials; of equally frequent ones the first in code point order.

        Args:
            counts: How often each word was seen. Specials that stand literally in the text are no words: ``<UNK>``
                counts as a token outside the vocabulary, the other two are left out.
            config: How many words, and how rare.
            sentences: How many sentences the words were counted in.
            tokens: How many tokens there were; None: the sum of the counts.
            types: How many distinct words; None: as many as there are counts.
            forced: Words that are in it however rare they are, in their place by count.

        Raises:
            TextError: No word is frequent enough, or there are more forced words than places.

        Example:
            >>> counts = {"a": 2, "b": 5, "c": 1}
            >>> vocabulary = Vocabulary.from_counts(counts, VocabularyConfig(min_count=2), sentences=3)
            >>> vocabulary.words, vocabulary.counts_V.tolist()
            (['<S>', '</S>', '<UNK>', 'b', 'a'], [3, 3, 1, 5, 2])
        """
        ordinary = {word: count for word, count in counts.items() if word not in SPECIALS}
        chosen = {word: ordinary.get(word, 0) for word in forced if word not in SPECIALS}
        places = config.size - len(SPECIALS) - len(chosen)
        if places < 0:
            raise TextError(
                f"{len(chosen):,} forced words and {len(SPECIALS)} specials, but the vocabulary has {config.size:,} "
                "places at most",
                hint=f"give it more with --size {len(chosen) + len(SPECIALS)}",
            )
        frequent = [item for item in ordinary.items() if item[1] >= config.least_count and item[0] not in chosen]
        if not frequent and not any(chosen.values()):
            raise TextError(
                f"no word was seen at least {config.least_count} times "
                f"({len(counts) if types is None else types:,} different words in all)",
                hint="give more text, or keep rarer words with --min-count 1",
            )
        rows = _ranked([*_ranked(frequent)[:places], *chosen.items()])
        seen = sum(counts.values()) if tokens is None else tokens
        outside = seen - sum(count for _, count in rows) - counts.get(BEGIN, 0) - counts.get(END, 0)
        return cls(
            [*SPECIALS, *(word for word, _ in rows)],
            np.array([sentences, sentences, outside, *(count for _, count in rows)], dtype=np.int64),
        )

    @classmethod
    def read(cls, path: Path, *, require_specials: bool = True) -> "Vocabulary":
        """Reads a vocabulary in the published format, and the counts beside it if there are any.

        Args:
            path: One word per line in UTF-8; a line ``!!!MAXTERMID`` takes no id.
            require_specials: Whether ``<S>``, ``</S>`` and ``<UNK>`` must be there. Vectors can be computed without
                them; training and perplexity cannot.

        Raises:
            TextError: A line is blank or repeated, a special is missing, or the counts belong to other words.
        """
        vocabulary = cls.from_lines(read_lines(path), str(path), require_specials=require_specials)
        counts_path = counts_beside(path)
        return (
            vocabulary.with_counts(read_lines(counts_path), str(counts_path)) if counts_path.is_file() else vocabulary
        )

    @classmethod
    def from_lines(cls, lines: Iterable[str], place: str, *, require_specials: bool = True) -> "Vocabulary":
        """The vocabulary in some lines of the published format, without counts.

        Args:
            place: What messages call the lines' origin.
            require_specials: As in :meth:`read`.

        Raises:
            TextError: A line is blank or repeated, or a special is missing.
        """
        words = list(_words(lines, place))
        missing = [special for special in SPECIALS if special not in words]
        if require_specials and missing:
            raise TextError(
                f"{place}: {' and '.join(missing)} missing; a vocabulary needs the lines {', '.join(SPECIALS)}",
                hint=f"build one with: elmo vocab TEXT --out {place}",
            )
        return cls(words)

    def with_counts(self, lines: Iterable[str], place: str) -> "Vocabulary":
        """The same words with the counts in some lines, ``word<TAB>count`` each.

        Args:
            place: What messages call the lines' origin.

        Raises:
            TextError: They belong to other words.
        """
        return Vocabulary(self.words, _read_counts(lines, place, self.words))

    def write(self, path: Path) -> None:
        """Writes the words to ``path`` and their counts, where known, beside it.

        Raises:
            OutputError: The files cannot be written.
        """
        counts_path = counts_beside(path)
        with ExitStack() as stack:
            # Old counts go first and new ones come last: no kill leaves counts that belong to other words.
            if self.counts_V is not None:
                counts_file = stack.enter_context(whole_file(counts_path))
                rows = zip(self.words, self.counts_V.tolist(), strict=True)
                counts_file.write_bytes(_lines(f"{word}\t{count}" for word, count in rows))
            words_file = stack.enter_context(whole_file(path))
            words_file.write_bytes(_lines(self.words))
            counts_path.unlink(missing_ok=True)

    def _special(self, word: str) -> int:
        if word not in self.ids:
            raise TextError(
                f"the vocabulary has no {word}, which training and perplexity need",
                hint="build a vocabulary with elmo vocab",
            )
        return self.ids[word]


def counts_beside(path: Path) -> Path:
    """Where the counts of the vocabulary at ``path`` stand: ``vocab.txt`` has ``vocab.counts.tsv``."""
    return path.with_suffix(".counts.tsv")


def _ranked(rows: "list[tuple[str, int]]") -> "list[tuple[str, int]]":
    # Two sorts by what the rows hold take a third of the time of one by a key that is made for each.
    return sorted(sorted(rows), key=itemgetter(1), reverse=True)


def _lines(lines: "Iterator[str] | list[str]") -> bytes:
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogatepass")


def _words(lines: Iterable[str], place: str) -> Iterator[str]:
    first_lines: dict[str, int] = {}
    for line, text in enumerate(lines, start=1):
        word = text.strip()
        if word == SKIPPED_LINE:
            continue
        if not word:
            raise TextError(f"{place}:{line}: blank line; expected one word", hint="delete the line")
        first = first_lines.setdefault(word, line)
        if first != line:
            raise TextError(f"{place}:{line}: {word!r} stands already in line {first}", hint="delete one of them")
        yield word


def _read_counts(lines: Iterable[str], place: str, words: list[str]) -> npt.NDArray[np.int64]:
    hint = f"delete {Path(place).name} to go without counts, or build both again with elmo vocab"
    rows = list(lines)
    if len(rows) != len(words):
        raise TextError(f"{place}: {len(rows):,} counts for {len(words):,} words", hint=hint)
    counts_V = np.zeros(len(words), dtype=np.int64)
    for number, (row, word) in enumerate(zip(rows, words, strict=True)):
        counted, _, count = row.partition("\t")
        if counted != word or not (count.isascii() and count.isdigit()):
            raise TextError(f"{place}:{number + 1}: expected {word!r}, a tab and its count, found {row!r}", hint=hint)
        counts_V[number] = int(count)
    return counts_V
