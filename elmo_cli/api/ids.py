"""Sentences to the character ids that :class:`~elmo_cli.api.elmo.Elmo` reads."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from elmo_cli.text.characters import character_table

WIDTH = 50
"""W of every published model."""

SHIFT = 1
"""What AllenNLP adds to the ids of the weight files, so that 0 can be the padding of a batch."""


def batch_to_ids(batch: Iterable[Sequence[str]], *, max_characters: int = WIDTH) -> Tensor:
    """Character ids of a batch of tokenised sentences, padded to the longest.

    Ids are AllenNLP's, one above those of the weight files: bytes are 1 to 256, then begin and end of sentence (257,
    258) and of word (259, 260) and the padding inside a word (261). An empty word is a word, with no bytes between its
    marks; the words ``<S>`` and ``</S>`` are the sentence boundaries.

    Args:
        batch: Sentences, each a list of tokens. An empty sentence is a row of padding.
        max_characters: W. 50 but for models whose options say otherwise.

    Shape:
        - n sentences, the longest of T tokens -> ids_BTW, (n, T, W) int64; zeros where a sentence has no more tokens.
          T may be 0, where AllenNLP returns a tensor of two dimensions that its own module refuses.

    Raises:
        ValueError: The batch is one sentence, or text that nobody cut into tokens.

    Example:
        >>> ids = batch_to_ids([["Hi", "."], ["Yes"]])
        >>> ids.shape, ids[1, 1].any().item(), ids[0, 0, :5].tolist()
        (torch.Size([2, 2, 50]), False, [259, 73, 106, 260, 261])
    """
    is_text = isinstance(batch, str)
    batch = list(batch)
    if is_text or any(isinstance(sentence, str) for sentence in batch):
        raise ValueError(
            "batch_to_ids: expected a list of sentences, each a list of tokens, found a string in the place of a list; "
            "write [['One', 'sentence', '.']]"
        )
    lengths_B = np.fromiter(map(len, batch), dtype=np.int64, count=len(batch))
    words = [word for sentence in batch for word in sentence]
    numbers: dict[str, int] = {}
    for word in words:
        numbers.setdefault(word, len(numbers))
    chars_UW = character_table(list(numbers), max_characters).astype(np.int64) + SHIFT
    longest = int(lengths_B.max(initial=0))
    ids_BTW = np.zeros((len(batch), longest, max_characters), dtype=np.int64)
    if words:
        at_N = np.fromiter((numbers[word] for word in words), dtype=np.int64, count=len(words))
        ids_BTW[np.arange(longest) < lengths_B[:, None]] = chars_UW[at_N]
    return torch.from_numpy(ids_BTW)
