import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elmo_cli.config import TextConfig
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.text.prepared import is_prepared, read_prepared, write_manifest

COUNTS = {"sentences": 3, "tokens": 12, "held_out_sentences": 1, "held_out_tokens": 4}


def _prepared(folder: Path, counts: dict[str, int] = COUNTS) -> Path:
    for name in ("train-00000.txt", "train-00001.txt", "held-out.txt"):
        (folder / name).touch()
    text = TextConfig(tokenizer="whitespace", language="fi")
    write_manifest(folder, text=text, held_out=0.25, seed=7, sources=[], shards=2, counts=counts)
    return folder


def test_a_prepared_folder_says_how_it_was_made(tmp_path: Path) -> None:
    assert not is_prepared(tmp_path)
    corpus = read_prepared(_prepared(tmp_path))
    assert is_prepared(tmp_path)
    assert corpus.folder == tmp_path
    assert corpus.text == TextConfig(tokenizer="whitespace", language="fi")
    assert corpus.shards == [tmp_path / "train-00000.txt", tmp_path / "train-00001.txt"]
    assert corpus.held_out == tmp_path / "held-out.txt"
    assert corpus.counts == COUNTS


def test_where_nothing_was_held_out_there_is_no_such_file_to_use(tmp_path: Path) -> None:
    assert read_prepared(_prepared(tmp_path, COUNTS | {"held_out_sentences": 0, "held_out_tokens": 0})).held_out is None


def _edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        manifest = json.loads((folder / "prepare.json").read_text())
        change(manifest)
        (folder / "prepare.json").write_text(json.dumps(manifest))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "prepare.json").unlink(), r"not a prepared corpus: it has no readable prepare\.json"),
        (lambda folder: (folder / "prepare.json").write_text("{"), r"prepare\.json: not JSON.*\n.*--overwrite"),
        (lambda folder: (folder / "prepare.json").write_text("[]"), r"format None, but this version reads format 1"),
        (
            _edit(lambda manifest: manifest.update(format=2)),
            r"prepare\.json: format 2, but this version reads format 1",
        ),
        (_edit(lambda manifest: manifest.pop("shards")), r"prepare\.json: damaged: KeyError\('shards'\)"),
        (_edit(lambda manifest: manifest.update(counts=[1])), r"prepare\.json: damaged: AttributeError"),
        (
            lambda folder: (folder / "train-00001.txt").unlink(),
            r"train-00001\.txt: missing, though prepare\.json names",
        ),
        (lambda folder: (folder / "held-out.txt").unlink(), r"held-out\.txt: missing"),
    ],
)
def test_a_damaged_folder_says_what_is_wrong(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(_prepared(tmp_path))
    with pytest.raises(TextError, match=message):
        read_prepared(tmp_path)


def test_settings_that_this_version_does_not_know_are_named(tmp_path: Path) -> None:
    _edit(lambda manifest: manifest["text"].update(tokenizer="magic"))(_prepared(tmp_path))
    with pytest.raises(ConfigError, match="tokenizer must be words or whitespace"):
        read_prepared(tmp_path)


def test_shards_are_looked_for_in_the_folder_alone(tmp_path: Path) -> None:
    _edit(lambda manifest: manifest.update(shards=["/etc/train-00000.txt"]))(_prepared(tmp_path))
    assert read_prepared(tmp_path).shards == [tmp_path / "train-00000.txt"]
