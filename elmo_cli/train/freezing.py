"""Which parameters stay as they are, for good or for the first steps of a run."""

from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor

from elmo_cli.config import TrainConfig
from elmo_cli.config.layers import SOFTMAX, TOKEN_ENCODER, named_layers
from elmo_cli.errors import ConfigError


class Freezing:
    """What rests: layers frozen by name, and in the first ``freeze_steps`` steps everything but the softmax.

    A resting parameter has no gradient, takes no part in the clip, and no penalty pulls at it, so none of its bits
    changes. One that is frozen for good has no averages in the optimizer either. One that is thawed counts its steps
    from there, as if the optimizer had only then begun.

    Args:
        parameters: By name. A table that is token encoder and softmax in one belongs to both layers.
        shared: The name of that table, where there is one.
        lstm_layers: Of each direction.
        config: ``freeze`` and ``freeze_steps``.

    Raises:
        ConfigError: Nothing would be left to train.
    """

    def __init__(
        self, parameters: Mapping[str, Tensor], shared: str | None, lstm_layers: int, config: TrainConfig
    ) -> None:
        chosen = named_layers(config.freeze, lstm_layers)
        layers = {name: _layers_of(name) | ({SOFTMAX} if name == shared else set()) for name in parameters}
        self.frozen = frozenset(name for name, of in layers.items() if of & chosen)
        """Names of those that never change."""
        self._waiting = frozenset(name for name, of in layers.items() if SOFTMAX not in of) - self.frozen
        self._steps = config.freeze_steps
        for left, setting in (
            (parameters.keys() - self.frozen, "freeze"),
            (parameters.keys() - self.frozen - self._waiting if self._steps else parameters, "freeze_steps"),
        ):
            if not left:
                raise ConfigError(
                    f"train.{setting}: nothing is left to train with {config.freeze} frozen",
                    hint="leave a layer away from --freeze"
                    + (", or set train.freeze_steps to 0" if self._steps else ""),
                )

    def trained(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those that change at some time."""
        return {name: value for name, value in parameters.items() if name not in self.frozen}

    def resting(self, step: int) -> frozenset[str]:
        """Names of those that do not change in a step, which is counted from 0."""
        return self.frozen | self._waiting if step < self._steps else self.frozen

    def steps_done(self, name: str, step: int) -> int:
        """Of the steps before one, those in which a parameter changed."""
        return step - self._steps if name in self._waiting else step

    def by_steps_done(self, gradients: Mapping[str, Tensor], step: int) -> Iterator[tuple[dict[str, Tensor], int]]:
        """Gradients in groups whose parameters have changed equally often."""
        for done in sorted({self.steps_done(name, step) for name in gradients}):
            yield {name: value for name, value in gradients.items() if self.steps_done(name, step) == done}, done


def mark(parameters: Mapping[str, Tensor], resting: Iterable[str]) -> None:
    """Tells autograd which parameters rest, so that nothing is computed for what lies below all others."""
    names = set(resting)
    for name, value in parameters.items():
        value.requires_grad_(name not in names)


def _layers_of(name: str) -> set[str]:
    """The layer of a parameter, by its name in the trainer: ``bilm.layers.0.bias_G4`` is of ``lstm.1``."""
    part, inner, *rest = name.split(".")
    if part == SOFTMAX:
        return {SOFTMAX}
    return {TOKEN_ENCODER} if inner == TOKEN_ENCODER else {f"lstm.{int(rest[0]) + 1}"}
