"""The prepared corpus: a folder of shards with one tokenised sentence a line, tokens joined by one space.

``train-00000.txt`` and on are for training, ``held-out.txt`` is for measuring, and ``prepare.json`` says how they were
made, so that a model trained on them can repeat it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elmo_cli.config import TextConfig, from_dict, to_dict
from elmo_cli.errors import TextError
from elmo_cli.files import write_text
from elmo_cli.text.tokenizers import libraries_behind

FORMAT = 1
"""Version of ``prepare.json``; raised when a reader of the old one would misread the new one."""

MANIFEST = "prepare.json"
HELD_OUT = "held-out.txt"

_AGAIN = "prepare the text again with elmo prepare TEXT --out {} --overwrite"


@dataclass(frozen=True, kw_only=True)
class PreparedCorpus:
    """What stands in a prepared folder."""

    folder: Path
    text: TextConfig
    """How the raw text became tokens."""
    shards: Sequence[Path]
    """The training files, in order."""
    held_out: Path | None
    """The held-out file; None where nothing was held out."""
    libraries: Mapping[str, str]
    """Versions of the libraries that cut it."""
    counts: Mapping[str, int]
    """``sentences``, ``tokens``, ``held_out_sentences`` and ``held_out_tokens``."""


def shard_name(number: int) -> str:
    """The name of a training file.

    Example:
        >>> shard_name(7)
        'train-00007.txt'
    """
    return f"train-{number:05}.txt"


def is_prepared(path: Path) -> bool:
    """Whether a path is a folder that ``elmo prepare`` wrote."""
    return (path / MANIFEST).is_file()


def write_manifest(
    folder: Path,
    *,
    text: TextConfig,
    held_out: float,
    seed: int,
    sources: Sequence[Mapping[str, Any]],
    shards: int,
    counts: Mapping[str, int],
) -> None:
    """Writes ``prepare.json``.

    Args:
        held_out: Share of the sentences held out.
        seed: Decided which.
        sources: Name, size and sha256 of every file that was read.
        shards: How many training files there are.
        counts: As in :class:`PreparedCorpus`.
    """
    manifest = {
        "format": FORMAT,
        "text": to_dict(text),
        "libraries": libraries_behind(text),
        "held_out": held_out,
        "seed": seed,
        "sources": sources,
        "shards": [shard_name(number) for number in range(shards)],
        "counts": dict(counts),
    }
    write_text(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def read_prepared(folder: Path) -> PreparedCorpus:
    """Reads what a prepared folder says of itself, and checks that its files are there.

    Raises:
        TextError: The folder was not written by ``elmo prepare``, or is damaged.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TextError(
            f"{folder}: not a prepared corpus: it has no readable {MANIFEST}",
            hint=f"make one with elmo prepare TEXT --out {folder}",
        ) from error
    except ValueError as error:
        raise TextError(f"{path}: not JSON: {error}", hint=_AGAIN.format(folder)) from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise TextError(f"{path}: format {found}, but this version reads format {FORMAT}", hint=_AGAIN.format(folder))
    try:
        counts = {str(name): int(count) for name, count in manifest["counts"].items()}
        shards = [folder / Path(name).name for name in manifest["shards"]]
        held_out = folder / HELD_OUT if counts["held_out_sentences"] else None
        text = from_dict(TextConfig, manifest["text"], where=str(path))
        libraries = {str(name): str(version) for name, version in manifest["libraries"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TextError(f"{path}: damaged: {error!r}", hint=_AGAIN.format(folder)) from error
    for file in [*shards, *([held_out] if held_out else [])]:
        if not file.is_file():
            raise TextError(f"{file}: missing, though {MANIFEST} names it", hint=_AGAIN.format(folder))
    return PreparedCorpus(
        folder=folder, text=text, shards=shards, held_out=held_out, libraries=libraries, counts=counts
    )
