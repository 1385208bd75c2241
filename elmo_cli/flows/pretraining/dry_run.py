"""``elmo pretrain --dry-run``: what a run will take of memory, disk and time, without beginning it."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from elmo_cli.cores import CoreWatch
from elmo_cli.device import pick_device, use_threads
from elmo_cli.errors import ConfigError, OutputError
from elmo_cli.files import LOCK, PARTIAL, hold
from elmo_cli.flows.core_notes import describe_cores
from elmo_cli.flows.corpora.corpus import Corpus, Sources, encode_corpus
from elmo_cli.flows.dry_run_results import DryRunResult, RowsFit
from elmo_cli.flows.memory import is_out_of_memory
from elmo_cli.flows.pretraining.fit_rows import search_rows
from elmo_cli.flows.pretraining.memory_use import mapped_bytes, program_bytes
from elmo_cli.flows.pretraining.own_process import here, in_own_process
from elmo_cli.flows.pretraining.run_settings import check_place, settle
from elmo_cli.flows.pretraining.tried_run import ToTry, free_bytes, try_rows, try_run
from elmo_cli.flows.reports import Notice, Report, Reports
from elmo_cli.text.store import EncodedText

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
        wanted = ToTry(
            folder=folder,
            sources=sources,
            config=config,
            device=str(target),
            threads=torch.get_num_threads(),
            step_seconds=STEP_SECONDS,
            evaluation_seconds=EVALUATION_SECONDS,
            fit_seconds=FIT_SECONDS,
        )
        result = yield from _estimate(wanted, refuse=not fit_rows)
        if result is not None:
            yield from _what_is_short(result)
        if fit_rows:
            budget = memory if memory is not None else _budget(target)
            fit = yield from _fit(wanted, corpus.training, budget, _for_evaluation(result))
            if result is None:  # the rows that were asked for do not fit; these do
                result = yield from _estimate(wanted.with_rows(fit.rows))
            assert result is not None
            result = replace(result, fit=fit)
    assert result is not None, "it was refused where there is none"
    yield result


def _estimate(wanted: ToTry, *, refuse: bool = True) -> Generator[Report, None, DryRunResult | None]:
    """The figures of the run as it is set; None where its steps do not fit into memory.

    Raises:
        ConfigError: They do not, and that is to be refused.
    """
    free = free_bytes(torch.device(wanted.device))
    try:
        return (yield from _apart(wanted)(try_run, wanted))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    had = f"; {free / 1e9:.2f} GB were free before them" if free is not None else ""
    train = wanted.config.train
    what = f"{train.rows:,} rows of {train.window} positions: memory ran out in the first steps{had}"
    if not refuse:
        yield Notice(text=what, warning=True)
        return None
    raise ConfigError(
        what,
        hint="take fewer --rows (--fit-rows finds the most that fit), a smaller --preset, or compute a step in parts: "
        "--set train.accumulate=4",
    )


def _apart(wanted: ToTry) -> Callable[..., Generator[Report, None, Any]]:
    """How steps are tried: on a CPU in a process of their own, for there the system ends one that takes too much."""
    return in_own_process if wanted.device == "cpu" else here


def _fit(wanted: ToTry, text: EncodedText, budget: int, least: int) -> Generator[Report, None, RowsFit]:
    """The largest number of rows that fits, tried out.

    Args:
        wanted: The run.
        text: What it trains on.
        budget: Bytes that it may take.
        least: Bytes that it takes with any number of rows, for its evaluations.
    """
    speeds: dict[int, float] = {}

    def attempt(rows: int) -> Generator[Report, None, int | None]:
        try:
            tried = yield from _apart(wanted)(try_rows, wanted.with_rows(rows))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            yield Notice(text=f"{rows:,} rows: memory ran out")
            return None
        speeds[rows], taken = tried.words_per_second, max(tried.taken, least)
        yield Notice(text=f"{rows:,} rows: {taken / 1e9:.2f} GB of {budget / 1e9:.2f} GB, {speeds[rows]:,.0f} words/s")
        return taken

    most = (text.num_tokens + text.num_sentences) // wanted.config.train.window
    search = yield from search_rows(attempt, start=wanted.config.train.rows, most=most, budget=budget)
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
    free = free_bytes(device)
    if free is None:
        raise ConfigError("this system does not tell how much memory is free", hint="say it: --memory 8GB")
    # Code that is mapped here is mapped in the process that tries, too, and takes no memory twice.
    return int(SHARE_OF_FREE * free) + (program_bytes(device) if device.type == "cuda" else mapped_bytes(device))


def _for_evaluation(result: DryRunResult | None) -> int:
    if result is None:
        return 0
    memory = result.memory
    return memory.peak - max(memory.step, memory.evaluation) + memory.evaluation


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
