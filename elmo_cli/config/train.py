"""One pretraining run."""

from dataclasses import dataclass

from elmo_cli.config.checks import require


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One pretraining run. Learning rate, accumulators, clip and window belong together: see ARCHITECTURE.md, Loss."""

    rows: int = 128
    """B: stretches of the corpus read side by side in every step."""
    window: int = 20
    """T: positions per row and step; gradients stop at its edges, the state goes on."""
    negatives: int = 8192
    """K: classes sampled per step. A vocabulary no larger than this is trained with the full softmax instead."""
    learning_rate: float = 0.2
    """Adagrad's rate."""
    warmup_steps: int = 0
    """Steps over which the rate rises linearly to its value. Adagrad, whose steps shrink by themselves, learned better
    without (benchmarks/README.md)."""
    initial_accumulator: float = 1.0
    """Where Adagrad's sums of squared gradients start."""
    clip_norm: float = 10.0
    """Bound on the global norm of the gradient of (mean loss x window)."""
    dropout: float = 0.1
    """Share of units dropped at every LSTM layer's input and before the softmax."""
    reset_probability: float = 0.1
    """Chance that a sentence starts from zero state in training. 0 is the reference's recipe: starts from zero are
    then unlike anything seen in training, and vectors and perplexities of lone sentences suffer."""
    softmax_bias: str = "unigram"
    """Where the softmax bias starts: ``unigram``, the log frequencies, or ``zero``, the reference's recipe: training
    then starts from a uniform guess over the vocabulary and overshoots before it finds the frequencies."""
    epochs: float | None = None
    """Length of the run in passes over the training text."""
    steps: int | None = None
    """Length of the run in steps; at most one of ``epochs`` and ``steps`` may be set. Neither: 10 epochs."""
    evaluate_every: int | None = None
    """Steps between held-out perplexities; None: ten times over the run."""
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
            (self.learning_rate > 0, f"learning_rate must be above 0, not {self.learning_rate}"),
            (self.warmup_steps >= 0, f"warmup_steps must not be negative: {self.warmup_steps}"),
            (self.initial_accumulator > 0, f"initial_accumulator must be above 0, not {self.initial_accumulator}"),
            (self.clip_norm > 0, f"clip_norm must be above 0, not {self.clip_norm}"),
            (0 <= self.dropout < 1, f"dropout must be from 0 to below 1, not {self.dropout}"),
            (0 <= self.reset_probability <= 1, f"reset_probability must be from 0 to 1, not {self.reset_probability}"),
            (self.softmax_bias in ("unigram", "zero"), f"softmax_bias must be unigram or zero: {self.softmax_bias!r}"),
            (self.epochs is None or self.steps is None, "epochs and steps exclude each other: set one"),
            (self.epochs is None or self.epochs > 0, f"epochs must be above 0, not {self.epochs}"),
            (self.steps is None or self.steps >= 1, f"steps must be at least 1, not {self.steps}"),
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
