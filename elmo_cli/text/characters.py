"""The character table: how ELMo spells a word, as bytes between marks (reference/bilm-tf.md, 1.3).

Ids here are the ones of training and of weight files, 0 to 260. The published inference code shifts them by one, which
only the model's own boundary deals with.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from elmo_cli.text.vocabulary import BEGIN, END

BEGIN_SENTENCE = 256
END_SENTENCE = 257
BEGIN_WORD = 258
END_WORD = 259
PADDING = 260
CHARACTERS = 261
"""How many character ids there are: 256 bytes and the five above."""


def character_table(words: Sequence[str], max_characters: int) -> npt.NDArray[np.uint16]:
    """Each word's character ids: begin of word, the bytes of its UTF-8 spelling, end of word, padding.

    A spelling is cut to W - 2 bytes, which may cut a character; lone surrogates are dropped. The words ``<S>`` and
    ``</S>`` have a single character of their own instead of a spelling.

    Args:
        words: U words.
        max_characters: W.

    Returns:
        chars_UW, the ids.

    Example:
        >>> character_table(["th", "thhhhh", "<S>"], 5).tolist()
        [[258, 116, 104, 259, 260], [258, 116, 104, 104, 259], [258, 256, 259, 260, 260]]
    """
    spellings = [_spell(word) for word in words]
    bytes_N = np.frombuffer(b"".join(spellings), dtype=np.uint8)
    lengths_U = np.fromiter(map(len, spellings), dtype=np.int64, count=len(spellings))
    begins_U = np.cumsum(lengths_U) - lengths_U
    seen_U = np.minimum(lengths_U, max_characters - 2)

    chars_UW = np.full((len(words), max_characters), PADDING, dtype=np.uint16)
    rows = np.repeat(np.arange(len(words)), seen_U)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(seen_U) - seen_U, seen_U)
    chars_UW[:, 0] = BEGIN_WORD
    chars_UW[rows, offsets + 1] = bytes_N[begins_U[rows] + offsets]
    chars_UW[np.arange(len(words)), seen_U + 1] = END_WORD
    for special, character in ((BEGIN, BEGIN_SENTENCE), (END, END_SENTENCE)):
        chars_UW[[row for row, word in enumerate(words) if word == special]] = _special_row(character, max_characters)
    return chars_UW


def _spell(word: str) -> bytes:
    return word.encode(errors="ignore")


def _special_row(character: int, max_characters: int) -> npt.NDArray[np.uint16]:
    row_W = np.full(max_characters, PADDING, dtype=np.uint16)
    row_W[:3] = BEGIN_WORD, character, END_WORD
    return row_W
