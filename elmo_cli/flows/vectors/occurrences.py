"""Where chosen words stand in a text: a sample of their occurrences, and what to say where there is none."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from elmo_cli.config import TextConfig
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.models.loaded import LoadedModel
from elmo_cli.flows.vector_results import TokenInContext
from elmo_cli.flows.vectors.text_sentences import TextSentence
from elmo_cli.text.pieces import detokenise

CONTEXT = 10
"""Tokens that are shown on either side of a word."""
LARGEST_SPELLINGS = 200_000
"""Distinct words that are looked through for near spellings."""

T = TypeVar("T")


@dataclass(frozen=True)
class Occurrence:
    """A token in its sentence."""

    sentence: TextSentence
    place: int
    """Of the token in the sentence, from 0."""

    @property
    def word(self) -> str:
        """The token."""
        return self.sentence.tokens[self.place]

    def in_context(self) -> TokenInContext:
        """As people read it: the word with what stands around it."""
        tokens, place = self.sentence.tokens, self.place
        before = (["..."] if place > CONTEXT else []) + list(tokens[max(0, place - CONTEXT) : place])
        after = list(tokens[place + 1 : place + 1 + CONTEXT]) + (["..."] if place + 1 + CONTEXT < len(tokens) else [])
        return TokenInContext(
            file=self.sentence.file,
            line=self.sentence.line,
            sentence=self.sentence.number,
            place=place,
            word=self.word,
            before=_joined(before),
            after=_joined(after),
        )


class EvenSample(Generic[T]):
    """Up to ``limit`` things spread evenly over all that come by, in memory of twice as many.

    Example:
        >>> sample = EvenSample(3)
        >>> for number in range(100):
        ...     sample.add(number)
        >>> sample.taken(), sample.count
        ([0, 32, 64], 100)
    """

    def __init__(self, limit: int) -> None:
        self.count = 0
        """How many came by."""
        self._limit, self._stride, self._kept = limit, 1, list[T]()

    def add(self, thing: T) -> None:
        """The next one comes by."""
        if self.count % self._stride == 0:
            self._kept.append(thing)
            if len(self._kept) == 2 * self._limit:
                self._kept, self._stride = self._kept[::2], 2 * self._stride
        self.count += 1

    def taken(self) -> list[T]:
        """The sample, in order."""
        size = min(self._limit, len(self._kept))
        return [self._kept[place * len(self._kept) // size] for place in range(size)]


def single_token(model: LoadedModel, text: TextConfig, word: str) -> str:
    """A word as the model's tokenizer writes it.

    Raises:
        ConfigError: It is several tokens, or none.
    """
    tokens = model.make_tokenizer(text).tokens(word)
    if len(tokens) != 1:
        found = " ".join(tokens) or "none"
        raise ConfigError(
            f"--word {word!r}: expected one token, found {len(tokens)} by the tokenizer {text.tokenizer}: {found}",
            hint="choose one of them, or cut the text otherwise: --tokenizer whitespace",
        )
    return tokens[0]


def occurrences_of(sentences: Iterable[TextSentence], words: Sequence[str]) -> Iterator[Occurrence]:
    """Every occurrence of some tokens, in order."""
    wanted = set(words)
    for sentence in sentences:
        if not wanted.isdisjoint(sentence.tokens):
            for place, token in enumerate(sentence.tokens):
                if token in wanted:
                    yield Occurrence(sentence, place)


def missing_word(place: str, word: str, sentences: Iterable[Sequence[str]]) -> TextError:
    """What to raise where a word is nowhere, with spellings like it that are there.

    Args:
        place: Where it was looked for.
        word: The word.
        sentences: The tokens there.
    """
    spellings: set[str] = set()
    count = 0
    for tokens in sentences:
        count += 1
        if len(spellings) < LARGEST_SPELLINGS:
            spellings.update(tokens)
    if not count:
        return TextError(f"{place}: no sentence to look for {word!r} in", hint="check that the text is not empty")
    near = near_spellings(word, spellings)
    hint = f"the text has {', '.join(near)}" if near else "check the spelling, and whether --tokenizer fits the text"
    return TextError(f"{place}: expected the word {word!r}, found it in none of {count:,} sentences", hint=hint)


def near_spellings(word: str, spellings: Iterable[str]) -> list[str]:
    """Up to five words that look like another: those that differ in case alone, then the likest.

    Example:
        >>> near_spellings("Bank", ["river", "Banks", "bank"])
        ['bank', 'Banks']
    """
    about = sorted(spelling for spelling in spellings if abs(len(spelling) - len(word)) <= 3)
    same = [spelling for spelling in about if spelling.casefold() == word.casefold()]
    return list(dict.fromkeys([*same, *difflib.get_close_matches(word, about, n=5, cutoff=0.7)]))[:5]


def _joined(tokens: Sequence[str]) -> str:
    # Pieces of SentencePiece bring their own spaces.
    return detokenise(tokens) if any(token.startswith("▁") for token in tokens) else " ".join(tokens)
