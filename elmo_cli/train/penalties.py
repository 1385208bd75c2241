"""Weight decay, L1 and L2: what pulls weights to zero beside the gradient, also in rows that a step does not read."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softshrink

from elmo_cli.config import OptimizerConfig
from elmo_cli.errors import ConfigError


class Penalties:
    """Pulls matrices and tables, never biases, towards zero.

    A step at rate r does, to every weight v and in this order::

        g += l2 * v                     # into the clipped gradient
        v *= 1 - r * weight_decay       # Loshchilov and Hutter (2019)
        v -= the optimizer's step
        v = sign(v) max(|v| - r * l1, 0)  # Duchi and Singer (2009)

    In a row of a table that steps do not read, only decay or only thresholds follow one another, and their product or
    sum is known from the rates. So each row keeps the sum it has paid; what it owes is paid before it is read. That is
    exact for either alone; both mixed, and L2, whose effect passes through the optimizer's averages, are refused where
    tables are read by rows.

    Args:
        parameters: By name.
        tables: Names of those that are read by rows.
        config: How strong each is.

    Raises:
        ConfigError: What is asked for is not defined for rows.
    """

    def __init__(self, parameters: Mapping[str, Tensor], tables: frozenset[str], config: OptimizerConfig) -> None:
        self._parameters = dict(parameters)
        self._decay, self._l1, self._l2 = config.decay, config.l1, config.l2
        by_rows = sorted(name for name in tables if _is_penalised(name))
        if by_rows:
            _refuse_undefined(config, by_rows)
        self._due = 0.0
        """Sum over all steps of log(1 - r * weight_decay), or of r * l1: what a row owes since the beginning."""
        self._paid = {
            name: torch.zeros(len(parameters[name]), dtype=torch.float64, device=parameters[name].device)
            for name in by_rows
            if self._decay or self._l1
        }

    @property
    def owing(self) -> frozenset[str]:
        """Names of tables whose unread rows lie behind."""
        return frozenset(self._paid)

    @property
    def reads_gradients(self) -> bool:
        """Whether :meth:`before` has to be given gradients as they are after the clip."""
        return bool(self._l2)

    @torch.no_grad()
    def pay(self, name: str, ids_R: Tensor) -> None:
        """Brings rows up to the last step, before they are read.

        Args:
            name: Any parameter; where it has no rows that lie behind, nothing is done.
            ids_R: Which rows, all different.
        """
        if name not in self._paid:
            return
        owed_R = (self._due - self._paid[name][ids_R]).unsqueeze(1)
        rows = self._parameters[name][ids_R]
        if self._decay:
            rows = rows * owed_R.exp().to(rows.dtype)
        else:
            rows = rows.sign() * (rows.abs() - owed_R.to(rows.dtype)).clamp(min=0)
        self._parameters[name][ids_R] = rows
        self._paid[name][ids_R] = self._due

    @torch.no_grad()
    def before(self, gradients: Mapping[str, Tensor], rows: Mapping[str, Tensor], rate: float) -> None:
        """What comes before the optimizer's step.

        Args:
            gradients: Of whole parameters; L2 is added to them, so they must have been clipped before.
            rows: Which rows the step has read, by table.
            rate: The learning rate.
        """
        if self._l2:
            for name in filter(_is_penalised, gradients):
                gradients[name].add_(self._parameters[name], alpha=self._l2)
        if self._decay:
            for name in filter(_is_penalised, gradients):
                self._parameters[name].mul_(1 - rate * self._decay)
            self._change_rows(rows, lambda values: values * (1 - rate * self._decay))

    @torch.no_grad()
    def after(self, gradients: Iterable[str], rows: Mapping[str, Tensor], rate: float) -> None:
        """What comes after the optimizer's step; the arguments are those of :meth:`before`."""
        if self._l1:
            for name in filter(_is_penalised, gradients):
                self._parameters[name].copy_(softshrink(self._parameters[name], rate * self._l1))
            self._change_rows(rows, lambda values: softshrink(values, rate * self._l1))
        if self._paid:
            self._due += math.log1p(-rate * self._decay) if self._decay else rate * self._l1
            for name in self._paid.keys() & rows.keys():
                self._paid[name][rows[name]] = self._due

    def forgive(self, names: Iterable[str]) -> None:
        """Lets tables owe nothing for the steps so far: they were frozen."""
        for name in self._paid.keys() & set(names):
            self._paid[name].fill_(self._due)

    def tensors(self) -> dict[str, Any]:
        """Everything a checkpoint has to keep; nothing, where nothing is owed."""
        return {"penalties": {"due": self._due, "paid": self._paid}} if self._paid else {}

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Takes up where :meth:`tensors` was called."""
        if self._paid:
            self._due = tensors["penalties"]["due"]
            for name, paid_V in self._paid.items():
                paid_V.copy_(tensors["penalties"]["paid"][name])

    def _change_rows(self, rows: Mapping[str, Tensor], change: Any) -> None:
        for name in filter(_is_penalised, rows):
            self._parameters[name][rows[name]] = change(self._parameters[name][rows[name]])


def _is_penalised(name: str) -> bool:
    return "bias" not in name


def _refuse_undefined(config: OptimizerConfig, tables: list[str]) -> None:
    where = f"where steps read only some rows of {' and '.join(tables)} (sampled softmax)"
    full = "or train with the full softmax: train.negatives no smaller than the vocabulary"
    if config.l2:
        raise ConfigError(
            f"train.optimizer.l2: not defined {where}: rows that are not read have no gradient to add it to",
            hint=f"set train.optimizer.weight_decay instead, which is exact for such rows; {full}",
        )
    if config.l1 and config.decay:
        raise ConfigError(
            f"train.optimizer.l1 and weight_decay: not defined together {where}",
            hint=f"set one of them to 0; {full}",
        )
