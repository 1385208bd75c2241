"""A few real steps of a run that is then thrown away: what they take of time and memory."""

import statistics
import time
from collections.abc import Generator
from dataclasses import dataclass

import torch

from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scoring import score, sentence_sequences
from elmo_cli.flows.pretraining.memory_use import MemoryMeter
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.reports import Progress
from elmo_cli.text.windows import Line

WARM_UP = 3
"""Steps that are not timed: the first ones allocate, and make what later ones find ready."""
LEAST_STEPS, MOST_STEPS = 5, 50
"""Steps that are timed, between these bounds, as many as fit into the time."""


@dataclass(frozen=True)
class StepTrial:
    """What steps took."""

    seconds: list[float]
    """Of each timed one."""
    waiting_seconds: float
    """Of all of these, what they waited for their words."""
    peak: int
    """The most bytes at once, above what there was before the first step."""

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


def try_steps(
    trainer: Trainer,
    *,
    seconds: float,
    least: int = LEAST_STEPS,
    warm_up: int = WARM_UP,
    stage: str = "trying steps",
) -> Generator[Progress, None, StepTrial]:
    """Does a run's first steps.

    Args:
        trainer: Before its first step.
        seconds: Time for those that are timed, if ``least`` of them fit into it.
        least: How many are timed at least.
        warm_up: How many come before them.
        stage: What is reported.
    """
    meter = MemoryMeter(trainer.device)
    times: list[float] = []
    waited = 0.0
    most = max(least, MOST_STEPS)
    for number in range(warm_up + most):
        began = time.perf_counter()
        result = trainer.step()
        _wait(trainer.device)
        took = time.perf_counter() - began
        if number >= warm_up:
            times.append(took)
            waited += result.waiting_seconds
        yield Progress(stage=stage, done=number + 1, total=None, unit="steps")
        if len(times) >= least and sum(times) >= seconds:
            break
    _meet_other_shapes(trainer)
    return StepTrial(times, waited, meter.peak())


def _meet_other_shapes(trainer: Trainer) -> None:
    """Does on a GPU what the first steps need not have done: a step is captured, and one of new shapes comes after it.

    That one works beside the memory of graphs, and a long run meets it sooner or later.
    """
    program = trainer.static.program if trainer.static is not None else None
    if program is None or not program.captures:
        return
    for _ in range(MOST_STEPS):
        if program.num_graphs or not program.captures:
            break
        trainer.step()
    captures, program.captures = program.captures, False
    trainer.step()
    program.captures = captures


@dataclass(frozen=True)
class EvaluationTrial:
    """What a held-out evaluation takes."""

    seconds: float
    """Of the whole."""
    peak: int
    """The most bytes at once, above what there was before."""


def try_evaluation(trainer: Trainer, held_out: Line, *, seconds: float) -> Generator[Progress, None, EvaluationTrial]:
    """Begins a held-out evaluation and says how long all of it takes.

    Args:
        seconds: Time after which the rest is left out.
    """
    meter = MemoryMeter(trainer.device)
    losses, total = LineLosses(held_out), held_out.num_positions
    began, done = time.perf_counter(), 0
    for done in score(trainer.bilm, trainer.softmax, sentence_sequences(held_out), trainer.start_state(), losses):
        yield Progress(stage="trying an evaluation", done=done, total=total, unit="positions")
        if time.perf_counter() - began >= seconds:
            break
    _wait(trainer.device)
    took = time.perf_counter() - began
    return EvaluationTrial(took * total / max(1, done), meter.peak())


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
