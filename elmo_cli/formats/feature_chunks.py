"""Chunks of many sentences: layout ``flat``, compressed."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_journal import CHUNK, ROOM, Journal
from elmo_cli.formats.feature_values import Compressor


class ChunkedTokens:
    """Tokens of ``flat`` on their way into chunks that are compressed together.

    A sentence waits until all of its tokens are in chunks that are full; so the index never knows a sentence of which
    something is missing.
    """

    def __init__(self, form: FeatureForm, journal: Journal, packer: Compressor) -> None:
        self._form, self._journal, self._packer = form, journal, packer
        self._rows: list[npt.NDArray] = []
        self._held = 0
        self.waiting: list[tuple[int, int, bytes]] = []
        """Line, tokens and text of sentences that the journal does not have."""

    def recover(self, index: npt.NDArray) -> npt.NDArray:
        """Takes back from the journal what lies in a chunk that is to be filled up; the index as it was before."""
        size, form = self._form.chunk_tokens, self._form
        ends = np.cumsum(index["tokens"])
        total = int(ends[-1]) if len(ends) else 0
        kept = int(np.searchsorted(ends, total // size * size, side="right"))
        chunks = self._journal.read_chunks()
        bounds = [ROOM, *chunks["end"].tolist()]
        number = total // size
        if total % size:
            with (self._journal.folder / "vectors-0").open("rb") as file:
                file.seek(bounds[number])
                content = file.read(bounds[number + 1] - bounds[number])
            shape = (size, *form.row_shape)
            rows = self._packer.expand(content, int(chunks["mask"][number]), shape, form.value_type)
            self._rows, self._held = [rows[: total % size]], total % size
        texts = [text for _, block in self._journal.blocks(index) for text in block][kept:]
        self.waiting = list(zip(index["line"][kept:].tolist(), index["tokens"][kept:].tolist(), texts, strict=True))
        self._journal.step_back(kept, bounds[number])
        return index

    def add(
        self, lines: Sequence[int], lengths: Sequence[int], texts: Sequence[bytes], rows: list[npt.NDArray]
    ) -> None:
        """Takes sentences."""
        self.waiting += zip(lines, lengths, texts, strict=True)
        self._rows += rows
        self._held += sum(map(len, rows))
        self._write(self._held // self._form.chunk_tokens)

    def finish(self) -> None:
        """Writes the last chunk, filled up with zeros."""
        if self._held:
            missing = self._form.chunk_tokens - self._held
            self._rows.append(np.zeros((missing, *self._form.row_shape), self._form.value_type))
            self._held += missing
            self._write(1)
        self._hand_over(len(self.waiting))

    def _write(self, count: int) -> None:
        if not count:
            return
        size = self._form.chunk_tokens
        rows = np.concatenate(self._rows)
        place = self._journal.vectors[0].size
        packed, table = [], np.zeros(count, CHUNK)
        for number in range(count):
            content, mask = self._packer.compress(rows[number * size : (number + 1) * size])
            place += len(content)
            packed.append(content)
            table[number] = place, mask
        self._rows, self._held = [rows[count * size :].copy()], self._held - count * size
        ready, left = len(self.waiting), self._held
        while ready and left > 0:
            ready -= 1
            left -= self.waiting[ready][1]
        self._journal.append_chunks(packed, table)
        self._hand_over(ready)

    def _hand_over(self, count: int) -> None:
        if not count:
            return
        lines, lengths, texts = zip(*self.waiting[:count], strict=True)
        del self.waiting[:count]
        nothing = np.zeros((count, 1), np.int64)
        entries = self._journal.entries(lines, lengths, list(map(len, texts)), nothing, nothing)
        self._journal.append(entries, [[]], b"".join(texts))
