"""Cuts raw text into words.

What a word is decides what the softmax predicts, so the rules follow the text that published ELMo vocabularies and most
labelled data sets come from: hyphenated words, numbers and contractions stay whole, punctuation stands alone.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from elmo_cli.text.normalization import without_unseen
from elmo_cli.text.packages import import_package
from elmo_cli.text.sentences import SentenceSplitter


class WordTokenizer:
    """For raw text: sentences by the rules of a language, and words by one pattern for all languages.

    Nothing is changed, and nothing is lost but whitespace, control characters and marks that no reader sees: those of
    writing direction wherever they stand, joiners and the like where there is no letter before them.

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
        self._splitter = SentenceSplitter(language)

    def sentences(self, line: str) -> list[list[str]]:
        """The sentences of a paragraph, each a list of tokens."""
        return list(self.each_sentence(line))

    def each_sentence(self, line: str) -> Iterator[list[str]]:
        """The same one after another."""
        if not line or line.isspace():
            return iter(())
        find = self._pattern.findall
        return filter(None, map(find, self._splitter.split(without_unseen(line))))

    def tokens(self, line: str) -> list[str]:
        """The tokens of a line, not split into sentences."""
        return self._pattern.findall(without_unseen(line))

    def of_tokenised(self, line: str) -> list[str]:
        """The line's own tokens: words are left as somebody has cut them."""
        return line.split()

    @cached_property
    def _pattern(self) -> Any:
        regex = import_package("regex")
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

_JOINERS = r"\u00ad\u200c\u200d"
"""Soft hyphens and the joiners of Persian, Indic scripts and emoji belong to the word that they stand in."""

_LOST = r"\s\p{Cc}\u200b\ufeff"


def _word_pattern(language: str) -> str:
    letter = r"\p{L}\p{M}*"
    first = r"[[\p{L}\p{M}\p{N}]--[\p{Han}\p{Hiragana}\p{Default_Ignorable_Code_Point}]]"
    word = rf"[[\p{{L}}\p{{M}}\p{{N}}{_JOINERS}]--[\p{{Han}}\p{{Hiragana}}]]"
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
      | {first} {word}* (?: (?: [-'’‐‑_] | (?<= \p{{N}} ) [.,:/٫٬] (?= \p{{N}} ) | (?<= \p{{Ll}} ) \. (?= \p{{Ll}} )
                      | (?<= \p{{Lu}} ) & (?= \p{{Lu}} ) ) {word}+ )*
      | {runs}
      | (?! [{_LOST}\p{{Default_Ignorable_Code_Point}}] ) \X                    # whatever a reader sees as one sign
    """
