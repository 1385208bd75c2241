import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elmo_cli.config import CleaningConfig, InputConfig, PiecesConfig, SplitConfig, TextConfig
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.text.prepared import COUNTS as NAMES
from elmo_cli.text.prepared import Settings, is_prepared, read_prepared, write_manifest

COUNTS = dict(zip(NAMES, (3, 12, 1, 4, 2, 9), strict=True))
SETTINGS = Settings(
    input=InputConfig(format="jsonl", field="body"),
    text=TextConfig(tokenizer="whitespace", language="fi", lowercase=True).settled(),
    pieces=PiecesConfig(size=99),
    cleaning=CleaningConfig(deduplicate=True, max_non_letters=0.5),
    split=SplitConfig(held_out=0.25, test=0.1, by="document", shuffle=True, seed=7),
)
FINDINGS = {"documents": 3, "scripts": {"Latin": 7}}
FORMAT_1 = {
    "format": 1,
    "text": {"tokenizer": "words", "language": "de", "decode_errors": "strict"},
    "libraries": {"regex": "2024.1"},
    "held_out": 0.25,
    "seed": 7,
    "sources": [],
    "shards": ["train-00000.txt"],
    "counts": {"sentences": 3, "tokens": 12, "held_out_sentences": 1, "held_out_tokens": 4},
}
"""As version 0.1.0 wrote it."""


def _prepared(folder: Path, counts: dict[str, int] = COUNTS) -> Path:
    for name in ("train-00000.txt", "train-00001.txt", "held-out.txt", "test.txt"):
        (folder / name).touch()
    write_manifest(folder, settings=SETTINGS, sources=[], shards=2, counts=counts, findings=FINDINGS)
    return folder


def test_a_prepared_folder_says_how_it_was_made(tmp_path: Path) -> None:
    assert not is_prepared(tmp_path)
    corpus = read_prepared(_prepared(tmp_path))
    assert is_prepared(tmp_path)
    assert corpus.folder == tmp_path
    assert corpus.settings == SETTINGS
    assert corpus.text == SETTINGS.text
    assert corpus.shards == [tmp_path / "train-00000.txt", tmp_path / "train-00001.txt"]
    assert corpus.held_out == tmp_path / "held-out.txt"
    assert corpus.test == tmp_path / "test.txt"
    assert corpus.counts == COUNTS
    assert corpus.findings == FINDINGS


def test_where_nothing_was_kept_apart_there_is_no_such_file_to_use(tmp_path: Path) -> None:
    corpus = read_prepared(_prepared(tmp_path, dict.fromkeys(COUNTS, 0)))
    assert (corpus.held_out, corpus.test) == (None, None)


def test_folders_of_the_first_format_are_still_read(tmp_path: Path) -> None:
    for name in ("train-00000.txt", "held-out.txt"):
        (tmp_path / name).touch()
    (tmp_path / "prepare.json").write_text(json.dumps(FORMAT_1))
    corpus = read_prepared(tmp_path)
    assert corpus.text == TextConfig(language="de", normalization="none")
    assert corpus.settings.split == SplitConfig(held_out=0.25, seed=7)
    assert corpus.settings.cleaning == CleaningConfig()
    assert corpus.held_out == tmp_path / "held-out.txt"
    assert corpus.test is None
    assert corpus.counts == FORMAT_1["counts"] | {"test_sentences": 0, "test_tokens": 0}
    assert corpus.findings == {}


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
        (
            lambda folder: (folder / "prepare.json").write_text("[]"),
            r"format None, but this version reads formats 1 and 2",
        ),
        (
            _edit(lambda manifest: manifest.update(format=3)),
            r"prepare\.json: format 3, but this version reads formats 1 and 2",
        ),
        (_edit(lambda manifest: manifest.pop("shards")), r"prepare\.json: damaged: KeyError\('shards'\)"),
        (_edit(lambda manifest: manifest.update(counts=[1])), r"prepare\.json: damaged: AttributeError"),
        (
            lambda folder: (folder / "train-00001.txt").unlink(),
            r"train-00001\.txt: missing, though prepare\.json names",
        ),
        (lambda folder: (folder / "held-out.txt").unlink(), r"held-out\.txt: missing"),
        (lambda folder: (folder / "test.txt").unlink(), r"test\.txt: missing"),
        (_edit(lambda manifest: manifest.pop("split")), r"prepare\.json: damaged: KeyError\('split'\)"),
    ],
)
def test_a_damaged_folder_says_what_is_wrong(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(_prepared(tmp_path))
    with pytest.raises(TextError, match=message):
        read_prepared(tmp_path)


def test_settings_that_this_version_does_not_know_are_named(tmp_path: Path) -> None:
    _edit(lambda manifest: manifest["text"].update(tokenizer="magic"))(_prepared(tmp_path))
    with pytest.raises(ConfigError, match="tokenizer must be words, whitespace or sentencepiece"):
        read_prepared(tmp_path)
    _edit(lambda manifest: manifest["text"].update(tokenizer="words"))(tmp_path)
    _edit(lambda manifest: manifest["split"].update(hold_out=0.1))(tmp_path)
    with pytest.raises(ConfigError, match=r"prepare\.json: unknown setting split\.hold_out"):
        read_prepared(tmp_path)


def test_shards_are_looked_for_in_the_folder_alone(tmp_path: Path) -> None:
    _edit(lambda manifest: manifest.update(shards=["/etc/train-00000.txt"]))(_prepared(tmp_path))
    assert read_prepared(tmp_path).shards == [tmp_path / "train-00000.txt"]
