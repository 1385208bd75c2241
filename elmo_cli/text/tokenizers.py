"""Cuts raw text into sentences and words.

What a word is decides what the softmax predicts, so the rules follow the text that published ELMo vocabularies and most
labelled data sets come from: hyphenated words, numbers and contractions stay whole, punctuation stands alone.
"""

import importlib
import importlib.metadata
from collections.abc import Iterator
from functools import cached_property
from types import ModuleType
from typing import Any, Protocol

from elmo_cli.config import TextConfig
from elmo_cli.errors import ElmoError

STRETCH = 20_000
"""Characters that sentences are sought in at a time: sentencex takes quadratic time where quotes do not close."""


class Tokenizer(Protocol):
    """Turns a line into tokens. No token is empty or contains whitespace."""

    def sentences(self, line: str) -> list[list[str]]:
        """The sentences of a line of raw text, each a list of tokens; none for a blank line."""

    def tokens(self, line: str) -> list[str]:
        """The tokens of a line that is one row of its own, however many sentences it has."""


def make_tokenizer(config: TextConfig) -> Tokenizer:
    """The tokenizer that the settings name.

    Example:
        >>> make_tokenizer(TextConfig(tokenizer="whitespace")).sentences("One line, one sentence. Always.")
        [['One', 'line,', 'one', 'sentence.', 'Always.']]
    """
    return WordTokenizer(config.language) if config.tokenizer == "words" else WhitespaceTokenizer()


def libraries_behind(config: TextConfig) -> dict[str, str]:
    """Versions of the libraries that decide where the settings' tokenizer cuts; other versions may cut elsewhere.

    Example:
        >>> libraries_behind(TextConfig(tokenizer="whitespace"))
        {}
    """
    names = ("sentencex", "regex") if config.tokenizer == "words" else ()
    return {name: importlib.metadata.version(name) for name in names}


class WhitespaceTokenizer:
    """For text that is already one tokenised sentence a line: cuts at whitespace and nowhere else."""

    def sentences(self, line: str) -> list[list[str]]:
        """The line as its only sentence."""
        tokens = self.tokens(line)
        return [tokens] if tokens else []

    def tokens(self, line: str) -> list[str]:
        """What stands between whitespace."""
        return line.split()


class WordTokenizer:
    """For raw text: sentences by the rules of a language, and words by one pattern for all languages.

    Nothing is changed, and nothing is lost but whitespace, control characters and the invisible U+200B and U+FEFF.

    - Kept whole: ``don’t``, ``O'Brien``, ``to-morrow``, ``20-year-old``, ``3,000.5``, ``10:30``, ``AT&T``,
      ``get_value``, ``os.path``, ``U.S.``, initials (``E. M. Forster``), URLs, e-mail addresses, ``<UNK>``, and runs of
      dots, dashes and ruling marks (``...``, ``--``); in English also the dots of ``Mr.``, ``etc.``, ``p. 5``.
    - Every other symbol stands alone. So does each Chinese character and each hiragana.

    Hyphenated words could be cut as well. Whole, they are 0.5 % of the tokens of 97 English books, and of ten different
    ones seven occur once: as targets these are ``<UNK>``, at the input they are spelled like any word.

    Args:
        language: ISO 639 code.

    Example:
        >>> " ".join(WordTokenizer("en").tokens("Mr. Beebe--didn’t he?--cried: 'A _well-known_ 3.5%...'"))
        "Mr. Beebe -- didn’t he ? -- cried : ' A _ well-known _ 3.5 % ... '"
    """

    def __init__(self, language: str) -> None:
        self.language = language

    def sentences(self, line: str) -> list[list[str]]:
        """The sentences of a paragraph, each a list of tokens."""
        if not line or line.isspace():
            return []
        find = self._pattern.findall
        return [tokens for sentence in self._split(line) if (tokens := find(sentence))]

    def tokens(self, line: str) -> list[str]:
        """The tokens of a line, not split into sentences."""
        return self._pattern.findall(line)

    def _split(self, line: str) -> Iterator[str]:
        segment, begin = self._splitter.segment, 0
        while len(line) - begin > STRETCH:
            # The last sentence of a stretch may go on behind it, so it waits for the next stretch.
            sentences = segment(self.language, line[begin : begin + STRETCH])
            complete = sentences[:-1] or sentences
            yield from complete
            begin += sum(map(len, complete)) or STRETCH
        yield from segment(self.language, line[begin:])

    @cached_property
    def _splitter(self) -> ModuleType:
        return _import("sentencex")

    @cached_property
    def _pattern(self) -> Any:
        regex = _import("regex")
        return regex.compile(_word_pattern(self.language), regex.VERBOSE | regex.VERSION1)


_TITLES = (
    "Mr|Mrs|Ms|Messrs|Mme|Mlle|Dr|Prof|Rev|Hon|Sr|Jr|St|Mt|Capt|Col|Gen|Lt|Sgt|Maj|Cmdr|Gov|Sen|Rep|Esq"
    "|Co|Corp|Inc|Ltd|Bros"
)
_ABBREVIATIONS = {"en": rf"{_TITLES}|{_TITLES.upper()}|etc|Etc|viz|vs|cf|Ph\.D"}
"""Words that keep a dot after them wherever they stand, by language."""

_BEFORE_NUMBERS = {
    "en": "No|Nos|no|nos|Vol|vol|p|pp|Fig|fig|Ch|ch|Chap|chap|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec"
}
"""Words that keep a dot after them when a number follows, by language."""

_NOTHING = "(?!)"
"""A pattern that matches nowhere."""

_RUNS = "-–—―._*=~#…"
"""Marks whose runs are one token: dashes, ellipses, ruled lines, blanks to fill in."""

_LOST = r"\s\p{Cc}\u200b\ufeff"


def _word_pattern(language: str) -> str:
    letter = r"\p{L}\p{M}*"
    # Soft hyphens and the joiners of Persian, Indic scripts and emoji belong to the word that they stand in.
    word = r"[[\p{L}\p{M}\p{N}\u00ad\u200c\u200d]--[\p{Han}\p{Hiragana}]]"
    address = rf"""[^{_LOST}<>"“”]"""
    abbreviations = _ABBREVIATIONS.get(language, _NOTHING)
    before_numbers = _BEFORE_NUMBERS.get(language, _NOTHING)
    runs = "|".join(f"[{mark}]{{2,}}" for mark in _RUNS)
    # A part that may fail after a repetition is bounded, so that time stays linear in the length of a line. The first
    # two lines and the lookaheads before the abbreviations change no token: they are there for three times the speed.
    return rf"""
        [A-Za-z]++ (?= [\s,;!?")] )
      | [,;:!?"(] (?= [\sA-Za-z] )
      | (?i: (?:https?|ftp):// | www\. ) {address}+ (?<! [.,;:!?'’)\]}}] )        # URLs, less punctuation after them
      | </? \p{{L}} [\w-]{{0,63}} >                                               # <S>, <UNK>, <unk>
      | \w [\w.+%-]{{0,63}} @ \w [\w-]{{0,63}} (?: \. \w [\w-]{{0,63}} )+          # e-mail addresses
      | (?: {letter} \. ){{2,}} (?: {letter} (?! \w ) )? (?: [-'’] {word}+ )*     # U.S., e.g., U.S.A, U.S.-led
      | (?! I ) \p{{Lu}} \p{{M}}* \. (?= \s{{0,2}} \p{{Lu}} )                      # initials; "I." ends sentences
      | (?= \w{{1,6}} \. ) (?: {abbreviations} ) \. (?! \. )
      | (?= \w{{1,6}} \. ) (?: {before_numbers} ) \. (?= \s? \p{{N}} )
      | {word}+ (?: (?: [-'’‐‑_] | (?<= \p{{N}} ) [.,:/] (?= \p{{N}} ) | (?<= \p{{Ll}} ) \. (?= \p{{Ll}} )
                      | (?<= \p{{Lu}} ) & (?= \p{{Lu}} ) ) {word}+ )*
      | {runs}
      | (?! [{_LOST}] ) \X                                                       # whatever a reader sees as one sign
    """


def _import(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ElmoError(
            f"the tokenizer 'words' needs the package {package}, which is not installed",
            hint=f"pip install {package}; or, for one tokenised sentence a line, --tokenizer whitespace",
        ) from error
