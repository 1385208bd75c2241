"""``metrics.jsonl``: one JSON object per line, for programs and for plots."""

import json
from pathlib import Path
from typing import Any

from elmo_cli.files import write_text


class MetricsLog:
    """Appends records and, on resuming, forgets those of steps that will be done again.

    Args:
        path: The file; made when the first record comes.
        step: Steps done; records of later ones are dropped.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        if path.exists():
            kept = [record for record in read_metrics(path) if record["step"] <= step]
            write_text(path, "".join(json.dumps(record) + "\n" for record in kept))

    def append(self, **record: Any) -> None:
        """Adds a record, on the disk when the call returns as far as the operating system is concerned."""
        with self.path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(json.dumps(record) + "\n")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole records of a file; a line that a kill cut short is left out."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records
