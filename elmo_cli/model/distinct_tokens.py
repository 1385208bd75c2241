"""Token vectors by word type, and which stands where: what an LSTM's first layer reads, each type once."""

from typing import NamedTuple

from torch import Tensor


class DistinctTokens(NamedTuple):
    """What both directions read, as token vectors of U word types and the type at every position."""

    vectors_UD: Tensor
    """Token vectors, float."""
    ids_GN: Tensor
    """Rows of them, whole numbers, packed, each direction in its own reading order."""

    def spread(self) -> Tensor:
        """A token vector for every position, (G, N, D)."""
        return self.vectors_UD[self.ids_GN]
