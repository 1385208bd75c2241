"""Dropout whose masks belong to the rows of a batch, so that it does not matter who computes which of them."""

import torch
from torch import Tensor

from elmo_cli.seeds import derive_seed

ROWS_AT_ONCE = 8
"""Rows that draw from one generator. One each would cost a GPU hundreds of small kernels a step; on a CPU it makes no
difference."""


class RowDropout:
    """Inverted dropout for some rows of a batch.

    A mask is a function of (seed, number of the call, row). So the rows of a batch may be computed together, in parts
    one after the other, or by several processes: each row loses the same values.

    Args:
        rate: Share of values that become 0.
        seed: Decides the masks.
        begin: Number of the first row in its batch.
        end: One past the last row's.
        rows: B, of the whole batch.
    """

    def __init__(self, rate: float, seed: int, *, begin: int, end: int, rows: int) -> None:
        self.rate, self.seed = rate, seed
        self.begin, self.end, self.rows = begin, end, rows
        self._calls = 0

    def __call__(self, values_GND: Tensor) -> Tensor:
        """Drops values, every call other ones; N is steps x rows, packed step after step."""
        own = self.end - self.begin
        dim = values_GND.shape[-1]
        values_GTBD = values_GND.view(len(values_GND), -1, own, dim)
        first = self.begin // ROWS_AT_ONCE * ROWS_AT_ONCE
        last = min(self.rows, -(-self.end // ROWS_AT_ONCE) * ROWS_AT_ONCE)
        # Rows outermost, so that each draws its numbers in one piece.
        mask_BGTD = values_GND.new_empty(last - first, len(values_GND), values_GTBD.shape[1], dim)
        for begin in range(first, last, ROWS_AT_ONCE):
            generator = torch.Generator(values_GND.device)
            generator.manual_seed(derive_seed(self.seed, self._calls, begin))
            mask_BGTD[begin - first : begin - first + ROWS_AT_ONCE].bernoulli_(1 - self.rate, generator=generator)
        self._calls += 1
        own_BGTD = mask_BGTD[self.begin - first : self.end - first].div_(1 - self.rate)
        return (values_GTBD * own_BGTD.permute(1, 2, 0, 3)).view_as(values_GND)
