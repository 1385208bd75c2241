"""What the page about runs shows, out of their folders."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elmo_cli.config.explanations import explanations
from elmo_cli.flows.pretraining.runs import Run, read_runs
from elmo_cli.pages.run import RunFigures, number, run_page

CURVES = {
    "loss_sampled",
    "learning_rate",
    "gradient_norm",
    "words_per_second",
    "waiting_share",
    "peak_memory_bytes",
    "peak_device_bytes",
    "held_out_perplexity",
    "held_out_forward",
    "held_out_backward",
}


def runs_page(paths: Sequence[Path], *, made_by: str) -> str:
    """The page about these runs, as HTML.

    Raises:
        TextError: A path is no run.
        ElmoError: The package that draws charts is not installed.
    """
    runs = read_runs(paths)
    by_words = all("words" in record for run in runs for record in (*run.training, *run.held_out))
    figures = [_figures(run, "words" if by_words else "step") for run in runs]
    meanings = explanations()
    explained = {
        name: meanings.get(".".join(name.split(".")[-2:]), meanings.get(name.split(".")[-1], ""))
        for run in runs
        for name in run.settings
    }
    return run_page(figures, axis="words read" if by_words else "steps", explained=explained, made_by=made_by)


def _figures(run: Run, axis: str) -> RunFigures:
    curves: dict[str, list[tuple[float, float]]] = {}
    for record in (*run.training, *run.held_out):
        for name in CURVES & record.keys():
            if math.isfinite(record[name]):
                curves.setdefault(name, []).append((record[axis], record[name]))
    best = run.best
    return RunFigures(
        name=run.name,
        path=str(run.path),
        curves=curves,
        sampled=bool(run.training[-1].get("sampled", True)) if run.training else True,
        best=None
        if best is None
        else {
            "step": best["step"],
            "joint": best["held_out_perplexity"],
            "forward": best["held_out_forward"],
            "backward": best["held_out_backward"],
        },
        facts=list(_facts(run)),
        settings={name: _shown(value) for name, value in run.settings.items()},
        events=[
            f"At step {back['step']:,.0f} the loss was no number; it went back to step {back['to_step']:,.0f}, and on "
            f"from there at {back['rate_scale']:g} of the rate."
            for back in run.back_offs
        ],
    )


def _facts(run: Run) -> Iterator[tuple[str, str, str]]:
    yield "steps", f"{run.steps:,}", "of training"
    if (epochs := run.last("epoch")) is not None:
        yield "epochs", f"{epochs:.3g}", "passes over the training text"
    if (words := run.last("words")) is not None:
        yield "words", f"{words:,}", "read in training, repetitions included"
    if (speed := run.middle("words_per_second")) is not None:
        yield "words/s", f"{speed:,.0f}", "median over the run, of training steps alone"
    if (seconds := run.last("seconds")) is not None:
        yield "hours", number(seconds / 3600), "of running, evaluations and checkpoints included"
    if (memory := run.last("peak_memory_bytes")) is not None:
        yield "memory, GB", f"{memory / 1e9:.2f}", "the most that the process ever had"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
