"""SentencePiece's pieces as tokens, for languages that put no spaces between words.

Pieces stand as SentencePiece writes them: ``▁`` is the space before one, so that text can be put together again.
"""

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from elmo_cli.errors import TextError
from elmo_cli.text.normalization import Normaliser, single_spaced, without_unseen
from elmo_cli.text.packages import import_package
from elmo_cli.text.sentences import SentenceSplitter

PIECES_FILE = "tokenizer.model"
"""Name of the SentencePiece model in the folders of a prepared corpus and of a model."""

LARGEST_PIECES_FILE = 1 << 28
"""Bytes that it may have. 16,000 pieces take 500,000."""

TOGETHER = 1_000
"""Sentences that are cut in one call."""

_SPACE = "▁"


class PieceTokenizer:
    """For raw text: sentences by the rules of a language, and pieces by a learned model.

    Nothing is lost but runs of whitespace, control characters and invisible marks. What the model has no piece for is a
    token as it stands: as a target it is ``<UNK>``, at the input it is spelled like any other.

    Args:
        language: ISO 639 code.
        model: The bytes of a SentencePiece model.
        normaliser: What brings text to the form that the model was learned in.

    Raises:
        TextError: ``model`` is none.
    """

    def __init__(self, language: str, model: bytes, normaliser: Normaliser) -> None:
        self._splitter = SentenceSplitter(language)
        self._normaliser = normaliser
        self._processor = load_pieces(model, PIECES_FILE)

    def sentences(self, line: str) -> list[list[str]]:
        """The sentences of a paragraph, each a list of pieces."""
        return list(self.each_sentence(line))

    def each_sentence(self, line: str) -> Iterator[list[str]]:
        """The same one after another."""
        if not line or line.isspace():
            return
        sentences = clean_sentences(line, self._splitter, self._normaliser)
        for begin in range(0, len(sentences), TOGETHER):
            yield from filter(None, self._cut(sentences[begin : begin + TOGETHER]))

    def tokens(self, line: str) -> list[str]:
        """The pieces of a line, not split into sentences."""
        return self._cut([single_spaced(without_unseen(self._normaliser(line)))])[0]

    def of_tokenised(self, line: str) -> list[str]:
        """The pieces of a sentence that somebody has cut into words: words are no tokens of such a model."""
        return self.tokens(line)

    def _cut(self, sentences: list[str]) -> list[list[str]]:
        # A model of other people may leave whitespace in a piece, or pieces that are empty.
        rows: list[list[str]] = self._processor.encode(sentences, out_type=str, num_threads=1) if sentences else []
        return [row if " ".join(row).split() == row else [t for piece in row for t in piece.split()] for row in rows]


def clean_sentences(paragraph: str, splitter: SentenceSplitter, normaliser: Normaliser) -> list[str]:
    """The sentences of a paragraph as pieces are cut from them and learned from: normalised and single-spaced."""
    sentences = splitter.split(without_unseen(normaliser.compose(paragraph)))
    return [clean for sentence in sentences if (clean := single_spaced(normaliser.fold(sentence)))]


def detokenise(pieces: Sequence[str]) -> str:
    """The text of a sentence's pieces, single-spaced. A ``▁`` that stood in the text has become a space.

    Example:
        >>> detokenise(["▁To", "ky", "o", "▁2", "0", "26", "。"])
        'Tokyo 2026。'
    """
    return "".join(pieces).replace(_SPACE, " ").strip()


def load_pieces(model: bytes, place: str) -> Any:
    """SentencePiece's processor for a model.

    Args:
        model: The file's bytes.
        place: What messages call it.

    Raises:
        TextError: It is no SentencePiece model.
    """
    import_package("sentencepiece")
    try:
        processor = importlib.import_module("sentencepiece").SentencePieceProcessor(model_proto=model)
        pieces = processor.get_piece_size()
    except (RuntimeError, OSError) as error:
        pieces, reason = 0, str(error)
    else:
        reason = "no pieces in it"
    if not pieces:
        raise TextError(
            f"{place}: expected a SentencePiece model, found {len(model):,} bytes that are none ({reason})",
            hint="train one with elmo prepare TEXT --tokenizer sentencepiece --out DIR; it is DIR/tokenizer.model",
        )
    return processor
