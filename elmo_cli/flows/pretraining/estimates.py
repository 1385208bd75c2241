"""Figures of a run that is to come: counted where they can be, the rest from a trial of its first steps."""

import shutil
from pathlib import Path

import numpy as np

from elmo_cli.flows.corpora.corpus import Corpus
from elmo_cli.flows.dry_run_results import DiskEstimate, MemoryEstimate, TimeEstimate
from elmo_cli.flows.pretraining.model_sizes import (
    checkpoint_bytes,
    gradient_bytes,
    logit_bytes,
    optimizer_bytes,
    parameter_bytes,
    state_bytes,
)
from elmo_cli.flows.pretraining.run_length import EVALUATIONS
from elmo_cli.flows.pretraining.training_run import TrainingRun
from elmo_cli.flows.pretraining.trial import EvaluationTrial, StepTrial
from elmo_cli.text.store import EncodedText

ORDER_BYTES = 24
"""Of each sentence of an epoch's line: its begin, length and end (:class:`elmo_cli.text.windows.Line`)."""
LINES = 2
"""Epochs' lines that are held, this one's and the one's before."""


def memory_estimate(
    run: TrainingRun, steps: StepTrial, evaluation: EvaluationTrial, *, program: int, free: int | None
) -> MemoryEstimate:
    """Memory, part by part.

    Args:
        run: What the steps were tried with.
        steps: Its steps.
        evaluation: Its evaluation.
        program: Bytes that the process had without the run.
        free: Bytes that could be taken before it.
    """
    trainer = run.trainer
    parameters, optimizer = parameter_bytes(trainer), optimizer_bytes(trainer)
    state = state_bytes(trainer)
    text = 0 if trainer.device.type == "cuda" else text_bytes(run.corpus)
    return MemoryEstimate(
        parameters=parameters,
        optimizer=optimizer,
        gradients=gradient_bytes(trainer, run.config.train),
        logits=logit_bytes(trainer, run.config.train),
        state=state,
        step=steps.peak,
        evaluation=evaluation.peak,
        text=text,
        program=program,
        peak=program + text + parameters + optimizer + state + max(steps.peak, evaluation.peak),
        free=free,
    )


def disk_estimate(run: TrainingRun, folder: Path) -> DiskEstimate:
    """Disk, with what is there for a moment while a file is replaced."""
    checkpoint = checkpoint_bytes(run.trainer)
    return DiskEstimate(
        stores=sum(file.stat().st_size for text in _texts(run.corpus) for file in _store_files(text)),
        checkpoint=checkpoint,
        checkpoints=checkpoint * (run.config.train.keep + 1),
        model=2 * parameter_bytes(run.trainer),
        free=shutil.disk_usage(folder).free,
    )


def time_estimate(
    run: TrainingRun, steps: StepTrial, evaluation: EvaluationTrial, cores_used_by_others: float | None
) -> TimeEstimate:
    """Time to the end of the run, from the median of its tried steps."""
    length, per_epoch = run.length, run.trainer.windows.steps_per_epoch
    evaluations = EVALUATIONS if length.evaluate_every is None else 0
    if length.steps is not None:
        number = length.steps
        evaluations = -(-number // length.evaluate_every) if length.evaluate_every else evaluations
        seconds = number * steps.median + evaluations * evaluation.seconds
    else:
        assert length.seconds is not None
        seconds = length.seconds
        if length.evaluate_every is None:
            number = max(0, int((seconds - evaluations * evaluation.seconds) / steps.median))
        else:
            number = int(seconds / (steps.median + evaluation.seconds / length.evaluate_every))
            evaluations = -(-number // length.evaluate_every)
    return TimeEstimate(
        steps_measured=len(steps.seconds),
        words_per_second=run.words_per_step / steps.median,
        step_seconds=steps.median,
        step_seconds_lowest=min(steps.seconds),
        step_seconds_highest=max(steps.seconds),
        words_per_step=run.words_per_step,
        waiting_share=steps.waiting_seconds / sum(steps.seconds),
        steps_per_epoch=per_epoch,
        epoch_seconds=per_epoch * steps.median,
        steps=number,
        epochs=number / per_epoch,
        evaluations=evaluations,
        evaluation_seconds=evaluation.seconds,
        run_seconds=seconds,
        cores_used_by_others=cores_used_by_others,
    )


def text_bytes(corpus: Corpus) -> int:
    """What the texts take of memory when all of them was read once, and an epoch's order of the training text."""
    mapped = sum(array.nbytes for text in _texts(corpus) for array in (text.tokens_N, text.starts, text.chars_UW))
    return mapped + LINES * ORDER_BYTES * corpus.training.num_sentences


def _texts(corpus: Corpus) -> tuple[EncodedText, EncodedText]:
    return corpus.training, corpus.held_out


def _store_files(text: EncodedText) -> list[Path]:
    assert isinstance(text.tokens_N, np.memmap), "a run reads its text from a store"
    folder = Path(str(text.tokens_N.filename)).parent
    return [file for file in folder.iterdir() if file.is_file()]
