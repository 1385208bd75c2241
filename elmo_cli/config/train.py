"""One pretraining run."""

from dataclasses import dataclass, field, replace

from elmo_cli.config.checks import require
from elmo_cli.config.optimizer import OptimizerConfig
from elmo_cli.config.precision import PRECISIONS
from elmo_cli.config.schedule import ScheduleConfig

LENGTHS = ("epochs", "steps", "words", "hours")
"""Settings that say how long a run is, of which one may be set."""

SOFTMAX_STARTS = ("tokens", "mean", "zero", "random")
"""Where the softmax begins for words that a model which is continued has no class for."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One pretraining run. Learning rate, accumulators, clip and window belong together: see ARCHITECTURE.md, Loss."""

    rows: int = 128
    """B: stretches of the corpus read side by side in every step."""
    window: int = 20
    """T: positions per row and step; gradients stop at its edges, the state goes on."""
    negatives: int = 8192
    """K: classes sampled per step. A vocabulary no larger than this is trained with the full softmax instead."""
    accumulate: int = 1
    """Parts that a step's rows are computed in, one after the other, their gradients summed: the same step in a part of
    the memory."""
    learning_rate: float | None = None
    """Rate after the warm-up and before the schedule lowers it. None: the optimizer's usual one, 0.2 for adagrad."""
    warmup_steps: int = 0
    """Steps over which the rate rises linearly to its value. Adagrad, whose steps shrink by themselves, learned better
    without (benchmarks/README.md)."""
    initial_accumulator: float = 1.0
    """Where Adagrad's sums of squared gradients start."""
    clip_norm: float | None = 10.0
    """Bound on the global norm of the gradient of (mean loss x window); None for no bound."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """How gradients become steps."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """How the rate moves."""
    dropout: float = 0.1
    """Share of units dropped at every LSTM layer's input and before the softmax."""
    recurrent_dropout: float = 0.0
    """Share of units dropped where an LSTM reads its own last output, the same units at all steps of a window
    (variational dropout, Gal and Ghahramani, 2016)."""
    reset_probability: float = 0.1
    """Chance that a sentence starts from zero state in training. 0 is the reference's recipe: starts from zero are
    then unlike anything seen in training, and vectors and perplexities of lone sentences suffer."""
    softmax_bias: str = "unigram"
    """Where the softmax bias starts: ``unigram``, the log frequencies, or ``zero``, the reference's recipe: training
    then starts from a uniform guess over the vocabulary and overshoots before it finds the frequencies."""
    softmax_start: str = "tokens"
    """Where classes begin that an ``--init-from`` model has no weights for: ``tokens``, told from their words' spelling
    by what the other classes' weights have to do with theirs; ``mean``, at the mean of the others; ``zero``; or
    ``random``, as in a run from scratch."""
    freeze: str | None = None
    """Layers that stay as they are, with commas between them: token_encoder, lstm.1, lstm.2 (lstm: all of them),
    softmax."""
    freeze_steps: int = 0
    """Steps at the beginning in which everything but the softmax stays as it is."""
    precision: str = "fp32"
    """Of matrix products: ``fp32``, ``bf16`` or, on GPUs, ``tf32``. Weights, cells, state, sums and the optimizer stay
    float32, and held-out perplexity is measured in fp32."""
    epochs: float | None = None
    """Length of the run in passes over the training text."""
    steps: int | None = None
    """Length of the run in steps; at most one of ``epochs``, ``steps``, ``words`` and ``hours`` may be set. None of
    them: 10 epochs."""
    words: int | None = None
    """Length of the run in words read, repetitions included; sentence ends are no words."""
    hours: float | None = None
    """Length of the run in hours of training, evaluations and checkpoints, over all calls that it is resumed in."""
    evaluate_every: int | None = None
    """Steps between held-out perplexities; None: ten times over the run."""
    patience: int | None = None
    """Held-out perplexities in a row without a new best after which the run ends early; None: it never does."""
    on_non_finite: str = "stop"
    """What to do when the loss is no longer a number: ``stop``, or ``back_off``: go back to the last good checkpoint
    and on from there at half the rate."""
    back_offs: int = 3
    """How often a run backs off before it stops after all."""
    checkpoint_every: int | None = None
    """Steps between checkpoints; None: at every held-out perplexity."""
    keep: int = 2
    """How many of the newest checkpoints stay on disk; the best one stays besides."""
    held_out: float | None = None
    """Share of the sentences held out for validation when no validation text is given. None: 2 %, and more of a small
    text, so that about 5,000 words are held out; at most 10 %."""
    seed: int = 1
    """Decides initial weights, shuffles, dropout and negatives."""

    def __post_init__(self) -> None:
        require(
            "train",
            (self.rows >= 1, f"rows must be at least 1, not {self.rows}"),
            (self.window >= 1, f"window must be at least 1, not {self.window}"),
            (self.negatives >= 1, f"negatives must be at least 1, not {self.negatives}"),
            (
                1 <= self.accumulate <= max(1, self.rows),
                f"accumulate must be from 1 to rows ({self.rows}): {self.accumulate}",
            ),
            (
                self.learning_rate is None or self.learning_rate > 0,
                f"learning_rate must be above 0, not {self.learning_rate}",
            ),
            (self.warmup_steps >= 0, f"warmup_steps must not be negative: {self.warmup_steps}"),
            (self.initial_accumulator > 0, f"initial_accumulator must be above 0, not {self.initial_accumulator}"),
            (
                self.clip_norm is None or self.clip_norm > 0,
                f"clip_norm must be above 0 or null, not {self.clip_norm}",
            ),
            (0 <= self.dropout < 1, f"dropout must be from 0 to below 1, not {self.dropout}"),
            (
                0 <= self.recurrent_dropout < 1,
                f"recurrent_dropout must be from 0 to below 1, not {self.recurrent_dropout}",
            ),
            (
                self.hours is None or not self.schedule.needs_length,
                f"schedule.name {self.schedule.name} has to know where it ends, which hours do not tell: "
                "set schedule.end to a step, or take schedule.name inverse_sqrt, step or plateau",
            ),
            (
                self.hours is None or self.schedule.name != "plateau" or self.evaluate_every is not None,
                "schedule.name plateau counts evaluations, which a run by hours has by the clock: set evaluate_every",
            ),
            (
                self.rate * self.optimizer.decay < 1,
                f"learning_rate x optimizer.weight_decay must be below 1: {self.rate:g} x {self.optimizer.decay:g}",
            ),
            (0 <= self.reset_probability <= 1, f"reset_probability must be from 0 to 1, not {self.reset_probability}"),
            (self.softmax_bias in ("unigram", "zero"), f"softmax_bias must be unigram or zero: {self.softmax_bias!r}"),
            (
                self.softmax_start in SOFTMAX_STARTS,
                f"softmax_start must be {', '.join(SOFTMAX_STARTS[:-1])} or {SOFTMAX_STARTS[-1]}: "
                f"{self.softmax_start!r}",
            ),
            (self.freeze_steps >= 0, f"freeze_steps must not be negative: {self.freeze_steps}"),
            (self.precision in PRECISIONS, f"precision must be {', '.join(PRECISIONS)}, not {self.precision!r}"),
            (
                sum(getattr(self, name) is not None for name in LENGTHS) <= 1,
                f"{', '.join(LENGTHS[:-1])} and {LENGTHS[-1]} exclude each other: set one",
            ),
            (self.epochs is None or self.epochs > 0, f"epochs must be above 0, not {self.epochs}"),
            (self.steps is None or self.steps >= 1, f"steps must be at least 1, not {self.steps}"),
            (self.words is None or self.words >= 1, f"words must be at least 1, not {self.words}"),
            (self.hours is None or self.hours > 0, f"hours must be above 0, not {self.hours}"),
            (self.patience is None or self.patience >= 1, f"patience must be at least 1, not {self.patience}"),
            (
                self.on_non_finite in ("stop", "back_off"),
                f"on_non_finite must be stop or back_off: {self.on_non_finite!r}",
            ),
            (self.back_offs >= 1, f"back_offs must be at least 1, not {self.back_offs}"),
            (
                self.evaluate_every is None or self.evaluate_every >= 1,
                f"evaluate_every must be at least 1, not {self.evaluate_every}",
            ),
            (
                self.checkpoint_every is None or self.checkpoint_every >= 1,
                f"checkpoint_every must be at least 1, not {self.checkpoint_every}",
            ),
            (self.keep >= 1, f"keep must be at least 1, not {self.keep}"),
            (
                self.held_out is None or 0 < self.held_out < 0.5,
                f"held_out must be a share above 0 and below 0.5, not {self.held_out}",
            ),
            (0 <= self.seed < 2**63, f"seed must be from 0 to 2^63 - 1, not {self.seed}"),
        )

    @property
    def rate(self) -> float:
        """``learning_rate``, or what is usual for the optimizer."""
        return self.optimizer.usual_rate if self.learning_rate is None else self.learning_rate

    def settled(self) -> "TrainConfig":
        """The same settings with nothing of the optimizer left open, as they are recorded."""
        optimizer = replace(self.optimizer, weight_decay=self.optimizer.decay)
        return replace(self, learning_rate=self.rate, optimizer=optimizer)

    @property
    def fixed_by_schedule(self) -> tuple[str, ...]:
        """Settings of length and evaluations that decide what the schedule's rates are."""
        if self.schedule.needs_length:
            return LENGTHS
        if self.schedule.name == "plateau":
            return ("evaluate_every",) if self.evaluate_every is not None else (*LENGTHS, "evaluate_every")
        return ()
