"""The files that inputs name, with a word about those that were left out."""

from collections.abc import Generator, Sequence
from pathlib import Path

from elmo_cli.flows.reports import Notice, Report
from elmo_cli.text.readers import find_inputs, left_out
from elmo_cli.text.streams import printable

NAMED = 3
"""Files left out that are named; of others there is only the number."""


def found_inputs(inputs: Sequence[str]) -> Generator[Report, None, list[Path]]:
    """As :func:`elmo_cli.text.readers.find_inputs`, and says which files of folders are not among them.

    Raises:
        TextError: An input names nothing.
    """
    paths = find_inputs(inputs)
    if others := left_out(inputs):
        names = ", ".join(map(printable, others[:NAMED])) + (", ..." if len(others) > NAMED else "")
        count = f"{len(others):,} files" if len(others) > 1 else "1 file"
        yield Notice(text=f"left out {count} in folders whose names do not say that they are text: {names}")
    return paths
