"""Token vectors from AllenNLP's character ids, and a cache of them for known words."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from elmo_cli.api.ids import SHIFT, batch_to_ids
from elmo_cli.model.char_cnn import CHARACTERS, PADDING, CharCnn

TYPES_AT_ONCE = 1024
"""Word types per pass through the character CNN; bounds its memory where no gradient is kept."""


def encode_types(char_cnn: CharCnn, ids_UW: Tensor) -> Tensor:
    """Vectors of word types.

    Id 0 inside a word is a character whose vector is zeros, as in AllenNLP's table; nothing here makes such words, but
    existing programs may.

    Shape:
        - ids_UW, 0 to 261 -> vectors_UD

    Raises:
        ValueError: An id is outside the table.
    """
    if bool(((ids_UW < 0) | (ids_UW > CHARACTERS)).any()):
        raise ValueError(f"character ids: expected 0 to {CHARACTERS}, found {int(ids_UW.min())} to {int(ids_UW.max())}")
    chars_UW = ids_UW - SHIFT
    padding_UW = chars_UW == PADDING
    if bool((chars_UW < 0).any() | (padding_UW[:, :-1] & ~padding_UW[:, 1:]).any()):
        return _encode_odd(char_cnn, chars_UW)
    return torch.cat([char_cnn(piece) for piece in chars_UW.split(TYPES_AT_ONCE)])


def _encode_odd(char_cnn: CharCnn, chars_UW: Tensor) -> Tensor:
    """Words with ids of no character (-1), or with padding before their end."""
    blank = len(char_cnn.embedding)
    table = torch.cat([char_cnn.embedding, char_cnn.embedding.new_zeros(1, char_cnn.embedding.shape[1])])
    # The last word has no padding, so that the network cuts no column of the others.
    full_1W = chars_UW.new_full((1, chars_UW.shape[1]), blank)
    chars_UW = torch.cat([chars_UW.masked_fill(chars_UW < 0, blank), full_1W])
    return functional_call(char_cnn, {"embedding": table}, (chars_UW,))[:-1]


def encode_tokens(char_cnn: CharCnn, ids_NW: Tensor) -> Tensor:
    """Vectors of tokens, each word type computed once.

    Shape:
        - ids_NW, 0 to 261 -> vectors_ND
    """
    vectors_UD, type_N = encode_distinct(char_cnn, ids_NW)
    return vectors_UD[type_N]


def encode_distinct(char_cnn: CharCnn, ids_NW: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors (U, D) of the word types among tokens, and each token's type (N,)."""
    types_UW, type_N = torch.unique(ids_NW, dim=0, return_inverse=True)
    return encode_types(char_cnn, types_UW), type_N


class WordCache(nn.Module):
    """Vectors of a list of words, computed once.

    A word id says where to look; the spelling there is compared with the token's, and a token whose id is out of range
    or belongs to another word is computed from its characters. So ids can be those of any vocabulary that the list came
    from, with a padding word in front or without, and a wrong id costs time and never a wrong vector.

    Args:
        char_cnn: What computes them. Where its weights change, call :meth:`refresh`.
        words: The list; a word's id is its place.
    """

    ids_VW: Tensor
    vectors_VD: Tensor

    def __init__(self, char_cnn: CharCnn, words: Sequence[str]) -> None:
        super().__init__()
        ids_VW = batch_to_ids([list(words)], max_characters=char_cnn.config.max_characters)[0]
        self.register_buffer("ids_VW", ids_VW.short(), persistent=False)
        self.register_buffer("vectors_VD", torch.empty(0), persistent=False)
        self.refresh(char_cnn)

    @torch.no_grad()
    def refresh(self, char_cnn: CharCnn) -> None:
        """Computes all vectors anew."""
        with torch.autocast(self.ids_VW.device.type, enabled=False):
            self.vectors_VD = encode_types(char_cnn, self.ids_VW.long())

    def forward(self, char_cnn: CharCnn, ids_NW: Tensor, words_N: Tensor) -> Tensor:
        """Vectors of tokens by their word ids, or by their characters where the cache does not have them.

        Shape:
            - ids_NW, words_N -> vectors_ND
        """
        inside_N = (words_N >= 0) & (words_N < len(self.ids_VW))
        at_N = words_N.masked_fill(~inside_N, 0)
        if len(self.ids_VW) == 0:
            return encode_tokens(char_cnn, ids_NW)
        known_N = inside_N & (self.ids_VW[at_N] == ids_NW).all(dim=1)
        vectors_ND = self.vectors_VD[at_N]
        if not bool(known_N.all()):
            vectors_ND[~known_N] = encode_tokens(char_cnn, ids_NW[~known_N])
        return vectors_ND
