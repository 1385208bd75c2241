"""``elmo pretrain --dry-run``: what a run will take of memory, disk and time, without beginning it."""

import json
import os
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from elmo_cli.config import RunConfig
from elmo_cli.cores import CoreWatch, free_memory
from elmo_cli.device import describe, pick_device, use_threads
from elmo_cli.errors import ConfigError, OutputError
from elmo_cli.files import LOCK, PARTIAL, hold
from elmo_cli.flows.corpora.corpus import Corpus, Sources, encode_corpus
from elmo_cli.flows.dry_run_results import DryRunResult, RowsFit
from elmo_cli.flows.memory import is_out_of_memory
from elmo_cli.flows.pretraining.estimates import disk_estimate, memory_estimate, text_bytes, time_estimate
from elmo_cli.flows.pretraining.fit_rows import search_rows
from elmo_cli.flows.pretraining.memory_use import MemoryMeter, mapped_bytes, program_bytes
from elmo_cli.flows.pretraining.model_sizes import numbers_by_part
from elmo_cli.flows.pretraining.run_notes import describe_cores
from elmo_cli.flows.pretraining.run_settings import check_place, settle
from elmo_cli.flows.pretraining.training_run import TrainingRun
from elmo_cli.flows.pretraining.trial import try_evaluation, try_steps
from elmo_cli.flows.reports import Notice, Report, Reports
from elmo_cli.flows.stopping import Stop

STEP_SECONDS, EVALUATION_SECONDS, FIT_SECONDS = 10.0, 10.0, 1.0
"""Time for the timed steps, for an evaluation, and for the timed steps of each number of rows that is tried."""
SHARE_OF_FREE = 0.9
"""Of the free memory that a run may take where no bound is given; the rest is for what else the machine does."""


def dry_run(
    inputs: Sequence[str],
    run_dir: Path,
    *,
    preset: str = "auto",
    settings: Mapping[str, Any] | None = None,
    vocabulary_path: Path | None = None,
    pieces_model: Path | None = None,
    validation: Sequence[str] = (),
    device: str = "auto",
    threads: int | None = None,
    init_from: str | None = None,
    keep_vocabulary: bool | None = None,
    fit_rows: bool = False,
    memory: int | None = None,
) -> Reports:
    """Does a few steps of a run, and says what all of it would take.

    What the steps need is made in a folder beside ``run_dir`` and deleted at the end; only the corpus store of a
    prepared folder stays, where the run will find it.

    Args:
        inputs: As for :func:`~elmo_cli.flows.pretraining.pretrain.pretrain`, like whatever is not named here.
        run_dir: Where the run would be; nothing is written there.
        fit_rows: Look for the largest number of rows that fits, too.
        memory: Bytes that the run may take then; None for nine tenths of what is free.

    Returns:
        Reports, the last of them a :class:`~elmo_cli.flows.dry_run_results.DryRunResult`.

    Raises:
        ElmoError: Settings, text or place are not usable, or not even one row fits.
    """
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise ConfigError(
            "a dry run is of one process, and torchrun started several",
            hint="type the command without torchrun; each process has its share of the rows, so try --rows for one",
        )
    target = pick_device(device)
    use_threads(threads)
    check_place(run_dir)
    if (run_dir / "config.json").exists():
        raise OutputError(
            f"{run_dir}: holds a run already; a dry run is for one that is to begin",
            hint=f"name another place: --out {run_dir}-2",
        )
    watch = CoreWatch()
    sources = Sources(tuple(inputs), vocabulary_path, tuple(validation), pieces_model, init_from, keep_vocabulary)
    with _passing_folder(run_dir) as folder:
        config, sources = yield from settle(folder, sources, preset, settings or {}, target, False)
        corpus = yield from encode_corpus(folder, sources, config)
        yield _what_stays(folder, sources, corpus)
        yield from describe_cores(target, threads, watch)
        result = yield from _estimate(folder, config, corpus, target)
        yield from _what_is_short(result)
        if fit_rows:
            budget = memory if memory is not None else _budget(target)
            fit = yield from _fit(folder, config, corpus, target, budget)
            result = replace(result, fit=fit)
    yield result


def _estimate(
    folder: Path, config: RunConfig, corpus: Corpus, device: torch.device
) -> Generator[Report, None, DryRunResult]:
    """The figures of the run as it is set."""
    free, before, watch = _free(device), program_bytes(device), CoreWatch()
    mapped = mapped_bytes(device)
    run = TrainingRun(folder, config, corpus, device, Stop())
    yield Notice(text=f"trying some steps on {describe(device)}; nothing of them is kept")
    steps = yield from try_steps(run.trainer, seconds=STEP_SECONDS)
    others = None
    if device.type == "cpu":
        others = watch.used_by_others()
        if note := watch.note():
            yield Notice(text=note, warning=True)
    evaluation = yield from try_evaluation(run.trainer, run.held_out, seconds=EVALUATION_SECONDS)
    # Code of libraries that the steps were the first to use belongs to the program, pages of the text do not.
    program = max(before, before + mapped_bytes(device) - mapped - text_bytes(corpus))
    return DryRunResult(
        preset=json.loads((folder / "config.json").read_text(encoding="utf-8"))["preset"],
        device=describe(device),
        precision=config.train.precision,
        rows=config.train.rows,
        window=config.train.window,
        parameters=numbers_by_part(run.trainer),
        memory=memory_estimate(run, steps, evaluation, program=program, free=free),
        disk=disk_estimate(run, folder),
        time=time_estimate(run, steps, evaluation, others),
        fit=None,
    )


def _fit(
    folder: Path, config: RunConfig, corpus: Corpus, device: torch.device, budget: int
) -> Generator[Report, None, RowsFit]:
    """The largest number of rows that fits, tried out."""
    speeds: dict[int, float] = {}

    def attempt(rows: int) -> Generator[Report, None, int | None]:
        changed = replace(config, train=replace(config.train, rows=rows, accumulate=min(rows, config.train.accumulate)))
        before = program_bytes(device) + (0 if device.type == "cuda" else text_bytes(corpus))
        try:
            meter = MemoryMeter(device)
            run = TrainingRun(folder, changed, corpus, device, Stop())
            stage = f"trying {rows:,} rows"
            trial = yield from try_steps(run.trainer, seconds=FIT_SECONDS, least=2, warm_up=1, stage=stage)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            yield Notice(text=f"{rows:,} rows: memory ran out")
            return None
        speeds[rows] = run.words_per_step / trial.median
        taken = before + meter.peak()
        yield Notice(text=f"{rows:,} rows: {taken / 1e9:.2f} GB of {budget / 1e9:.2f} GB, {speeds[rows]:,.0f} words/s")
        return taken

    text = corpus.training
    most = (text.num_tokens + text.num_sentences) // config.train.window
    search = yield from search_rows(attempt, start=config.train.rows, most=most, budget=budget)
    if search.rows == 0:
        tried = ", ".join(f"{rows:,} rows {_taken(taken)}" for rows, taken in search.trials)
        raise ConfigError(
            f"no number of rows fits into {budget / 1e9:.2f} GB of memory: {tried}",
            hint="take a smaller --preset, fewer train.negatives, or a larger --memory",
        )
    fixed_bytes, bytes_per_row = search.line
    return RowsFit(
        rows=search.rows,
        budget=budget,
        peak=max(taken for rows, taken in search.trials if rows == search.rows and taken is not None),
        words_per_second=speeds[search.rows],
        fixed_bytes=fixed_bytes,
        bytes_per_row=bytes_per_row,
        trials=search.trials,
        bound_by="text" if search.rows == most else "memory",
    )


def _taken(taken: int | None) -> str:
    return "more than there is" if taken is None else f"{taken / 1e9:.2f} GB"


def _budget(device: torch.device) -> int:
    free = _free(device)
    if free is None:
        raise ConfigError("this system does not tell how much memory is free", hint="say it: --memory 8GB")
    return int(SHARE_OF_FREE * free) + program_bytes(device)


def _free(device: torch.device) -> int | None:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()


def _what_is_short(result: DryRunResult) -> Iterator[Notice]:
    memory, disk = result.memory, result.disk
    needed = memory.peak - memory.program  # the program is in memory already
    if memory.free is not None and needed > memory.free:
        yield Notice(
            text=f"the run takes {needed / 1e9:.2f} GB of memory more, and {memory.free / 1e9:.2f} GB are free: take "
            "fewer --rows, or compute a step in parts, --set train.accumulate=4",
            warning=True,
        )
    if disk.checkpoints + disk.model > disk.free:
        yield Notice(
            text=f"checkpoints and model take {(disk.checkpoints + disk.model) / 1e9:.2f} GB of the disk, and "
            f"{disk.free / 1e9:.2f} GB are free: take another --out, or keep fewer, --set train.keep=1",
            warning=True,
        )


def _what_stays(folder: Path, sources: Sources, corpus: Corpus) -> Notice:
    if folder in Path(str(corpus.training.tokens_N.filename)).parents:  # type: ignore[attr-defined]
        return Notice(
            text="the text was made ready for this estimate alone; elmo prepare makes it ready once, for every run"
        )
    return Notice(text=f"the corpus store stays in {sources.inputs[0]}, where the run will find it")


@contextmanager
def _passing_folder(run_dir: Path) -> Iterator[Path]:
    """A folder on the disk that the run will be on; it goes, and so does what a killed call left of it."""
    above = next(parent for parent in run_dir.absolute().parents if parent.is_dir())
    folder = above / f"{PARTIAL}dry-run-{run_dir.name}"
    with hold(folder):
        try:
            for left in folder.iterdir():
                if left.name != LOCK:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
