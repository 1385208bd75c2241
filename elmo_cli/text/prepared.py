"""The prepared corpus: a folder of shards with one tokenised sentence a line, tokens joined by one space.

``train-00000.txt`` and on are for training, ``held-out.txt`` is for measuring while training, ``test.txt`` for
measuring at the end, ``tokenizer.model`` is the SentencePiece model where there is one, and ``prepare.json`` says how
they were made and what was met on the way, so that a model trained on them can repeat it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elmo_cli.config import CleaningConfig, InputConfig, PiecesConfig, SplitConfig, TextConfig, from_dict, to_dict
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.files import sha256_of, write_text
from elmo_cli.text.pieces import PIECES_FILE
from elmo_cli.text.tokenizers import libraries_behind

FORMAT = 2
"""Version of ``prepare.json``; raised when a reader of the old one would misread the new one."""

MANIFEST = "prepare.json"
HELD_OUT = "held-out.txt"
TEST = "test.txt"

COUNTS = ("sentences", "tokens", "held_out_sentences", "held_out_tokens", "test_sentences", "test_tokens")
"""The names of a corpus's counts; those of training carry no split's name."""

_AGAIN = "prepare the text again with elmo prepare TEXT --out {} --overwrite"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a corpus is prepared."""

    input: InputConfig = field(default_factory=InputConfig)
    text: TextConfig = field(default_factory=TextConfig)
    pieces: PiecesConfig = field(default_factory=PiecesConfig)
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    split: SplitConfig = field(default_factory=SplitConfig)


@dataclass(frozen=True, kw_only=True)
class PreparedCorpus:
    """What stands in a prepared folder."""

    folder: Path
    settings: Settings
    """How the raw text was read, cut, cleaned and dealt out."""
    shards: Sequence[Path]
    """The training files, in order."""
    held_out: Path | None
    """The held-out file; None where nothing was held out."""
    test: Path | None
    """The file for testing; None where there is nothing in it."""
    libraries: Mapping[str, str]
    """Versions of the libraries that cut it."""
    counts: Mapping[str, int]
    """By the names in :data:`COUNTS`."""
    pieces_sha256: str | None
    """Of the SentencePiece model; None where the tokenizer needs none."""
    findings: Mapping[str, Any]
    """What was met on the way: ``documents``, ``dropped`` and ``overlap`` and ``oddities``, and of the corpus
    ``lengths`` (by split: tokens -> sentences) and ``scripts`` (characters). Empty for format 1, which had none."""
    sources: Sequence[Mapping[str, Any]] = ()
    """Name, size and sha256 of every file that was read."""

    @property
    def text(self) -> TextConfig:
        """How the raw text became tokens."""
        return self.settings.text

    @property
    def pieces_path(self) -> Path | None:
        """The SentencePiece model; None where the tokenizer needs none."""
        return self.folder / PIECES_FILE if self.text.tokenizer == "sentencepiece" else None

    def read_pieces(self) -> bytes | None:
        """The SentencePiece model, checked to be the one that cut the text.

        Raises:
            TextError: It is another one.
        """
        path = self.pieces_path
        if path is not None and (found := sha256_of(path)) != self.pieces_sha256:
            raise TextError(
                f"{path}: expected the model that cut this text, SHA-256 {self.pieces_sha256}, found {found}",
                hint=_AGAIN.format(self.folder),
            )
        return None if path is None else path.read_bytes()


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
    settings: Settings,
    sources: Sequence[Mapping[str, Any]],
    shards: int,
    counts: Mapping[str, int],
    findings: Mapping[str, Any],
) -> None:
    """Writes ``prepare.json`` for a folder that has everything else already.

    Args:
        settings: How the corpus was prepared.
        sources: Name, size and sha256 of every file that was read.
        shards: How many training files there are.
        counts: As in :class:`PreparedCorpus`.
        findings: As in :class:`PreparedCorpus`.
    """
    manifest = {
        "format": FORMAT,
        **to_dict(settings),
        "libraries": libraries_behind(settings.text),
        "pieces_sha256": sha256_of(folder / PIECES_FILE) if settings.text.tokenizer == "sentencepiece" else None,
        "sources": sources,
        "shards": [shard_name(number) for number in range(shards)],
        "counts": dict(counts),
        "findings": findings,
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
    if found not in (1, FORMAT):
        raise TextError(
            f"{path}: format {found}, but this version reads formats 1 and {FORMAT}", hint=_AGAIN.format(folder)
        )
    try:
        corpus = _corpus(folder, manifest, _settings(manifest, path))
    except ConfigError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TextError(f"{path}: damaged: {error!r}", hint=_AGAIN.format(folder)) from error
    apart = [file for file in (corpus.held_out, corpus.test, corpus.pieces_path) if file is not None]
    for file in (*corpus.shards, *apart):
        if not file.is_file():
            raise TextError(f"{file}: missing, though {MANIFEST} names it", hint=_AGAIN.format(folder))
    return corpus


def _settings(manifest: Mapping[str, Any], path: Path) -> Settings:
    if manifest["format"] == 1:
        split = SplitConfig(held_out=float(manifest["held_out"]), seed=int(manifest["seed"]))
        return Settings(text=TextConfig.recorded(manifest["text"]), split=split)
    names = Settings.__dataclass_fields__
    values = {name: manifest[name] for name in names if name != "text"}
    settings = from_dict(Settings, values | {"text": {}}, where=str(path))
    return Settings(**{name: getattr(settings, name) for name in values}, text=TextConfig.recorded(manifest["text"]))


def _corpus(folder: Path, manifest: Mapping[str, Any], settings: Settings) -> PreparedCorpus:
    counts = dict.fromkeys(COUNTS, 0) | {str(name): int(count) for name, count in manifest["counts"].items()}
    return PreparedCorpus(
        folder=folder,
        settings=settings,
        shards=[folder / Path(name).name for name in manifest["shards"]],
        held_out=folder / HELD_OUT if counts["held_out_sentences"] else None,
        test=folder / TEST if counts["test_sentences"] else None,
        libraries={str(name): str(version) for name, version in manifest["libraries"].items()},
        counts=counts,
        pieces_sha256=manifest.get("pieces_sha256"),
        findings=manifest.get("findings", {}),
        sources=manifest.get("sources", ()),
    )
