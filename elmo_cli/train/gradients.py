"""What a step differentiates by, whole parameters and single rows of large tables; and the clip."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RowGradient:
    """The gradient of some rows of a table; all others have none."""

    ids_R: Tensor
    """Which rows, all different."""
    values: Tensor
    """One row each, in the same order."""


class Touched:
    """Collects the rows that a step reads, so that no gradient as large as a table ever exists.

    Args:
        parameters: By name.
        tables: Names of those that are read by rows.
    """

    def __init__(self, parameters: Mapping[str, Tensor], tables: frozenset[str]) -> None:
        self._parameters = parameters
        self._whole = {name: value for name, value in parameters.items() if name not in tables}
        self._reads: list[tuple[str, Tensor, Tensor]] = []

    def rows(self, name: str, ids_R: Tensor) -> Tensor:
        """Rows of a table, to compute with; their gradient will be theirs alone.

        Args:
            name: The table.
            ids_R: Which rows, all different.
        """
        leaf = self._parameters[name].detach()[ids_R].requires_grad_()
        self._reads.append((name, ids_R, leaf))
        return leaf

    def gradients(self, loss: Tensor) -> tuple[dict[str, Tensor], dict[str, RowGradient]]:
        """Gradients of a loss: of whole parameters, and of the rows that were read, each row once."""
        leaves = [*self._whole.values(), *(leaf for _, _, leaf in self._reads)]
        gradients = torch.autograd.grad(loss, leaves)
        whole = dict(zip(self._whole, gradients, strict=False))
        rows: dict[str, RowGradient] = {}
        for (name, ids_R, _), values in zip(self._reads, gradients[len(whole) :], strict=True):
            new = RowGradient(ids_R, values)
            rows[name] = _sum(rows[name], new) if name in rows else new
        return whole, rows


class Sums:
    """Adds up the gradients of a step's parts, holding those of two parts at most."""

    def __init__(self) -> None:
        self.whole: dict[str, Tensor] = {}
        self.rows: dict[str, RowGradient] = {}

    def add(self, whole: dict[str, Tensor], rows: dict[str, RowGradient]) -> None:
        """Takes in what :meth:`Touched.gradients` gave; the first part's tensors become the sums."""
        if not self.whole and not self.rows:
            self.whole, self.rows = whole, rows
            return
        for name, values in whole.items():
            self.whole[name].add_(values)
        self.rows = {name: _sum(self.rows[name], values) for name, values in rows.items()}


@torch.no_grad()
def clip_factor(gradients: list[Tensor], limit: float | None) -> tuple[Tensor, Tensor | None]:
    """What all gradients are multiplied by so that their joint 2-norm is at most ``limit``.

    Returns:
        The norm, and the factor, tensors without dimensions. The factor is None where it is known to be 1.
    """
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    if limit is None or (norm.device.type == "cpu" and norm <= limit):  # elsewhere a look at the norm would wait for it
        return norm, None
    return norm, torch.clamp(limit / norm, max=1.0)


@torch.no_grad()
def multiply(gradients: list[Tensor], factor: Tensor | None) -> None:
    """Multiplies gradients in place; None is 1."""
    if factor is not None and gradients:
        torch._foreach_mul_(gradients, factor)


def _sum(one: RowGradient, other: RowGradient) -> RowGradient:
    ids, places = torch.unique(torch.cat([one.ids_R, other.ids_R]), return_inverse=True)
    values = one.values.new_zeros(len(ids), *one.values.shape[1:])
    return RowGradient(ids, values.index_add_(0, places, torch.cat([one.values, other.values])))
