"""Settings as files: TOML, and the ``config.json`` that a run keeps."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from elmo_cli.config.run import RunConfig, as_named_now
from elmo_cli.config.values import read_toml, to_dict
from elmo_cli.errors import ConfigError


def read_settings(path: Path) -> dict[str, Any]:
    """The nested settings of a TOML file, of a run's ``config.json``, or of a run's folder.

    Raises:
        ConfigError: The file is missing, or neither.
    """
    file = path / "config.json" if path.is_dir() else path
    if file.suffix != ".json":
        return read_toml(file)
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        return as_named_now(record.get("config", record))
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: no such configuration file", hint="check the path given to --config") from error
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            f"{file}: not the settings of a run: {error}", hint="give a TOML file, or the config.json of a run"
        ) from error


def to_toml(config: RunConfig, explain: Callable[[str], str] = lambda name: "") -> str:
    """All settings as TOML, which ``--config`` reads.

    TOML has no null: where null is the default, a comment stands for it, elsewhere the word.

    Args:
        explain: A few words about the setting of that dotted name.

    Example:
        >>> print(to_toml(RunConfig()).splitlines()[2])
        share_embedding_softmax = false
    """
    return "\n".join(_lines(to_dict(config), to_dict(RunConfig()), (), explain)).strip() + "\n"


def _lines(
    values: Mapping[str, Any], defaults: Mapping[str, Any], above: tuple[str, ...], explain: Callable[[str], str]
) -> Iterator[str]:
    tables = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    plain = {name: value for name, value in values.items() if name not in tables}
    if above and plain:
        yield f"[{'.'.join(above)}]"
    for name, value in plain.items():
        is_default_null = value is None and defaults.get(name) is None
        line = f"# {name} = null" if is_default_null else f"{name} = {json.dumps('null' if value is None else value)}"
        meaning = explain(".".join((*above, name)))
        yield f"{line}  # {meaning}" if meaning else line
    if plain:
        yield ""
    for name, value in tables.items():
        yield from _lines(value, defaults.get(name) or {}, (*above, name), explain)
