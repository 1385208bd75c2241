"""What training runs reach, and how they compare."""

from dataclasses import dataclass
from typing import Any

from elmo_cli.flows.reports import Result


@dataclass(frozen=True, kw_only=True)
class PresetFigures(Result):
    """One preset."""

    name: str
    description: str
    parameters: int
    """Numbers that training sets, softmax left out."""
    cell_dim: int
    """H."""
    projection_dim: int
    """D."""
    rows: int
    """B: stretches of text read side by side."""
    negatives: int
    """K: classes sampled per step."""


@dataclass(frozen=True, kw_only=True)
class PresetsResult(Result):
    """All presets."""

    presets: list[PresetFigures]
    ending: str
    """What each name may end with for the reference's exact training recipe."""


@dataclass(frozen=True, kw_only=True)
class PresetResult(Result):
    """One preset with the user's settings laid over it, as a run would record it."""

    name: str
    config: dict[str, Any]
    """Every setting."""


@dataclass(frozen=True, kw_only=True)
class PretrainResult(Result):
    """What ``elmo pretrain`` reached."""

    run_dir: str
    model_dir: str
    """The trained model in the published layout, from the step with the best held-out perplexity."""
    steps: int
    epochs: float
    words: int
    """Words read in training."""
    seconds: float
    """Time spent training in this call, evaluations included."""
    words_per_second: float
    """Words per second of the training steps of this call alone."""
    train_perplexity_sampled: float | None
    """exp of the mean sampled-softmax loss of the last hundred steps, dropout on; not comparable to held-out."""
    held_out_perplexity: float
    """Best held-out perplexity, full softmax, each sentence from the start state."""
    held_out_step: int
    """The step it was measured at."""
    held_out_text: str
    """What ``elmo eval`` takes to measure it again: a prepared folder, or the validation text."""
    running_seconds: float
    """Time spent over all calls, evaluations and checkpoints included; what a kill lost is not in it."""
    stopped_early: bool
    """Whether it ended before its length because held-out perplexity got no better."""
    back_offs: int
    """How often the loss was no number and the run went back to a checkpoint at half the rate."""


@dataclass(frozen=True, kw_only=True)
class StoppedResult(Result):
    """Where ``elmo pretrain`` put its work away because somebody asked it to stop."""

    run_dir: str
    steps: int
    checkpoint: str | None
    """The newest checkpoint, which ``--resume`` goes on from; None before the first step."""
    seconds: float
    """Running time over all calls."""


@dataclass(frozen=True, kw_only=True)
class ComparedRun(Result):
    """One run among several; None stands for what its log does not say."""

    path: str
    name: str
    """Short, and another for each run."""
    settings: dict[str, Any]
    """Those in which the runs differ, by dotted name."""
    steps: int
    epochs: float | None
    words: int | None
    """Words read in training."""
    seconds: float | None
    """Running time over all calls."""
    words_per_second: float | None
    """Median over the log, of training steps alone."""
    peak_memory_bytes: int | None
    """The most memory that the process ever had."""
    train_perplexity_sampled: float | None
    """Of the last record, dropout on; comparable with runs of the same negatives alone, and not with held-out."""
    held_out_perplexity: float | None
    """The best: full softmax, both directions, each sentence from the start state."""
    held_out_forward: float | None
    """At the same step."""
    held_out_backward: float | None
    """At the same step."""
    held_out_step: int | None
    """The step it was measured at."""


@dataclass(frozen=True, kw_only=True)
class CompareRunsResult(Result):
    """What ``elmo compare`` found."""

    differing: list[str]
    """Settings in which the runs differ."""
    runs: list[ComparedRun]
    """The best first."""
