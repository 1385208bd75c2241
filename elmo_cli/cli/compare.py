"""``elmo compare``: a table of runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, show_json
from elmo_cli.flows.run_results import ComparedRun, CompareRunsResult

EXAMPLES = options.examples("elmo compare run run-2", "elmo compare sweeps/* --json")

WIDEST = 32
"""Characters of a setting that are shown."""


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.", show_default=False)],
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Show runs side by side: what differs in their settings, words read, speed, best perplexities.

    The best comes first. Runs whose held-out texts or vocabularies differ are not comparable by perplexity.
    """
    from elmo_cli.flows.pretraining.compare_runs import compare_runs

    result = follow(compare_runs(runs), quiet=quiet, verbose=verbose)
    assert isinstance(result, CompareRunsResult)
    if as_json:
        show_json(result)
        return
    names = shown_settings(result)
    heads = ["run", *names, "held-out", "forward", "backward", "at step", "steps", "epochs", "words", "words/s", "time"]
    rows = [[run.name, *(_setting(run.settings[name]) for name in names), *_figures(run)] for run in result.runs]
    _print_table(heads, rows, left=1 + len(names))
    if incomparable := sorted(set(result.differing) & {"inputs", "validation", "vocabulary", "train.held_out"}):
        text = f"Perplexities may not be comparable: the runs differ in {', '.join(incomparable)}."
        Console(stderr=True, highlight=False).print(Text(text), soft_wrap=True)


def shown_settings(result: CompareRunsResult) -> list[str]:
    """Settings that differ, those of the machine left to ``--json``."""
    return [name for name in result.differing if name not in ("tool", "python", "torch")]


def _figures(run: ComparedRun) -> list[str]:
    return [
        figures.decimal(run.held_out_perplexity),
        figures.decimal(run.held_out_forward),
        figures.decimal(run.held_out_backward),
        "-" if run.held_out_step is None else figures.whole(run.held_out_step),
        figures.whole(run.steps),
        figures.decimal(run.epochs),
        "-" if run.words is None else figures.whole(run.words),
        "-" if run.words_per_second is None else figures.whole(round(run.words_per_second)),
        "-" if run.seconds is None else figures.duration(run.seconds),
    ]


def _setting(value: Any) -> str:
    words = "-" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return words if len(words) <= WIDEST else f"…{words[1 - WIDEST :]}"


def _print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        # What reads a pipe wants whole lines and columns.
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        for row in (heads, *rows):
            cells = (
                cell.ljust(width) if place < left else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            print("  ".join(cells).rstrip())
        return
    if sum(max(map(len, column)) + 2 for column in zip(heads, *rows, strict=True)) > console.width:
        heads, *rows = zip(heads, *rows, strict=True)  # too wide: a run becomes a column
        left = 1
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for place, head in enumerate(heads):
        table.add_column(Text(head), justify="left" if place < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
