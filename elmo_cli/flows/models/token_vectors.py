"""Token vectors by lexicon id, each word type computed once."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elmo_cli.device import sent
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.char_cnn import CharCnn
from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.text.store import EncodedText

TABLE_BYTES = 512 * 2**20
"""Bound on the vectors that are kept. A text with more word types than fit has them computed anew for every batch."""

TYPES_AT_ONCE = 1024
"""Word types per pass through the token encoder; bounds its memory."""


class TokenVectors:
    """The token encoder's vectors for a text, filled in as they are asked for. For inference: no gradient.

    Args:
        bilm: Whose token encoder to use; its weights must not change while this is in use.
        text: Whose lexicon the ids belong to.
    """

    def __init__(self, bilm: BiLM, text: EncodedText) -> None:
        self.bilm = bilm
        self.text = text
        weight = next(bilm.parameters())
        self.device = weight.device
        width = bilm.config.lstm.projection_dim
        self._table: Tensor | None = None
        if text.num_types * width * weight.element_size() <= TABLE_BYTES:
            self._table = weight.new_empty(text.num_types, width)
            self._known = np.zeros(text.num_types, dtype=np.bool_)

    @torch.no_grad()
    def __call__(self, ids: npt.NDArray[np.int64]) -> Tensor:
        """Vectors (..., D) of lexicon ids of any shape."""
        return self.distinct(ids).spread()

    @torch.no_grad()
    def distinct(self, ids: npt.NDArray[np.int64]) -> DistinctTokens:
        """The same by type, for lexicon ids (G, N) of what both directions read."""
        types, places = np.unique(ids, return_inverse=True)
        if self._table is None:
            return DistinctTokens(self._encode(types), sent(places.reshape(ids.shape), self.device))
        missing = types[~self._known[types]]
        if len(missing):
            self._table[sent(missing, self.device)] = self._encode(missing)
            self._known[missing] = True
        return DistinctTokens(self._table, sent(ids, self.device))

    def _encode(self, types: npt.NDArray[np.int64]) -> Tensor:
        pieces = [
            encoded(self.bilm, spellings(self.text, piece, self.bilm), self.device)
            for piece in np.split(types, range(TYPES_AT_ONCE, len(types), TYPES_AT_ONCE))
        ]
        return torch.cat(pieces)


def encoded(bilm: BiLM, inputs_UX: Tensor, device: torch.device) -> Tensor:
    """The token encoder's vectors (U, D) on a device, of what lies on the host."""
    encoder = bilm.token_encoder
    if isinstance(encoder, CharCnn):
        # Trimmed here on the host, which would otherwise have to wait for a GPU.
        return encoder(sent(encoder.trim(inputs_UX), device), trimmed=True)
    return encoder(sent(inputs_UX, device))


def spellings(text: EncodedText, types_U: npt.NDArray[np.int64], bilm: BiLM) -> Tensor:
    """What a model's token encoder reads for some word types: character ids (U, W), or vocabulary ids (U, 1).

    For a model with lists of its own it is whatever rows they give.
    """
    if bilm.config.char_cnn is not None or bilm.config.own_lists is not None:
        return torch.from_numpy(text.chars_UW[types_U].astype(np.int64))
    known = np.where(types_U < len(text.vocabulary), types_U, text.vocabulary.unknown_id)
    return torch.from_numpy(known[:, None].astype(np.int64))
