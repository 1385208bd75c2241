"""``metrics.jsonl``: one JSON object per line, for programs and for plots."""

import json
from pathlib import Path
from typing import Any

from elmo_cli.files import cannot_write, write_text

MEASURED = (
    "words_per_second",
    "waiting_share",
    "exchange_share",
    "exchange_bytes",
    "peak_memory_bytes",
    "peak_device_bytes",
    "seconds",
    "seconds_left",
)
"""Figures of a record that a machine's mood decides; all others are the same whenever a run is done again."""


class MetricsLog:
    """Appends records and, on resuming, forgets those of steps that will be done again.

    Args:
        path: The file; made when the first record comes.
        step: Steps done; records of later ones are dropped.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.forget_after(step)

    def append(self, **record: Any) -> None:
        """Adds a record, on the disk when the call returns as far as the operating system is concerned.

        Raises:
            OutputError: The disk is full or read-only.
        """
        try:
            with self.path.open("a", encoding="utf-8", newline="\n") as stream:
                stream.write(json.dumps(record) + "\n")
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def forget_after(self, step: int) -> None:
        """Drops the records of steps after this one.

        Raises:
            OutputError: It cannot be read or written.
        """
        if self.path.exists():
            try:
                kept = [record for record in read_metrics(self.path) if record["step"] <= step]
            except OSError as error:
                raise cannot_write(self.path, error) from error
            write_text(self.path, "".join(json.dumps(record) + "\n" for record in kept))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole records of a file; a line that a kill cut short or a disk spoiled is left out."""
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append(record)
    return records
