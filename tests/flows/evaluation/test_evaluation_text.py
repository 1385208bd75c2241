"""The text to be scored, and the size of its original."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from elmo_cli.config import InputConfig, SplitConfig, TextConfig
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.evaluation.evaluation_text import EvaluationText, read_evaluation_text
from elmo_cli.flows.models.loaded import LoadedModel, load_model
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.measure.scored_text import TextSize
from tests.flows.small_model import SmallModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(SmallModel(tmp_path_factory.mktemp("text") / "model").folder)


def read(model: LoadedModel, *inputs: Path, **options: Any) -> tuple[EvaluationText, list[Report]]:
    settings: dict[str, Any] = {"reading": InputConfig(), "text": TextConfig(tokenizer="whitespace")} | options
    assert model.vocabulary is not None
    flow = read_evaluation_text(list(map(str, inputs)), model=model, vocabulary=model.vocabulary, **settings)
    reports = []
    while True:
        try:
            reports.append(next(flow))
        except StopIteration as stop:
            return stop.value, reports


def tokens(found: EvaluationText) -> list[list[str]]:
    text = found.text
    return [
        [text.lexicon[number] for number in text.tokens_N[text.starts[at] : text.starts[at + 1]]]
        for at in range(len(text.starts) - 1)
    ]


RAW = "thé  bank .\n\n 河 a\n"
SIZE = TextSize(bytes=len(RAW.encode()), characters=len(RAW), words=5)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.txt", RAW.encode()),
        ("no-last-line-end.txt", RAW.rstrip("\n").encode()),
        ("dos.txt", RAW.replace("\n", "\r\n").encode()),
        ("marked.txt", b"\xef\xbb\xbf" + RAW.encode()),
        ("packed.txt.gz", gzip.compress(RAW.encode())),
        ("records.jsonl", "".join(json.dumps({"text": line}) + "\n" for line in RAW.splitlines()).encode()),
        ("one-record.jsonl", (json.dumps({"text": RAW.rstrip("\n"), "more": 1}) + "\n").encode()),
    ],
)
def test_the_size_is_that_of_the_text_whatever_holds_it(
    model: LoadedModel, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    found, _ = read(model, tmp_path / name)
    assert found.size == SIZE
    assert tokens(found) == [["thé", "bank", "."], ["河", "a"]]
    assert int(found.bytes_P.sum()) == SIZE.bytes
    assert found.bytes_P.tolist() == [13, 1, 7]
    assert found.paragraphs_S.tolist() == [0, 2]


def test_another_encoding_counts_as_utf_8(model: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("thé bank\n".encode("latin-1"))
    found, _ = read(model, tmp_path / "latin.txt", reading=InputConfig(encoding="latin-1"))
    assert found.size == TextSize(bytes=10, characters=9, words=2)


def test_sentences_know_their_file_and_paragraph(model: LoadedModel, tmp_path: Path) -> None:
    for name, text in (("a.txt", "The bank. A bank?\nthe\n"), ("b.txt", "\n"), ("c.txt", "a\n")):
        (tmp_path / name).write_text(text)
    paths = [tmp_path / name for name in ("a.txt", "b.txt", "c.txt")]
    found, _ = read(model, *paths, text=TextConfig(tokenizer="words"))
    assert tokens(found) == [["The", "bank", "."], ["A", "bank", "?"], ["the"], ["a"]]
    assert found.files == [str(path) for path in paths]
    assert found.files_S.tolist() == [0, 0, 0, 2]
    assert found.paragraphs_S.tolist() == [0, 0, 1, 3]
    assert found.size == TextSize(bytes=25, characters=25, words=6)


def test_text_that_came_as_tokens_has_no_size(model: LoadedModel, tmp_path: Path) -> None:
    rows = ["1\tthe\t_\t_\t_\t_\t_\t_\t_\t_", "2\tbank\t_\t_\t_\t_\t_\t_\t_\t_"]
    (tmp_path / "a.conllu").write_text("\n".join(rows) + "\n\n")
    found, _ = read(model, tmp_path / "a.conllu")
    assert (tokens(found), found.size) == ([["the", "bank"]], None)


def prepared(folder: Path, **split: float) -> Path:
    (folder / "raw.txt").write_text("".join(f"The bank {number}. A river!\n" for number in range(100)))
    list(prepare([str(folder / "raw.txt")], folder / "corpus", split=SplitConfig(**split)))  # type: ignore[arg-type]
    return folder / "corpus"


def test_each_split_of_a_prepared_folder_can_be_read(model: LoadedModel, tmp_path: Path) -> None:
    corpus = prepared(tmp_path, held_out=0.2, test=0.1)
    found = {split: read(model, corpus, split=split) for split in ("train", "held-out", "test")}
    sizes = {split: len(tokens(text)) for split, (text, _) in found.items()}
    assert sum(sizes.values()) == 200
    assert sizes["train"] > sizes["held-out"] > sizes["test"] > 0
    for name in ("held-out", "test"):
        assert [" ".join(line) for line in tokens(found[name][0])] == (corpus / f"{name}.txt").read_text().splitlines()
    assert {text.size for text, _ in found.values()} == {None}
    assert found["test"][1][0] == Notice(text=f"reading the test text of {corpus}")


@pytest.mark.parametrize(
    ("split", "message"), [("held-out", "nothing was held out of it"), ("test", "nothing was kept for testing")]
)
def test_a_split_that_was_not_made_is_refused(model: LoadedModel, tmp_path: Path, split: str, message: str) -> None:
    corpus = prepared(tmp_path, held_out=0.0)
    with pytest.raises(TextError, match=f"corpus: {message}") as caught:
        read(model, corpus, split=split)
    assert caught.value.hint == "name a text file to score"


def test_a_split_that_does_not_exist_is_refused(model: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--split dev: expected held-out, test or train"):
        read(model, prepared(tmp_path), split="dev")


def test_reading_tells_how_far_it_is_and_what_was_odd(model: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"the \xff bank\n")
    _, reports = read(model, tmp_path / "a.txt", reading=InputConfig(decode_errors="replace"))
    assert reports == [
        Progress(stage="reading text", done=11, total=11, unit="bytes"),
        Notice(text="bytes that were not utf-8 became U+FFFD in 1 places", warning=True),
        Notice(text="3 tokens in 1 sentences"),
    ]


def test_a_text_without_a_sentence_is_refused(model: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n \n")
    with pytest.raises(TextError, match=r"a\.txt: no sentence found") as caught:
        read(model, tmp_path / "a.txt")
    assert caught.value.hint == "check that the text is not empty"
