from pathlib import Path

import pytest

from elmo_cli.config import TextConfig, VocabularyConfig
from elmo_cli.errors import OutputError, TextError
from elmo_cli.flows.corpora.merging import merge_counts
from elmo_cli.flows.corpora.part_counts import count_only
from elmo_cli.flows.corpora.vocabulary import build_vocabulary

WHITESPACE = TextConfig(tokenizer="whitespace")
ALL = VocabularyConfig(min_count=1)


def _text(folder: Path, text: str, name: str = "text.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _content(path: Path) -> tuple[bytes, bytes]:
    return path.read_bytes(), path.with_suffix(".counts.tsv").read_bytes()


def test_counts_of_parts_merge_to_the_vocabulary_of_the_whole(shared: Path, tmp_path: Path) -> None:
    lines = (shared / "data/wikitext-2/valid.sentences.txt").read_text(encoding="utf-8").split("\n")[:-1]
    parts = [_text(tmp_path, "".join(f"{line}\n" for line in lines[at::3]), f"part-{at}.txt") for at in range(3)]
    files = [tmp_path / name for name in ("0.tsv", "1.tsv.gz", "2.tsv")]
    for part, file in zip(parts, files, strict=True):
        list(count_only([str(part)], file, config=ALL, text=WHITESPACE))
    words = _text(tmp_path, "zebra\nunheard\n", "words.txt")
    config, held = VocabularyConfig(size=5_000, min_count=3), [str(parts[0])]
    names = [str(part) for part in parts]
    options = {"config": config, "forced": words, "held_out": held}
    *_, whole = build_vocabulary(names, tmp_path / "whole.txt", text=WHITESPACE, **options)  # type: ignore[arg-type]
    *_, merged = merge_counts(files, tmp_path / "merged.txt", **options)  # type: ignore[arg-type]
    assert _content(tmp_path / "whole.txt") == _content(tmp_path / "merged.txt")
    assert merged.to_json() == whole.to_json() | {"path": str(tmp_path / "merged.txt")}  # type: ignore[union-attr]


def test_files_that_do_not_belong_together_are_not_merged(tmp_path: Path) -> None:
    one, other = tmp_path / "one.tsv", tmp_path / "other.tsv"
    source = str(_text(tmp_path, "a b\n"))
    list(count_only([source], one, config=ALL, text=WHITESPACE))
    list(count_only([source], other, config=ALL, text=TextConfig(language="de")))
    with pytest.raises(
        TextError, match=r"other\.tsv: its text was cut by .*'de'.*, that of .*one\.tsv by .*whitespace"
    ):
        list(merge_counts([one, other], tmp_path / "vocab.txt", config=ALL))
    with pytest.raises(TextError, match=r"one\.tsv: named twice; its words would count double"):
        list(merge_counts([one, one], tmp_path / "vocab.txt", config=ALL))
    with pytest.raises(TextError, match=r"text\.txt: not a count file"):
        list(merge_counts([Path(source)], tmp_path / "vocab.txt", config=ALL))
    with pytest.raises(OutputError, match=r"one\.tsv: exists and is not a vocabulary"):
        list(merge_counts([one], one, config=ALL))
    assert not (tmp_path / "vocab.txt").exists()
