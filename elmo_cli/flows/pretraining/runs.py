"""Finished or unfinished runs as they lie in their folders: settings, and what their logs say."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from elmo_cli.config import RunConfig, as_named_now, from_dict, to_dict
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.train.metrics import read_metrics

Records = Sequence[Mapping[str, Any]]
MACHINE = ("tool", "python", "torch", "device")
"""What a run records of the machine and the programs it ran with."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run folder, read."""

    path: Path
    name: str
    """Short, and another for each of several runs."""
    settings: Mapping[str, Any]
    """By dotted name, what was resolved of presets and flags; and what the run was given and ran on."""
    training: Records
    """Records of steps, in order."""
    held_out: Records
    """Records of evaluations, in order."""
    back_offs: Sequence[Mapping[str, float]]
    """Each time the loss was no number and the run went back."""

    @property
    def steps(self) -> int:
        """How many the log knows of."""
        return max((record["step"] for record in (*self.training, *self.held_out)), default=0)

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The record of the best evaluation; None before the first."""
        return min(self.held_out, key=lambda record: record["held_out_perplexity"], default=None)

    def last(self, figure: str) -> Any:
        """The latest value of a figure; None where none was recorded."""
        return next((record[figure] for record in reversed(self._all()) if figure in record), None)

    def middle(self, figure: str) -> float | None:
        """The median of a figure over the log; None where none was recorded."""
        values = [record[figure] for record in self.training if figure in record]
        return median(values) if values else None

    def _all(self) -> Records:
        return sorted((*self.training, *self.held_out), key=lambda record: record["step"])


def is_run(path: Path) -> bool:
    """Whether a folder is one that ``elmo pretrain`` began to train in."""
    return (path / "config.json").is_file() and (path / "metrics.jsonl").is_file()


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Reads run folders.

    Raises:
        TextError: A path is none, or its settings are damaged.
    """
    return [_read(path, name) for path, name in zip(paths, _short_names(paths), strict=True)]


def differing(runs: Sequence[Run]) -> list[str]:
    """Settings in which runs differ, in the order of the settings."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    return [name for name in names if any(run.settings.get(name) != runs[0].settings.get(name) for run in runs)]


def _read(path: Path, name: str) -> Run:
    if not is_run(path):
        raise TextError(
            f"{path}: expected the folder of a run, with config.json and metrics.jsonl; found none",
            hint="give what elmo pretrain was given with --out, once it has trained a few steps",
        )
    try:
        record = json.loads((path / "config.json").read_text(encoding="utf-8"))
        settings = dict(_settings(record))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TextError(
            f"{path / 'config.json'}: not the settings of a run: {type(error).__name__}: {error}"
        ) from error
    records = read_metrics(path / "metrics.jsonl")
    return Run(
        path=path,
        name=name,
        settings=settings,
        training=[record for record in records if "loss_sampled" in record],
        held_out=[record for record in records if "held_out_perplexity" in record],
        back_offs=[record["back_off"] for record in records if "back_off" in record],
    )


def _settings(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if name != "config" and name not in MACHINE:
            yield from _flat({name: value})
    config = record["config"]
    with suppress(ConfigError):  # of a version with other settings, which are then shown as they stand there
        # What an older version did not know yet has the value that it has by itself.
        read = from_dict(RunConfig, as_named_now(config), where="config.json")
        config = to_dict(replace(read, train=read.train.settled()))
    yield from _flat(config)
    for name in MACHINE:
        if name in record:
            yield name, record[name]


def _flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _short_names(paths: Sequence[Path]) -> list[str]:
    """As few of each path's last parts as tell them all apart."""
    parts = [path.resolve().parts for path in paths]
    for count in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{path} ({number})" for number, path in enumerate(paths, 1)]
