"""One nested table of settings from ``--config``, ``--set`` and flags, the later ones winning."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elmo_cli.config import LENGTHS, parse_assignments, read_settings

Settings = dict[str, Any]


def gather(config: Path | None, assignments: Sequence[str], flags: Mapping[str, Any]) -> Settings:
    """What a user set, for :func:`elmo_cli.config.override`: flag over ``--set`` over ``--config``.

    Several settings say how long a run is, ``train.epochs`` and ``train.steps`` among them, so the stronger source's
    choice undoes the others.

    Args:
        config: A TOML file, a run or its ``config.json``, or None.
        assignments: Words such as ``train.rows=64``.
        flags: Dotted names with values; None stands for a flag that was not given.

    Raises:
        ConfigError: The file or a word cannot be read. Whether the settings exist is for the flow to say.
    """
    settings: Settings = read_settings(config) if config is not None else {}
    given = {name: value for name, value in flags.items() if value is not None}
    for source in (parse_assignments(assignments), _nest(given)):
        _undo_other_length(settings, source)
        settings = _lay_over(settings, source)
    return settings


def _nest(flat: Mapping[str, Any]) -> Settings:
    nested: Settings = {}
    for name, value in flat.items():
        section, _, key = name.partition(".")
        nested.setdefault(section, {})[key] = value
    return nested


def _lay_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Settings:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both_tables = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _lay_over(old, value) if both_tables else value  # type: ignore[arg-type]
    return merged


def _undo_other_length(below: Settings, above: Mapping[str, Any]) -> None:
    train, stronger = below.get("train"), above.get("train")
    if isinstance(train, dict) and isinstance(stronger, Mapping) and not stronger.keys().isdisjoint(LENGTHS):
        for name in set(LENGTHS) - stronger.keys():
            train.pop(name, None)
