"""How gradients become steps."""

from dataclasses import dataclass

from elmo_cli.config.checks import require

RATES = {"adagrad": 0.2, "adamw": 0.002, "adam": 0.002, "sgd": 0.05, "rmsprop": 0.001}
"""Optimizers by name, with the learning rate of each where none is set (benchmarks/README.md, Optimizers)."""

USUAL_DECAY = {"adamw": 0.01}
"""Weight decay where none is set; 0 for the others."""


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How gradients become steps. Penalties act on matrices and tables; biases have none."""

    name: str = "adagrad"
    """``adagrad``, ``adamw``, ``adam``, ``sgd`` (with momentum) or ``rmsprop``. The rate is ``train.learning_rate``."""
    beta1: float = 0.9
    """Share of Adam's mean gradient that stays at every step."""
    beta2: float = 0.999
    """Share of Adam's mean squared gradient that stays at every step."""
    smoothing: float = 0.99
    """Share of RMSprop's mean squared gradient that stays at every step."""
    momentum: float = 0.9
    """Share of SGD's velocity that stays at every step; 0 for none."""
    epsilon: float = 1e-8
    """What Adam and RMSprop add to the square root they divide by. Adagrad has ``train.initial_accumulator``."""
    weight_decay: float | None = None
    """Share of a weight that one step at rate 1 takes away, beside the gradient (Loshchilov and Hutter, 2019). None:
    0.01 for adamw, 0 for the others. Exact for rows of the softmax that a step does not read, too."""
    l1: float = 0.0
    """By how much one step at rate 1 brings a weight nearer to 0, where it then stays: soft thresholding, whose sums
    are exact for rows that a step does not read."""
    l2: float = 0.0
    """Multiple of a weight that is added to its clipped gradient, so that averages of gradients see it. Only with the
    full softmax; ``weight_decay`` is the alternative."""

    def __post_init__(self) -> None:
        decay = 0.0 if self.weight_decay is None else self.weight_decay
        require(
            "train.optimizer",
            (self.name in RATES, f"name must be one of {', '.join(RATES)}: {self.name!r}"),
            (0 <= self.beta1 < 1, f"beta1 must be from 0 to below 1, not {self.beta1}"),
            (0 < self.beta2 < 1, f"beta2 must be above 0 and below 1, not {self.beta2}"),
            (0 < self.smoothing < 1, f"smoothing must be above 0 and below 1, not {self.smoothing}"),
            (0 <= self.momentum < 1, f"momentum must be from 0 to below 1, not {self.momentum}"),
            (self.epsilon > 0, f"epsilon must be above 0, not {self.epsilon}"),
            (decay >= 0, f"weight_decay must not be negative: {decay}"),
            (self.l1 >= 0, f"l1 must not be negative: {self.l1}"),
            (self.l2 >= 0, f"l2 must not be negative: {self.l2}"),
        )

    @property
    def usual_rate(self) -> float:
        """The learning rate where none is set."""
        return RATES[self.name]

    @property
    def decay(self) -> float:
        """``weight_decay``, or what is usual for the optimizer."""
        return USUAL_DECAY.get(self.name, 0.0) if self.weight_decay is None else self.weight_decay
