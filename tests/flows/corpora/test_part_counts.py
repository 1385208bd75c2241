from pathlib import Path

import pytest

from elmo_cli.config import SplitConfig, TextConfig, VocabularyConfig
from elmo_cli.errors import OutputError, TextError
from elmo_cli.flows.corpora.part_counts import count_only
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.corpus_results import CountsResult
from elmo_cli.flows.reports import Progress
from elmo_cli.text.count_files import read_header

CONFIG = VocabularyConfig(max_types=1_000)
WHITESPACE = TextConfig(tokenizer="whitespace")


def test_counts_are_written_with_what_they_are_of(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("b a b\n\nc\n")
    *progress, result = count_only(
        [str(tmp_path / "text.txt")], tmp_path / "counts.tsv", config=CONFIG, text=WHITESPACE
    )
    assert all(isinstance(report, Progress) for report in progress) and progress
    assert result == CountsResult(
        path=str(tmp_path / "counts.tsv"),
        sentences=2,
        types=3,
        tokens=4,
        forgotten_types=0,
        forgotten_tokens=0,
        largest_loss=0,
    )
    assert (tmp_path / "counts.tsv").read_text().splitlines()[1:] == ["b\t2", "a\t1", "c\t1"]
    assert read_header(tmp_path / "counts.tsv").text == WHITESPACE.settled()


def test_counts_of_a_prepared_folder_are_of_text_that_was_cut_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("One two. Three four.\n" * 9)
    german = TextConfig(language="de")
    flow = prepare([str(tmp_path / "text.txt")], tmp_path / "prepared", text=german, split=SplitConfig(held_out=0.0))
    list(flow)
    list(count_only([str(tmp_path / "prepared")], tmp_path / "counts.tsv", config=CONFIG, text=WHITESPACE))
    assert read_header(tmp_path / "counts.tsv").text == german.settled()


def test_what_was_forgotten_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(" ".join(f"{number} often" for number in range(1_200)))
    *_, result = count_only([str(tmp_path / "text.txt")], tmp_path / "counts.tsv", config=CONFIG, text=WHITESPACE)
    assert isinstance(result, CountsResult)
    assert (result.types, result.tokens) == (1, 2_400)
    assert (result.forgotten_types, result.forgotten_tokens, result.largest_loss) == (1_200, 1_200, 1)


def test_only_older_counts_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a\n")
    for _ in range(2):
        list(count_only([str(tmp_path / "text.txt")], tmp_path / "counts.tsv", config=CONFIG, text=WHITESPACE))
    with pytest.raises(
        OutputError, match=r"text\.txt: exists and is not a count file; nothing was changed\n.*--counts-"
    ):
        list(count_only([str(tmp_path / "text.txt")], tmp_path / "text.txt", config=CONFIG, text=WHITESPACE))
    assert (tmp_path / "text.txt").read_text() == "a\n"


def test_a_missing_pieces_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a\n")
    with pytest.raises(TextError, match=r"gone\.model: cannot be read"):
        list(
            count_only(
                [str(tmp_path / "text.txt")],
                tmp_path / "counts.tsv",
                config=CONFIG,
                text=TextConfig(tokenizer="sentencepiece"),
                pieces_model=tmp_path / "gone.model",
            )
        )
