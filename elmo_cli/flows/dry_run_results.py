"""What a training run will take, measured and counted before it begins."""

from dataclasses import dataclass

from elmo_cli.flows.reports import Result


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate(Result):
    """Bytes that a run has in memory: on the device, and without one in the process."""

    parameters: int
    optimizer: int
    """What the optimizer remembers of each parameter."""
    gradients: int
    """Of all whole parameters, and of as many rows of tables as a step reads at most."""
    logits: int
    """Of a step's predictions; the softmax's gradient holds them once more."""
    state: int
    """The LSTM state that rows carry from step to step."""
    step: int
    """Measured: the most that steps had at once beside parameters and optimizer; gradients and logits are in it."""
    evaluation: int
    """Measured: the most that the held-out evaluation had at once beside parameters and optimizer."""
    text: int
    """The corpus stores, mapped into memory, and an epoch's order; none of it on a device."""
    program: int
    """What the process had before the model was there: Python, libraries, vocabulary; 0 for a device."""
    peak: int
    """Program, text, parameters, optimizer, carried state, and the larger one of step and evaluation."""
    free: int | None
    """What can be taken now; None where the system does not tell."""


@dataclass(frozen=True, kw_only=True)
class DiskEstimate(Result):
    """Bytes that a run has on the disk."""

    stores: int
    """The text as numbers, with the prepared text where one was given."""
    checkpoint: int
    """One of them."""
    checkpoints: int
    """As many as are kept, and the one that is being written."""
    model: int
    """The trained model, twice for the time that a better one is written."""
    free: int
    """Where the run will be."""


@dataclass(frozen=True, kw_only=True)
class TimeEstimate(Result):
    """How long a run takes, from a few of its own steps."""

    steps_measured: int
    words_per_second: float
    """At the median of these steps."""
    step_seconds: float
    """The median."""
    step_seconds_lowest: float
    step_seconds_highest: float
    words_per_step: float
    waiting_share: float
    """Share of the steps' time that they waited for their words."""
    steps_per_epoch: int
    epoch_seconds: float
    steps: int
    """Of the whole run; for one by hours, what fits."""
    epochs: float
    """That many passes over the text."""
    evaluations: int
    """Held-out perplexities on the way."""
    evaluation_seconds: float
    """Of one of them, from a part of the held-out text where the whole takes long."""
    run_seconds: float
    """Steps and evaluations; checkpoints are not in it."""
    cores_used_by_others: float | None
    """While steps were measured; None where it cannot be told."""


@dataclass(frozen=True, kw_only=True)
class RowsFit(Result):
    """The largest number of rows whose steps fit."""

    rows: int
    budget: int
    """Bytes that the run may take."""
    peak: int
    """Measured at these rows."""
    words_per_second: float
    fixed_bytes: float
    """Of the line through the smallest and the largest trial: what any number of rows takes."""
    bytes_per_row: float
    """Of the same line."""
    trials: list[tuple[int, int | None]]
    """Rows and bytes that were tried, in this order; None where memory ran out."""
    bound_by: str
    """``memory``, or ``text`` where the corpus fills no more rows."""


@dataclass(frozen=True, kw_only=True)
class DryRunResult(Result):
    """What ``elmo pretrain --dry-run`` found."""

    preset: str
    device: str
    precision: str
    rows: int
    window: int
    parameters: dict[str, int]
    """Numbers that training sets, by part of the model."""
    memory: MemoryEstimate
    disk: DiskEstimate
    time: TimeEstimate
    fit: RowsFit | None
    """None where it was not asked for."""
