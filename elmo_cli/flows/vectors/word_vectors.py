"""Token vectors by word, each word type computed once for an input of any size, in bounded memory."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elmo_cli.device import sent
from elmo_cli.flows.memory import is_out_of_memory
from elmo_cli.flows.models.loaded import LoadedModel
from elmo_cli.flows.models.token_vectors import TABLE_BYTES, TYPES_AT_ONCE, encoded
from elmo_cli.model.precision import products_in
from elmo_cli.text.characters import character_table

BESIDE_BYTES = 250
"""What a word takes beside its vector: its letters, and its places in a dictionary and a list."""
FEWEST_AT_ONCE = 16
"""Word types per pass below which running out of memory is an error."""

Ids = npt.NDArray[np.int64]


class WordVectors:
    """The token encoder's vectors, kept from one call to the next. For inference: no gradient.

    Where the bound is reached, the half that was asked for longest ago is forgotten. A word's last bits depend on the
    words that it is computed with, so these are a function of the calls so far: the new words of a call are computed
    together, in order, :data:`TYPES_AT_ONCE` at a time. :meth:`pass_over` stands for a call whose vectors nobody
    needs, and whatever comes after it is the same, to the bit, as after the call.

    Args:
        model: Whose token encoder to use; its weights must not change while this is in use.
        limit: Bytes that are kept, at most.
    """

    def __init__(self, model: LoadedModel, limit: int = TABLE_BYTES) -> None:
        self.model = model
        self.computed = 0
        """Words that went through the token encoder."""
        self.at_once = TYPES_AT_ONCE
        """Words per pass; fewer once memory ran out."""
        self._width = model.bilm.config.lstm.projection_dim
        item = next(model.bilm.parameters()).element_size()
        self.capacity = max(1, limit // (self._width * item + BESIDE_BYTES))
        """Words that are kept, at most."""
        self._rows: dict[str, int] = {}
        self._words: dict[int, str] = {}
        self._free = iter(range(self.capacity))
        self._freed: list[int] = []
        self._calls = 0
        self._used = np.zeros(self.capacity, np.int64)
        self._pending = np.full(self.capacity, -1, np.int64)
        self._groups: dict[int, tuple[list[str], Ids]] = {}
        self._last_group = 0
        self._table: Tensor | None = None

    @torch.no_grad()
    def __call__(self, words: Sequence[str]) -> Tensor:
        """Vectors (U, D) of distinct words."""
        rows_U, missing = self._look_up(words)
        known = np.flatnonzero(rows_U >= 0)
        self._compute_pending(rows_U[known])
        table = self._make_table()
        vectors_UD = table.new_empty(len(words), self._width)
        device = table.device
        vectors_UD[sent(known, device)] = table[sent(rows_U[known], device)]
        if len(missing):
            new = self._encode([words[place] for place in missing])
            vectors_UD[sent(missing, device)] = new
            self._put(self._admit([words[place] for place in missing]), new)
        return vectors_UD

    def pass_over(self, words: Sequence[str]) -> None:
        """Takes note of a call without computing anything; what is needed of it later is computed then."""
        _, missing = self._look_up(words)
        rows = self._admit([words[place] for place in missing])
        for begin in range(0, len(missing), TYPES_AT_ONCE):
            self._last_group += 1
            group = rows[begin : begin + TYPES_AT_ONCE]
            together = [words[place] for place in missing[begin : begin + TYPES_AT_ONCE]]
            self._groups[self._last_group] = together, group
            self._pending[group[group >= 0]] = self._last_group

    def _look_up(self, words: Sequence[str]) -> tuple[Ids, Ids]:
        """The row of each word, -1 where it has none, and the places of those."""
        self._calls += 1
        rows_U = np.fromiter((self._rows.get(word, -1) for word in words), np.int64, len(words))
        self._used[rows_U[rows_U >= 0]] = self._calls
        return rows_U, np.flatnonzero(rows_U < 0)

    def _admit(self, words: Sequence[str]) -> Ids:
        """Rows for new words, -1 for those beyond the bound."""
        if len(self._rows) + len(words) > self.capacity:
            self._forget(max(0, self.capacity - max(len(words), self.capacity // 2)))
        rows = np.full(len(words), -1, np.int64)
        for place, word in enumerate(words[: self.capacity - len(self._rows)]):
            row = self._freed.pop() if self._freed else next(self._free)
            rows[place] = self._rows[word] = row
            self._words[row] = word
        self._used[rows[rows >= 0]] = self._calls
        return rows

    def _forget(self, kept: int) -> None:
        """Forgets all but so many words, those that were asked for last."""
        rows = np.fromiter(self._words, np.int64, len(self._words))
        order = np.argsort(self._used[rows], kind="stable")
        for row in rows[order[: max(0, len(rows) - kept)]].tolist():
            del self._rows[self._words.pop(row)]
            self._freed.append(row)
            self._pending[row] = -1
        waited_for = set(np.unique(self._pending).tolist())
        self._groups = {number: group for number, group in self._groups.items() if number in waited_for}

    def _compute_pending(self, rows: Ids) -> None:
        for number in np.unique(self._pending[rows]).tolist():
            if number >= 0:
                words, group = self._groups.pop(number)
                wanted = np.flatnonzero((group >= 0) & (self._pending[group] == number))
                self._put(group[wanted], self._encode(words)[sent(wanted, self.model.device)])

    def _put(self, rows: Ids, vectors: Tensor) -> None:
        kept = np.flatnonzero(rows >= 0)
        table = self._make_table()
        table[sent(rows[kept], table.device)] = vectors[sent(kept, table.device)]
        self._pending[rows[kept]] = -1

    def _make_table(self) -> Tensor:
        if self._table is None:
            # Pages of it that were never written take no memory.
            self._table = next(self.model.bilm.parameters()).new_empty(self.capacity, self._width)
        return self._table

    def _encode(self, words: Sequence[str]) -> Tensor:
        self.computed += len(words)
        pieces, done = [], 0
        while done < len(words):
            ids = self._spell(words[done : done + self.at_once])
            try:
                with products_in(self.model.precision):
                    pieces.append(encoded(self.model.bilm, ids, self.model.device))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or self.at_once <= FEWEST_AT_ONCE:
                    raise
                self.at_once //= 2
            else:
                done += self.at_once
        return torch.cat(pieces)

    def _spell(self, words: Sequence[str]) -> Tensor:
        """What the token encoder reads of words: character ids (U, W), vocabulary ids (U, 1), or a model's own rows."""
        model = self.model
        if model.lists is not None:
            return torch.from_numpy(model.lists.table(words).astype(np.int64))
        if model.bilm.config.char_cnn is not None:
            return torch.from_numpy(character_table(words, model.max_characters).astype(np.int64))
        vocabulary = model.input_vocabulary
        ids = (vocabulary.ids.get(word, vocabulary.unknown_id) for word in words)
        return torch.from_numpy(np.fromiter(ids, np.int64, len(words))[:, None])
