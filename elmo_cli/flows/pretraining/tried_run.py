"""What the first steps of a run tell of it: all its figures, or what so many rows take. Nothing of them is kept."""

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from elmo_cli.allocation import OUTGROWN
from elmo_cli.config import RunConfig
from elmo_cli.cores import CoreWatch, free_memory
from elmo_cli.device import describe
from elmo_cli.flows.corpora.corpus import Corpus, Sources, encode_corpus
from elmo_cli.flows.dry_run_results import DryRunResult
from elmo_cli.flows.pretraining.estimates import disk_estimate, memory_estimate, text_bytes, time_estimate
from elmo_cli.flows.pretraining.memory_use import MemoryMeter, mapped_bytes, program_bytes
from elmo_cli.flows.pretraining.model_sizes import numbers_by_part
from elmo_cli.flows.pretraining.training_run import TrainingRun
from elmo_cli.flows.pretraining.trial import try_evaluation, try_steps
from elmo_cli.flows.reports import Notice, Report
from elmo_cli.flows.stopping import Stop


@dataclass(frozen=True, kw_only=True)
class ToTry:
    """A run whose text is ready, in a form that another process can be given."""

    folder: Path
    sources: Sources
    config: RunConfig
    device: str
    threads: int
    step_seconds: float
    """Time for the timed steps."""
    evaluation_seconds: float
    """Time for an evaluation."""
    fit_seconds: float
    """Time for the timed steps where only the number of rows is in question."""

    def with_rows(self, rows: int) -> "ToTry":
        """The same with another number of rows."""
        train = self.config.train
        changed = replace(train, rows=rows, accumulate=min(rows, train.accumulate))
        return replace(self, config=replace(self.config, train=changed))


@dataclass(frozen=True, kw_only=True)
class RowsTried:
    """What steps with so many rows took."""

    taken: int
    """Bytes of all of the process, or on the device."""
    words_per_second: float


def try_run(wanted: ToTry) -> Generator[Report, None, DryRunResult]:
    """The figures of the run as it is set."""
    device, corpus = _ready(wanted)
    free, before, watch = free_bytes(device), program_bytes(device), CoreWatch()
    mapped = mapped_bytes(device)
    run = TrainingRun(wanted.folder, wanted.config, corpus, device, Stop())
    yield Notice(text=f"trying some steps on {describe(device)}; nothing of them is kept")
    steps = yield from try_steps(run.trainer, seconds=wanted.step_seconds)
    others = None
    if device.type == "cpu":
        others = watch.used_by_others()
        if note := watch.note():
            yield Notice(text=note, warning=True)
    evaluation = yield from try_evaluation(run.trainer, run.held_out, seconds=wanted.evaluation_seconds)
    # Code of libraries that the steps were the first to use belongs to the program, pages of the text do not.
    program = max(before, before + mapped_bytes(device) - mapped - text_bytes(corpus))
    return DryRunResult(
        preset=json.loads((wanted.folder / "config.json").read_text(encoding="utf-8"))["preset"],
        device=describe(device),
        precision=wanted.config.train.precision,
        rows=wanted.config.train.rows,
        window=wanted.config.train.window,
        parameters=numbers_by_part(run.trainer),
        memory=memory_estimate(run, steps, evaluation, program=program, free=free),
        disk=disk_estimate(run, wanted.folder),
        time=time_estimate(run, steps, evaluation, others),
        fit=None,
    )


def try_rows(wanted: ToTry) -> Generator[Report, None, RowsTried]:
    """What the number of rows that is set takes, in fewer steps."""
    device, corpus = _ready(wanted)
    before = program_bytes(device) + (0 if device.type == "cuda" else text_bytes(corpus))
    meter = MemoryMeter(device)
    run = TrainingRun(wanted.folder, wanted.config, corpus, device, Stop())
    stage = f"trying {wanted.config.train.rows:,} rows"
    trial = yield from try_steps(run.trainer, seconds=wanted.fit_seconds, least=2, warm_up=1, stage=stage)
    peak = meter.peak() if device.type == "cuda" else round(OUTGROWN * meter.peak())  # of later steps, at the most
    return RowsTried(taken=before + peak, words_per_second=run.words_per_step / trial.median)


def free_bytes(device: torch.device) -> int | None:
    """Memory that can be taken now; None where the system does not tell."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()


def _ready(wanted: ToTry) -> tuple[torch.device, Corpus]:
    torch.set_num_threads(wanted.threads)
    opening = encode_corpus(wanted.folder, wanted.sources, wanted.config, ready=True)
    while True:
        try:
            next(opening)
        except StopIteration as end:
            return torch.device(wanted.device), end.value
