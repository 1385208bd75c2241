"""Rows per sentence and per word, which add up to the totals."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from elmo_cli.errors import OutputError
from elmo_cli.flows.evaluation.evaluate import evaluate
from elmo_cli.flows.evaluation.evaluation_tables import SENTENCES, WORDS
from elmo_cli.flows.evaluation_results import EvaluateResult
from elmo_cli.flows.reports import Notice, Progress
from tests.flows import small_model
from tests.flows.small_model import SmallModel

LINES = ["the bank .", "a river", "the .", 'a bank "of the river']


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("tables") / "model")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "a.txt").write_text("\n".join(LINES[:3]))
    (tmp_path / "b.txt").write_text(LINES[3])
    return [tmp_path / "a.txt", tmp_path / "b.txt"]


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    columns = SENTENCES | WORDS
    readers: dict[type, Any] = {str: str, int: int, float: float, bool: {"True": True, "False": False}.get}
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    return [{name: readers[columns[name]](value) for name, value in row.items()} for row in found]


def run(example: SmallModel, files: list[Path], **options: Any) -> tuple[EvaluateResult, list[Any]]:
    *reports, result = evaluate(example.folder, [str(path) for path in files], device="cpu", threads=1, **options)
    assert isinstance(result, EvaluateResult)
    return result, reports


@pytest.mark.parametrize("ending", ["tsv", "jsonl", "parquet"])
def test_a_row_per_sentence_and_per_word_with_numpy_s_losses(
    example: SmallModel, files: list[Path], tmp_path: Path, ending: str
) -> None:
    sentences_table, words_table = tmp_path / f"s.{ending}", tmp_path / f"w.{ending}"
    result, reports = run(example, files, sentences_table=sentences_table, words_table=words_table)
    sentences, words = rows_of(sentences_table), rows_of(words_table)
    at = 0
    for number, (line, row) in enumerate(zip(LINES, sentences, strict=True), start=1):
        tokens = line.split()
        forward, backward, _ = example.losses([tokens], example.start_state())
        assert (row["sentence"], row["file"], row["words"]) == (number, str(files[number > 3]), len(tokens))
        assert (row["text"], row["oov"]) == (line, sum(word not in small_model.WORDS for word in tokens))
        assert row["loss_forward"] == pytest.approx(sum(forward), rel=1e-5)
        assert row["loss_backward"] == pytest.approx(sum(backward), rel=1e-5)
        assert row["perplexity"] == pytest.approx(np.exp(np.mean([forward, backward])), rel=1e-5)
        behind = [*backward[:-1][::-1], backward[-1]]
        for place, (word, ahead, back) in enumerate(zip([*tokens, "</S>"], forward, behind, strict=True), start=1):
            found = words[at]
            assert (found["sentence"], found["place"], found["word"]) == (number, place, word)
            assert found["known"] is (word in small_model.WORDS)
            assert (found["loss_forward"], found["loss_backward"]) == pytest.approx((ahead, back), rel=1e-5)
            at += 1
    assert at == len(words) == result.joint.targets
    for table in (sentences, words):
        for direction in ("forward", "backward"):
            total = sum(row[f"loss_{direction}"] for row in table)
            figures = getattr(result, direction)
            assert total == pytest.approx(figures.loss * figures.targets, rel=1e-5)
    assert sum(row["oov"] for row in sentences) == sum(not row["known"] for row in words) == result.oov_tokens
    assert [list(sentences[0]), list(words[0])] == [list(SENTENCES), list(WORDS)]
    assert Notice(text=f"scores in {sentences_table}") in reports
    assert Progress(stage=f"writing {words_table.name}", done=4, total=4, unit="sentences") in reports


def test_tables_that_cannot_be_are_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "s.tsv").write_text("mine")
    with pytest.raises(OutputError, match=r"s\.tsv: exists already"):
        next(evaluate("nowhere", ["a.txt"], sentences_table=tmp_path / "s.tsv"))
    with pytest.raises(OutputError, match=r"w\.csv: expected a name that ends in"):
        next(evaluate("nowhere", ["a.txt"], words_table=tmp_path / "w.csv"))
    assert (tmp_path / "s.tsv").read_text() == "mine"


def test_a_table_is_replaced_where_that_is_wanted(example: SmallModel, files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "s.tsv").write_text("old")
    run(example, files, sentences_table=tmp_path / "s.tsv", overwrite=True)
    assert len(rows_of(tmp_path / "s.tsv")) == 4
