"""The optimizer that a run's settings name."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from elmo_cli.config import TrainConfig
from elmo_cli.train.adagrad import Adagrad
from elmo_cli.train.averaging import Averaging


class Optimizer(Protocol):
    """Changes parameters in place, whole ones and rows of tables."""

    def update(self, gradients: Mapping[str, Tensor], rate: float, step: int, factor: Tensor | None = None, /) -> None:
        """One step on whole parameters, ``step`` steps after the first; gradients are multiplied by the factor."""

    def update_rows(
        self,
        name: str,
        ids_R: Tensor,
        gradient: Tensor,
        rate: float,
        step: int,
        factor: Tensor | None = None,
        /,
    ) -> None:
        """One step on some rows of a table."""

    def tensors(self) -> dict[str, Any]:
        """Everything a checkpoint has to keep."""

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Takes up where :meth:`tensors` was called."""


def make_optimizer(parameters: Mapping[str, Tensor], tables: frozenset[str], config: TrainConfig) -> Optimizer:
    """The optimizer of the settings, before its first step.

    Args:
        parameters: By name.
        tables: Names of those that are read by rows.
    """
    if config.optimizer.name == "adagrad":
        return Adagrad(parameters, initial_accumulator=config.initial_accumulator)
    return Averaging(parameters, tables, config.optimizer)
