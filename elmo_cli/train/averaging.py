"""Adam, RMSprop and SGD with momentum, over whole parameters and over the rows of a table that a step reads.

The formulas are torch's own functions, those that ``torch.optim``'s classes call. They run over whole parameters, and
over the touched rows of a table gathered into one small tensor, so no gradient as large as a table exists.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from elmo_cli.config import OptimizerConfig
from elmo_cli.train.gradients import multiply

Averages = list[list[Tensor]]
"""For each average of a rule, one tensor per parameter."""


class Rule(Protocol):
    """One step of an optimizer over some tensors, in place."""

    def __call__(
        self, values: list[Tensor], slopes: list[Tensor], averages: Averages, steps: int, rate: float, /
    ) -> None:
        """``steps`` were done before this one."""


class Averaging:
    """An optimizer that remembers running averages of gradients.

    A row that a step does not read has a gradient of zero. Its averages fade as they would in a dense optimizer, by the
    power of the steps in between, when it is read next: that is exact. The row itself stays where it is meanwhile. So
    rows are exact for RMSprop, for SGD without momentum and for Adam with ``beta1`` 0, whose steps are zero where the
    gradient is; Adam and SGD with momentum would drift on by old gradients, and here do not (lazy updates, as
    TensorFlow's LazyAdam and torch's SparseAdam).

    Args:
        parameters: By name.
        tables: Names of those that are read by rows.
        config: Which optimizer, and its constants.
    """

    def __init__(self, parameters: Mapping[str, Tensor], tables: frozenset[str], config: OptimizerConfig) -> None:
        self.parameters = dict(parameters)
        self._rule, self._fades = _rules(config)
        self.averages = {
            average: {name: torch.zeros_like(value, requires_grad=False) for name, value in self.parameters.items()}
            for average in self._fades
        }
        # The last step that each row's averages know of; averages of zero fade to zero, so -1 is as good as any.
        self._seen = {
            name: torch.full((len(self.parameters[name]),), -1, device=self.parameters[name].device)
            for name in sorted(tables)
        }

    @torch.no_grad()
    def update(self, gradients: Mapping[str, Tensor], rate: float, step: int, factor: Tensor | None = None) -> None:
        """One step on whole parameters.

        Args:
            gradients: By parameter name; parameters without one stay as they are. They may be overwritten.
            rate: The learning rate.
            step: Steps done before this one.
            factor: What the gradients are multiplied by first, without dimensions; None for 1.
        """
        if not gradients:
            return
        multiply(list(gradients.values()), factor)
        averages = [[self.averages[average][name] for name in gradients] for average in self._fades]
        self._rule([self.parameters[name] for name in gradients], list(gradients.values()), averages, step, rate)

    @torch.no_grad()
    def update_rows(
        self, name: str, ids_R: Tensor, gradient: Tensor, rate: float, step: int, factor: Tensor | None = None
    ) -> None:
        """One step on some rows of a table.

        Args:
            ids_R: Which rows, all different.
            gradient: One row each, in the same order; it may be overwritten.
            rate: The learning rate.
            step: Steps done before this one.
            factor: As for :meth:`update`.
        """
        multiply([gradient], factor)
        rows = self.parameters[name][ids_R]
        skipped_R = step - 1 - self._seen[name][ids_R]
        averages = []
        for average, fade in self._fades.items():
            faded_R = torch.pow(fade, skipped_R.double()).to(rows.dtype)
            averages.append([self.averages[average][name][ids_R] * faded_R.view(-1, *[1] * (rows.dim() - 1))])
        self._rule([rows], [gradient], averages, step, rate)
        self.parameters[name][ids_R] = rows
        for average, (values,) in zip(self._fades, averages, strict=True):
            self.averages[average][name][ids_R] = values
        self._seen[name][ids_R] = step

    def tensors(self) -> dict[str, Any]:
        """Everything a checkpoint has to keep."""
        return {"averages": self.averages, "seen": self._seen}

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Takes up where :meth:`tensors` was called."""
        for average, by_name in self.averages.items():
            for name, values in by_name.items():
                values.copy_(tensors["averages"][average][name])
        for name, steps in self._seen.items():
            steps.copy_(tensors["seen"][name])


def _rules(config: OptimizerConfig) -> tuple[Rule, dict[str, float]]:
    """An optimizer's formula, and its averages with the share of each that a step without gradient leaves."""
    if config.name == "rmsprop":
        return partial(_rmsprop, config), {"mean_square": config.smoothing}
    if config.name == "sgd":
        return partial(_sgd, config), {"velocity": config.momentum} if config.momentum else {}
    assert config.name in ("adam", "adamw"), config.name
    return partial(_adam, config), {"mean": config.beta1, "mean_square": config.beta2}


def _adam(
    config: OptimizerConfig, values: list[Tensor], slopes: list[Tensor], averages: Averages, steps: int, rate: float
) -> None:
    means, squares = averages
    adam(
        values,
        slopes,
        means,
        squares,
        [],
        _step_tensors(values, steps),
        foreach=True,
        amsgrad=False,
        beta1=config.beta1,
        beta2=config.beta2,
        lr=rate,
        weight_decay=0.0,
        eps=config.epsilon,
        maximize=False,
    )


def _rmsprop(
    config: OptimizerConfig, values: list[Tensor], slopes: list[Tensor], averages: Averages, steps: int, rate: float
) -> None:
    rmsprop(
        values,
        slopes,
        averages[0],
        [],
        [],
        _step_tensors(values, steps),
        foreach=True,
        lr=rate,
        alpha=config.smoothing,
        eps=config.epsilon,
        weight_decay=0.0,
        momentum=0.0,
        centered=False,
    )


def _sgd(
    config: OptimizerConfig, values: list[Tensor], slopes: list[Tensor], averages: Averages, _steps: int, rate: float
) -> None:
    sgd(
        values,
        slopes,
        list(averages[0]) if averages else [None for _ in values],
        foreach=True,
        weight_decay=0.0,
        momentum=config.momentum,
        lr=rate,
        dampening=0.0,
        nesterov=False,
        maximize=False,
    )


def _step_tensors(values: Sequence[Tensor], steps: int) -> list[Tensor]:
    # On the CPU, one each: torch counts them up in place.
    return [torch.tensor(float(steps)) for _ in values]
