"""Dropout whose masks belong to the rows of a batch, so that it does not matter who computes which of them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from elmo_cli.seeds import derive_seed

ROWS_AT_ONCE, MOST_DRAWS = 8, 16
"""Rows that draw from one generator, at least, and draws for a batch. A draw for each row would cost a GPU hundreds of
small kernels a step; on a CPU it makes no difference."""


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
        mask_GTBD = self.mask(values_GND, values_GND.shape)
        return (values_GND.view(mask_GTBD.shape) * mask_GTBD).view_as(values_GND)

    def mask(self, like: Tensor, shape_GND: Sequence[int]) -> Tensor:
        """What the next call would multiply its values by, (G, T, B, D).

        Args:
            like: A tensor on the device and in the type of the values.
            shape_GND: Shape of the values.
        """
        own = self.end - self.begin
        directions, positions, dim = shape_GND
        at_once = max(ROWS_AT_ONCE, math.ceil(self.rows / MOST_DRAWS))
        first = self.begin // at_once * at_once
        last = min(self.rows, -(-self.end // at_once) * at_once)
        # Rows outermost, so that each draws its numbers in one piece.
        mask_BGTD = like.new_empty(last - first, directions, positions // own, dim)
        generator = torch.Generator(like.device)
        for begin in range(first, last, at_once):
            generator.manual_seed(derive_seed(self.seed, self._calls, begin))
            mask_BGTD[begin - first : begin - first + at_once].bernoulli_(1 - self.rate, generator=generator)
        self._calls += 1
        return mask_BGTD[self.begin - first : self.end - first].div_(1 - self.rate).permute(1, 2, 0, 3)
