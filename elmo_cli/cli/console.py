"""Drives a flow and shows its reports: progress and notices on stderr, for people; results on stdout, for programs."""

import json
import logging
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from elmo_cli.cli.stages import Stages
from elmo_cli.errors import ElmoError
from elmo_cli.flows.reports import Item, Notice, Progress, Reports, Result

LOG = logging.getLogger("elmo_cli")

Row = tuple[str, str, str]
"""A figure's name, its value, and what it is."""
WIDEST_VALUE = 24
"""Characters that a value's column has at most."""


def follow(
    flow: Reports, *, quiet: bool = False, verbose: bool = False, on_item: Callable[[Result], None] | None = None
) -> Result:
    """Runs a flow to its end and returns its result, showing what it reports on stderr.

    Whatever stops it early, Ctrl-C above all, closes the flow, so that its ``finally`` blocks run.

    Args:
        quiet: Show warnings only.
        verbose: Show the library's log, too.
        on_item: Prints a part of a long result as soon as it is known.
    """
    LOG.setLevel(logging.DEBUG if verbose else logging.WARNING)
    result: Result | None = None
    try:
        with Stages(stderr()) as stages:
            for report in flow:
                match report:
                    case Progress() if not quiet:
                        stages.show(report)
                    case Notice(warning=True):
                        stages.say(f"Warning: {report.text}", style="yellow")
                    case Notice() if not quiet:
                        stages.say(report.text)
                    case Item() if on_item is not None:
                        on_item(report.value)
                    case Result():
                        result = report
    finally:
        close = getattr(flow, "close", None)
        if close is not None:
            close()
    assert result is not None, f"{flow!r} ended without a result"
    return result


def last_of(flow: Reports) -> Result:
    """Runs a flow to its end and returns its result without a word, as all processes but the first one do."""
    result: Result | None = None
    for report in flow:
        if isinstance(report, Result):
            result = report
    assert result is not None, f"{flow!r} ended without a result"
    return result


def show_result(result: Result, title: str, rows: Sequence[Row], *, as_json: bool) -> None:
    """Prints a result on stdout: a title and a figure per line with its explanation, or one JSON object on one line.

    In JSON a number that is not finite is null.
    """
    if as_json:
        show_json(result)
        return
    if sys.stdout.isatty():
        _print_table(title, rows)
    else:
        print("\n".join([title, *_lines(rows)]))
    sys.stdout.flush()


def show_json(result: Result) -> None:
    """Prints a result on stdout as one JSON object on one line; a number that is not finite is null."""
    print(json.dumps(_finite(result.to_json()), allow_nan=False), flush=True)


def _print_table(title: str, rows: Sequence[Row]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(overflow="fold", max_width=WIDEST_VALUE)
    table.add_column()
    for name, value, meaning in rows:
        table.add_row(Text(f"  {name}"), Text(value, style="bold"), Text(meaning, style="dim"))
    console = Console(highlight=False)
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(table)


def _lines(rows: Sequence[Row]) -> list[str]:
    # What reads a pipe wants whole lines, so nothing is folded, and a value too wide for its column moves the rest.
    names = max((len(name) for name, _, _ in rows), default=0)
    values = max((len(value) for _, value, _ in rows if len(value) <= WIDEST_VALUE), default=0)
    return [f"  {name:<{names}}  {value:<{values}}  {meaning}".rstrip() for name, value, meaning in rows]


def suggest(title: str, commands: Sequence[str]) -> None:
    """Prints commands to type next, on stderr."""
    console = stderr()
    console.print(Text(title), soft_wrap=True)
    for command in commands:
        console.print(Text(f"  {command}", style="cyan"), soft_wrap=True)


def show_error(error: ElmoError) -> None:
    """Prints what went wrong and the next thing to try, on stderr; with ``--verbose``, where it arose as well."""
    LOG.debug("where the error arose:", exc_info=error)
    console = stderr()
    console.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
    if error.hint:
        console.print(Text.assemble(("Hint: ", "bold"), error.hint), soft_wrap=True)


def stderr() -> Console:
    """A console on stderr that colours nothing by itself and breaks no line of text."""
    return Console(stderr=True, highlight=False)


def log_to_stderr() -> None:
    """Shows the library's log on stderr: warnings, and with ``--verbose`` everything."""
    if not LOG.handlers:
        LOG.addHandler(_StderrHandler())


class _StderrHandler(logging.Handler):
    # Looks sys.stderr up at every line: while a bar is drawn, rich puts a stream there that writes above the bar.
    def emit(self, record: logging.LogRecord) -> None:
        print(f"{record.levelname.capitalize()}: {self.format(record)}", file=sys.stderr)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
