"""A padded batch and its packed form, and back.

A batch of B rows has one column for each token of its longest row and two for the boundaries. Both directions read a
row's columns 0 to n + 1, the forward one from the left and the backward one from the right; packed, as
:mod:`elmo_cli.model.lstm` reads them, nothing is computed for padding.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Packing:
    """Where in the padded batch each packed position comes from and goes to."""

    order_B: Tensor
    """The rows by falling length: packed sequence k is row ``order_B[k]``."""
    batch_sizes: list[int]
    """Sequences still going at each step."""
    places_GN: Tensor
    """Row times columns plus column of what each direction reads at each packed position."""
    rows: int
    """B."""
    columns: int
    """T + 2."""

    @classmethod
    def of(cls, lengths_B: Tensor, columns: int) -> "Packing":
        """The packing of rows that fill their first ``lengths_B`` columns (boundaries counted) of ``columns``."""
        lengths = lengths_B.cpu()
        order_B = torch.argsort(lengths, descending=True, stable=True)
        falling_B = lengths[order_B]
        going_TB = torch.arange(columns)[:, None] < falling_B
        step_N, sequence_N = going_TB.nonzero(as_tuple=True)
        first_N = order_B[sequence_N] * columns
        places_GN = torch.stack([first_N + step_N, first_N + falling_B[sequence_N] - 1 - step_N])
        return cls(
            order_B=order_B.to(lengths_B.device),
            batch_sizes=[size for size in going_TB.sum(1).tolist() if size],
            places_GN=places_GN.to(lengths_B.device),
            rows=len(lengths),
            columns=columns,
        )

    def pack(self, numbers_BT: Tensor) -> Tensor:
        """What each direction reads of a padded batch, (B, T + 2) -> (G, N)."""
        return numbers_BT.flatten()[self.places_GN]

    def unpack(self, outputs_GND: Tensor) -> Tensor:
        """Both directions' outputs side by side where they belong, (G, N, D) -> (B, T + 2, E); padding is zeros."""
        halves = [
            outputs_ND.new_zeros(self.rows * self.columns, outputs_ND.shape[1]).index_copy(0, places_N, outputs_ND)
            for places_N, outputs_ND in zip(self.places_GN, outputs_GND, strict=True)
        ]
        return torch.cat(halves, dim=1).view(self.rows, self.columns, 2 * outputs_GND.shape[2])


def token_mask(ids_BTW: Tensor) -> Tensor:
    """Where there are tokens: some character id above 0. (B, T, W) -> (B, T) bool.

    Raises:
        ValueError: A row has padding before a token. Its length would be misread, and tokens lost without a word, as in
            AllenNLP.
    """
    mask_BT = (ids_BTW > 0).any(dim=-1)
    holes_BT = mask_BT[:, 1:] & ~mask_BT[:, :-1]
    if bool(holes_BT.any()):
        row, column = holes_BT.nonzero()[0].tolist()
        raise ValueError(
            f"row {row}: position {column} is padding (all character ids 0) and a token follows it; "
            "expected padding only after the last token"
        )
    return mask_BT
