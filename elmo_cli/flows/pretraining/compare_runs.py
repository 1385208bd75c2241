"""``elmo compare``: runs side by side."""

from collections.abc import Sequence
from pathlib import Path

from elmo_cli.flows.pretraining.run_log import perplexity
from elmo_cli.flows.pretraining.runs import Run, differing, read_runs
from elmo_cli.flows.reports import Reports
from elmo_cli.flows.run_results import ComparedRun, CompareRunsResult


def compare_runs(paths: Sequence[Path]) -> Reports:
    """Says what differs between runs, and what became of each; the best held-out perplexity first.

    Args:
        paths: Run folders.

    Raises:
        TextError: One of them is none.
    """
    runs = read_runs(paths)
    names = differing(runs)
    compared = [_compared(run, names) for run in runs]
    compared.sort(key=lambda run: (run.held_out_perplexity is None, run.held_out_perplexity or 0.0))
    yield CompareRunsResult(differing=names, runs=compared)


def _compared(run: Run, names: Sequence[str]) -> ComparedRun:
    best, loss = run.best or {}, run.last("loss_sampled")
    return ComparedRun(
        path=str(run.path),
        name=run.name,
        settings={name: run.settings.get(name) for name in names},
        steps=run.steps,
        epochs=run.last("epoch"),
        words=run.last("words"),
        seconds=run.last("seconds"),
        words_per_second=run.middle("words_per_second"),
        peak_memory_bytes=run.last("peak_memory_bytes"),
        train_perplexity_sampled=None if loss is None else perplexity(loss),
        held_out_perplexity=best.get("held_out_perplexity"),
        held_out_forward=best.get("held_out_forward"),
        held_out_backward=best.get("held_out_backward"),
        held_out_step=best.get("step"),
    )
