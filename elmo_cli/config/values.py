"""Settings as plain values: JSON, TOML, and ``key=value`` words."""

import difflib
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from elmo_cli.errors import ConfigError

Section = TypeVar("Section")


def to_dict(config: Any) -> dict[str, Any]:
    """A section as plain dictionaries, lists and numbers, ready for JSON."""
    return json.loads(json.dumps(asdict(config)))


def from_dict(section: type[Section], values: Mapping[str, Any], *, where: str) -> Section:
    """The inverse of :func:`to_dict`. Absent keys keep their defaults.

    Args:
        where: Names the source in messages: a file, or ``--set``.

    Raises:
        ConfigError: A key is unknown (the nearest known one is suggested), or a value does not fit.
    """
    return _build(section, None, values, where=where, path="")


def override(config: Section, values: Mapping[str, Any], *, where: str) -> Section:
    """``config`` with the nested ``values`` laid over it.

    Raises:
        ConfigError: As :func:`from_dict`.
    """
    return _build(type(config), config, values, where=where, path="")


def read_toml(path: Path) -> dict[str, Any]:
    """The nested values of a TOML file, for :func:`override`.

    Raises:
        ConfigError: The file is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such configuration file", hint="check the path given to --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}", hint="for example: train.steps = 500") from error


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Nested values from ``section.key=value`` words, values read as TOML (``train.steps=100``, ``lstm.cell_clip=3``).

    Raises:
        ConfigError: A word has no ``=``.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"--set {assignment}: expected section.key=value", hint="for example --set train.learning_rate=0.1"
            )
        *parents, leaf = key.strip().split(".")
        inner = values
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"--set {assignment}: {parent} was already given a value of its own")
        inner[leaf] = _read_value(text.strip())
    return values


def _read_value(text: str) -> Any:
    if text in ("null", "none", "None"):
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word, such as train.softmax_bias=zero


def _build(section: type[Section], base: Any, values: Mapping[str, Any], *, where: str, path: str) -> Section:
    if not isinstance(values, Mapping):
        place = path.rstrip(".") or "the configuration"
        raise ConfigError(f"{where}: {place} must be a table of settings, not {values!r}")
    hints = typing.get_type_hints(section)
    known = {entry.name for entry in fields(section)}  # type: ignore[arg-type]
    arguments = {name: getattr(base, name) for name in known} if base is not None else {}
    for key, value in values.items():
        place = f"{path}{key}"
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise ConfigError(
                f"{where}: unknown setting {place}",
                hint=f"did you mean {path}{near[0]}?" if near else f"known here: {', '.join(sorted(known))}",
            )
        arguments[key] = _convert(hints[key], arguments.get(key), value, where=where, path=place)
    try:
        return section(**arguments)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error


def _convert(expected: Any, base: Any, value: Any, *, where: str, path: str) -> Any:
    choices = typing.get_args(expected) if isinstance(expected, types.UnionType) else (expected,)
    if type(None) in choices and (value is None or (value == "null" and str not in choices)):
        return None  # as a word, because TOML has no null
    for choice in choices:
        if is_dataclass(choice) and isinstance(choice, type):
            return _build(choice, base, value, where=where, path=f"{path}.")
        if typing.get_origin(choice) is tuple and isinstance(value, list | tuple):
            if all(isinstance(item, list | tuple) and len(item) == 2 for item in value):
                return tuple((int(width), int(count)) for width, count in value)
        elif choice is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif choice in (int, str, bool) and type(value) is choice:
            return value
    names = " or ".join("null" if choice is type(None) else _type_name(choice) for choice in choices)
    raise ConfigError(f"{where}: {path} must be {names}, not {value!r}")


def _type_name(choice: Any) -> str:
    names: dict[Any, str] = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}
    return names.get(choice, "a list of [width, count]")
