"""``elmo info``: what a file or folder of this toolkit is."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from elmo_cli.cli import figures, meanings, options
from elmo_cli.cli.console import Row, follow, show_result
from elmo_cli.flows.model_results import InfoResult

EXAMPLES = options.examples("elmo info run/model", "elmo info run", "elmo info vectors.hdf5 --json")


def command(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A model (its https:// address, too), run, corpus, vocabulary, file of counts or vectors.",
            show_default=False,
        ),
    ],
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Say what a file or folder is, and show its figures."""
    from elmo_cli.flows.info import info

    result = follow(info(path), quiet=quiet, verbose=verbose)
    assert isinstance(result, InfoResult)
    rows = list(_rows(result.figures, result.kind))
    show_result(result, f"{result.path}: {result.kind}", rows, as_json=as_json)


def _rows(values: Mapping[str, Any], *groups: str) -> Iterator[Row]:
    """A row per figure; a group of figures stands indented under its name.

    Args:
        groups: The kind of the whole, then the groups that these values are in.
    """
    for name, value in values.items():
        indented = "  " * (len(groups) - 1) + name
        if isinstance(value, Mapping):
            yield indented, "", meanings.explain_group(".".join((*groups, name)))
            yield from _rows(value, *groups, name)
        else:
            yield indented, _as_words(value), meanings.explain(".".join((*groups, name)))


def _as_words(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return figures.whole(value)
        case float():
            return f"{value:g}" if abs(value) < 1e5 else figures.decimal(value)
        case None:
            return "-"
        case list() | tuple():
            return ", ".join(str(item) for item in value)
    return str(value)
