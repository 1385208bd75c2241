"""The text that is measured on: WikiText-2 and a book where they are at hand, else the documentation of Python."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from elmo_cli.config import TextConfig, VocabularyConfig
from elmo_cli.errors import ElmoError, TextError
from elmo_cli.text.python_docs import python_documentation
from elmo_cli.text.readers import read_lines
from elmo_cli.text.store import EncodedText, encode
from elmo_cli.text.tokenizers import make_tokenizer
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary

DATA = Path(__file__).parents[2] / "shared" / "data"
"""Where real text lies on the machines of this project, outside the repository."""
WIKITEXT, BOOK = "wikitext-2/valid.sentences.txt", "books/Jack_London__White_Fang.txt"

SYNTHETIC_TOKENS = 2_000_000
"""Tokens of a text that is drawn."""


@dataclass(frozen=True)
class BenchText:
    """A raw text and a tokenised one."""

    description: str
    """Which, for the record."""
    raw: Path
    """As an author wrote it."""
    tokenised: Path
    """One sentence a line, tokens between spaces."""

    @cached_property
    def sentences(self) -> list[list[str]]:
        """The tokenised text."""
        return [words for line in read_lines(self.tokenised) if (words := line.split())]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Every word of the tokenised text."""
        counts = Counter(word for sentence in self.sentences for word in sentence)
        return Vocabulary.from_counts(counts, VocabularyConfig(min_count=1), sentences=len(self.sentences))


def find_text(folder: Path) -> BenchText:
    """The text of this machine.

    Args:
        folder: Where to put text that has to be collected first.

    Raises:
        TextError: There is none, not even Python's documentation.
    """
    if (DATA / WIKITEXT).is_file() and (DATA / BOOK).is_file():
        return BenchText(f"{WIKITEXT}, tokenised; {BOOK}, raw", DATA / BOOK, DATA / WIKITEXT)
    return collect_text((paragraph for _, paragraph in python_documentation()), folder)


def collect_text(paragraphs: Iterable[str], folder: Path) -> BenchText:
    """Paragraphs of Python's documentation as files, raw and tokenised.

    Raises:
        TextError: There is no paragraph.
    """
    raw, tokenised = folder / "raw.txt", folder / "tokenised.txt"
    lines = list(paragraphs)
    if not lines:
        raise TextError(f"no text to measure on: neither {WIKITEXT} nor this Python's own documentation is here")
    raw.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    sentences, how = _tokenise(lines)
    tokenised.write_text("".join(" ".join(sentence) + "\n" for sentence in sentences), encoding="utf-8")
    return BenchText(f"Python's documentation (elmo_cli.text.python_docs), {how}", raw, tokenised)


def _tokenise(lines: Sequence[str]) -> tuple[list[list[str]], str]:
    name, note = "words", ""
    try:
        make_tokenizer(TextConfig(tokenizer=name)).sentences(lines[0])
    except ElmoError as error:  # a GPU machine may lack a package, and has models to measure all the same
        name, note = "whitespace", f" ({error.message})"
    tokenizer = make_tokenizer(TextConfig(tokenizer=name))
    return [sentence for line in lines for sentence in tokenizer.sentences(line)], f"tokenised with {name}{note}"


def encoded(text: BenchText, vocabulary_size: int | None, max_characters: int) -> EncodedText:
    """The text as numbers.

    Args:
        vocabulary_size: V. Where the text has fewer words, classes that are never a target fill it up: the softmax
            has the same work as with words of their own. None: as many as the text has.
        max_characters: W.
    """
    words = text.vocabulary.words[:vocabulary_size]
    unused = [f"<unused-{number}>" for number in range((vocabulary_size or 0) - len(words))]
    return encode(text.sentences, Vocabulary([*words, *unused]), max_characters)


def synthetic(
    text: BenchText, vocabulary_size: int, max_characters: int, tokens: int = SYNTHETIC_TOKENS
) -> EncodedText:
    """Tokens drawn from the log-uniform law over a vocabulary larger than any text here has.

    Sentences are as long as the real ones, and word types are spelled as the real words are, one after another and
    again from the first, so that the character encoder has the same work.
    """
    real = encoded(text, None, max_characters)
    tokens = SYNTHETIC_TOKENS
    drawn = np.random.default_rng(1).random(tokens)
    ordinary = vocabulary_size - len(SPECIALS)
    tokens_N = len(SPECIALS) + np.exp(drawn * np.log1p(ordinary)).astype(np.int64) - 1
    lengths_S = np.resize(np.diff(real.starts), tokens)  # more than enough: no sentence is empty
    ends_S = np.cumsum(lengths_S)
    ends_S = ends_S[ends_S <= tokens]
    spelled_V = np.concatenate(
        [np.arange(len(SPECIALS)), len(SPECIALS) + np.arange(ordinary) % (real.num_types - len(SPECIALS))]
    )
    words = [*SPECIALS, *(f"<drawn-{number}>" for number in range(ordinary))]
    return EncodedText(
        vocabulary=Vocabulary(words),
        tokens_N=np.minimum(tokens_N, vocabulary_size - 1)[: ends_S[-1]].astype(np.uint32),
        starts=np.concatenate([[0], ends_S]).astype(np.int64),
        chars_UW=real.chars_UW[spelled_V],
        lexicon=words,
    )
