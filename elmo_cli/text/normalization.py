"""The form that text is brought to before it is cut: Unicode normal form, case, digits, and what nobody can see.

The settings are recorded with a corpus and a model, and every text that the model reads later goes the same way.
"""

import re
import unicodedata
from typing import Literal, cast

from elmo_cli.config import TextConfig

_DIGIT = re.compile(r"\d")

_UNSEEN = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufff9-\ufffb]")
"""Marks of writing direction, invisible operators and joiners of lines, marks of interlinear notes."""

_SEPARATING = re.compile("[\x00-\x1f\x7f-\x9f\u200b\ufeff]")
"""Control characters, and the two invisible spaces."""


class Normaliser:
    """Brings text to the form that the settings name, in two steps, because capitals show where sentences end.

    Finding out that text is in NFC already, as nearly all is, adds nothing that can be measured to cutting English into
    words, and an eighth to Arabic.
    """

    def __init__(self, config: TextConfig) -> None:
        form = config.normal_form
        self._form = None if form == "none" else cast("Literal['NFC', 'NFKC']", form.upper())
        self._lowercase, self._zero_digits = config.lowercase, config.zero_digits
        self.folds = config.lowercase or config.zero_digits
        """Whether :meth:`fold` changes anything."""
        self.idle = self._form is None and not self.folds
        """Whether text stays as it is."""

    def compose(self, text: str) -> str:
        """Text in its Unicode normal form; comes before sentences are sought."""
        form = self._form
        if form is None or text.isascii() or unicodedata.is_normalized(form, text):
            return text
        return unicodedata.normalize(form, text)

    def fold(self, text: str) -> str:
        """Text without the differences that the settings do away with; comes after sentences are found."""
        if self._lowercase:
            text = self.compose(text.lower())  # the small letter of a composed one may be in pieces
        return _DIGIT.sub("0", text) if self._zero_digits else text

    def fold_tokens(self, tokens: list[str]) -> list[str]:
        """The same for each token of a sentence; their number stays."""
        return self.fold(" ".join(tokens)).split() if self.folds else tokens

    def __call__(self, text: str) -> str:
        """Both steps: for text that nobody looks for sentences in any more. Twice gives the same as once.

        Example:
            >>> Normaliser(TextConfig(normalization="nfkc", lowercase=True, zero_digits=True))("ﬁＮ 1９")
            'fin 00'
        """
        return self.fold(self.compose(text))

    def each_token(self, tokens: list[str]) -> list[str]:
        """Tokens in their normal form, as many as before, in text that somebody else has cut.

        Compatibility forms may hold a space (that of U+00A8 is a space and a mark); it is left out, so that no token
        falls in two.
        """
        line = " ".join(tokens)
        if self(line) == line:
            return tokens
        return ["".join(self(token).split()) or token for token in tokens]


def without_unseen(text: str) -> str:
    r"""Text without the marks that no reader sees, above all those of writing direction.

    A word that one stands in stays whole. Joiners (U+200C, U+200D) and soft hyphens stay: they are part of how words
    are spelled.

    Example:
        >>> without_unseen("one\u200ftwo")
        'onetwo'
    """
    return text if text.isascii() else _UNSEEN.sub("", text)


def single_spaced(text: str) -> str:
    r"""Text with one space for each run of whitespace, control characters and invisible spaces, and none at its ends.

    Example:
        >>> single_spaced(" one\u3000 two\x00three\n")
        'one two three'
    """
    return " ".join(_SEPARATING.sub(" ", text).split())
