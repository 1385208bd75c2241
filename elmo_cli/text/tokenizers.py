"""The tokenizers by name, each behind the normalisation that the settings ask for."""

import importlib.metadata
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from elmo_cli.config import TextConfig
from elmo_cli.errors import ConfigError
from elmo_cli.text.normalization import Normaliser
from elmo_cli.text.pieces import PieceTokenizer
from elmo_cli.text.words import WordTokenizer

if TYPE_CHECKING:
    from elmo_cli.text.sources import BlockText


class Tokenizer(Protocol):
    """Turns text into tokens. No token is empty or contains whitespace."""

    def sentences(self, line: str) -> list[list[str]]:
        """The sentences of a paragraph of raw text, each a list of tokens; none for a blank one."""

    def each_sentence(self, line: str) -> Iterator[list[str]]:
        """The same one after another, so that those of a very long paragraph are never all in memory."""

    def tokens(self, line: str) -> list[str]:
        """The tokens of a line that is one row of its own, however many sentences it has."""

    def of_tokenised(self, line: str) -> list[str]:
        """The tokens of a sentence that somebody else has cut into words, joined by spaces."""


def make_tokenizer(config: TextConfig, pieces: bytes | None = None) -> Tokenizer:
    """The tokenizer that the settings name, with their normalisation in front of it.

    Args:
        config: The settings.
        pieces: The SentencePiece model, for ``sentencepiece``.

    Raises:
        ConfigError: ``sentencepiece`` has no model.
        TextError: What was given is none.

    Example:
        >>> make_tokenizer(TextConfig(tokenizer="whitespace")).sentences("One line, one sentence. Always.")
        [['One', 'line,', 'one', 'sentence.', 'Always.']]
    """
    normaliser = Normaliser(config)
    tokenizer: Tokenizer
    if config.tokenizer == "words":
        tokenizer = WordTokenizer(config.language)
    elif config.tokenizer == "whitespace":
        tokenizer = WhitespaceTokenizer()
    elif pieces is None:
        raise ConfigError(
            "the tokenizer sentencepiece needs its model, and there is none here",
            hint="give one with --pieces-model FILE; elmo prepare --tokenizer sentencepiece learns one from the text",
        )
    else:
        return PieceTokenizer(config.language, pieces, normaliser)
    return tokenizer if normaliser.idle else _Normalising(tokenizer, normaliser)


def tokenise_block(text: "BlockText", tokenizer: Tokenizer) -> list[tuple[int, list[str]]]:
    """The sentences of a block in order, each with the number of its document; none is empty."""
    return list(each_of_block(text, tokenizer))


def each_of_block(text: "BlockText", tokenizer: Tokenizer) -> Iterator[tuple[int, list[str]]]:
    """The same one after another: as lists of tokens, a line of 100 MB would take more than a gigabyte."""
    if text.tokenised:
        rows = ((document, tokenizer.of_tokenised(line)) for document, line in _numbered(text))
        return ((document, tokens) for document, tokens in rows if tokens)
    cut = tokenizer.each_sentence
    return ((document, tokens) for document, paragraph in _numbered(text) for tokens in cut(paragraph))


def libraries_behind(config: TextConfig) -> dict[str, str]:
    """Versions of the libraries that decide where the settings' tokenizer cuts; other versions may cut elsewhere.

    Example:
        >>> libraries_behind(TextConfig(tokenizer="whitespace"))
        {}
    """
    names = {"words": ("sentencex", "regex"), "sentencepiece": ("sentencex", "sentencepiece")}
    versions = {name: importlib.metadata.version(name) for name in names.get(config.tokenizer, ())}
    return versions if Normaliser(config).idle else versions | {"unicodedata": unicodedata.unidata_version}


class WhitespaceTokenizer:
    """For text that is already one tokenised sentence a line: cuts at whitespace and nowhere else."""

    def sentences(self, line: str) -> list[list[str]]:
        """The line as its only sentence."""
        tokens = self.tokens(line)
        return [tokens] if tokens else []

    def each_sentence(self, line: str) -> Iterator[list[str]]:
        """The same."""
        return iter(self.sentences(line))

    def tokens(self, line: str) -> list[str]:
        """What stands between whitespace."""
        return line.split()

    def of_tokenised(self, line: str) -> list[str]:
        """The same."""
        return line.split()


class _Normalising:
    """A tokenizer of words between the two steps of normalisation. Where words are given, their number stays."""

    def __init__(self, tokenizer: Tokenizer, normaliser: Normaliser) -> None:
        self._tokenizer, self._normaliser = tokenizer, normaliser
        self._given = isinstance(tokenizer, WhitespaceTokenizer)

    def sentences(self, line: str) -> list[list[str]]:
        return list(self.each_sentence(line))

    def each_sentence(self, line: str) -> Iterator[list[str]]:
        if self._given:
            return iter([tokens] if (tokens := self.of_tokenised(line)) else [])
        sentences = self._tokenizer.each_sentence(self._normaliser.compose(line))
        return map(self._normaliser.fold_tokens, sentences) if self._normaliser.folds else sentences

    def tokens(self, line: str) -> list[str]:
        if self._given:
            return self.of_tokenised(line)
        return self._normaliser.fold_tokens(self._tokenizer.tokens(self._normaliser.compose(line)))

    def of_tokenised(self, line: str) -> list[str]:
        return self._normaliser.each_token(self._tokenizer.of_tokenised(line))


def _numbered(text: "BlockText") -> "zip[tuple[int, str]]":
    return zip(text.documents, text.paragraphs, strict=True)
