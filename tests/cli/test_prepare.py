"""``elmo prepare``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from elmo_cli.config import CleaningConfig, InputConfig, PiecesConfig, SplitConfig, TextConfig
from elmo_cli.flows.corpus_results import DroppedResult, PrepareResult
from elmo_cli.text.cleaning import RULES

DROPPED = {rule: DroppedResult(sentences=1_000 + place, tokens=20_000, examples=[]) for place, rule in enumerate(RULES)}
RESULT = PrepareResult(
    out_dir="prepared",
    files=3,
    bytes=41_234_567,
    documents=12,
    sentences=300_001,
    tokens=8_000_002,
    held_out_sentences=6_003,
    held_out_tokens=160_004,
    test_sentences=0,
    test_tokens=0,
    shards=4,
    dropped={},
    held_out_overlap=0.0123,
    test_overlap=None,
    oddities={},
    processes=1,
    seconds=10.0,
    bytes_per_second=4_123_456.7,
)


def test_the_defaults_are_those_of_the_settings(elmo, play) -> None:
    calls = play("corpora.prepare", [RESULT])
    assert elmo("prepare", "a.txt", "b", "--out", "prepared").code == 0
    assert calls[0].args == (["a.txt", "b"], Path("prepared"))
    assert calls[0].options == {
        "reading": InputConfig(),
        "text": TextConfig(),
        "cleaning": CleaningConfig(),
        "split": SplitConfig(),
        "pieces": PiecesConfig(),
        "pieces_model": None,
        "processes": None,
        "overwrite": False,
    }


def test_every_option_arrives(elmo, play) -> None:
    calls = play("corpora.prepare", [RESULT])
    words = "prepare - --out p --format jsonl --field body --encoding latin-1 --decode-errors skip --documents line"
    words += " --tokenizer sentencepiece --language de --normalization nfkc --lowercase --zero-digits"
    words += " --pieces 500 --pieces-algorithm bpe --character-coverage 0.99 --pieces-model m"
    words += " --deduplicate --min-tokens 2 --max-tokens 80 --max-non-letters 0.5"
    words += " --held-out 0 --test 0.1 --split-by document --shuffle --seed 7 --shard-sentences 50"
    words += " --processes 3 --overwrite"
    assert elmo(*words.split()).code == 0
    assert calls[0].options == {
        "reading": InputConfig(
            format="jsonl", field="body", encoding="latin-1", decode_errors="skip", documents="line"
        ),
        "text": TextConfig(
            tokenizer="sentencepiece", language="de", normalization="nfkc", lowercase=True, zero_digits=True
        ),
        "cleaning": CleaningConfig(deduplicate=True, min_tokens=2, max_tokens=80, max_non_letters=0.5),
        "split": SplitConfig(held_out=0.0, test=0.1, by="document", shuffle=True, seed=7, shard_sentences=50),
        "pieces": PiecesConfig(size=500, algorithm="bpe", character_coverage=0.99),
        "pieces_model": Path("m"),
        "processes": 3,
        "overwrite": True,
    }


def test_the_table_explains_its_figures(elmo, play) -> None:
    play("corpora.prepare", [RESULT])
    assert elmo("prepare", "a.txt", "--out", "prepared").out.splitlines() == [
        "Prepared text in prepared",
        "  read              41.2 MB    in 3 files with 12 documents",
        "  sentences         300,001    for training, in 4 files",
        "  tokens            8,000,002  words and punctuation marks in them",
        "  held out          6,003      sentences for validation",
        "  held-out tokens   160,004    words and punctuation marks in them",
        "  held-out overlap  1.23 %     of these sentences also stand in training",
        "  speed             4.1 MB/s   of input, by 1 process",
    ]


def test_what_was_dropped_and_odd_is_in_the_table_where_there_was_any(elmo, play) -> None:
    full = replace(
        RESULT,
        test_sentences=5,
        test_tokens=66,
        test_overlap=0.5,
        dropped=DROPPED,
        oddities={"NUL characters": 7},
        processes=2,
    )
    play("corpora.prepare", [full])
    assert elmo("prepare", "a.txt", "--out", "prepared").out.splitlines()[-9:] == [
        "  test                  5          sentences for testing",
        "  test tokens           66         words and punctuation marks in them",
        "  test overlap          50.00 %    of these sentences also stand in training",
        "  dropped, too short    1,000      sentences with fewer tokens than --min-tokens; 20,000 tokens",
        "  dropped, too long     1,001      sentences with more tokens than --max-tokens; 20,000 tokens",
        "  dropped, non-letters  1,002      sentences with a larger share than --max-non-letters; 20,000 tokens",
        "  dropped, duplicate    1,003      sentences with the same tokens as an earlier one; 20,000 tokens",
        "  NUL characters        7          met in the input",
        "  speed                 4.1 MB/s   of input, by 2 processes",
    ]


def test_what_was_dropped_is_shown_by_examples(elmo, play) -> None:
    dropped = {"too short": DroppedResult(sentences=3, tokens=4, examples=["# I", "x" * 200, "# III"])}
    play("corpora.prepare", [replace(RESULT, dropped=dropped)])
    assert elmo("prepare", "a.txt", "--out", "prepared").out.splitlines()[-4:-1] == [
        "  dropped, too short  3          sentences with fewer tokens than --min-tokens; 4 tokens",
        "                      such as    # I",
        "                      such as    " + "x" * 59 + "…",
    ]


@pytest.mark.parametrize(
    ("tokenizer", "tokens"),
    [("sentencepiece", "pieces of words and punctuation marks"), ("whitespace", "what stands between spaces")],
)
def test_tokens_are_called_what_they_are(elmo, play, tokenizer: str, tokens: str) -> None:
    play("corpora.prepare", [RESULT])
    lines = elmo("prepare", "a.txt", "--out", "prepared", "--tokenizer", tokenizer).out.splitlines()
    assert lines[3] == f"  tokens            8,000,002  {tokens} in them"


def test_the_help_has_a_panel_for_each_kind_of_option(elmo) -> None:
    lines = elmo("prepare", "--help").out.splitlines()
    panels = [line.strip("╭─╮ ") for line in lines if line.startswith("╭")]
    assert panels == ["Arguments", "Options", "Input", "Text", "Cleaning", "Splits and files", "Machine", "Output"]


def test_json_has_every_figure(elmo, play) -> None:
    play("corpora.prepare", [RESULT])
    assert json.loads(elmo("prepare", "a.txt", "--out", "prepared", "--json").out) == RESULT.to_json()


@pytest.mark.parametrize("language", ["", "ä"])
def test_a_language_that_is_none_is_the_user_s_to_mend(elmo, language: str) -> None:
    outcome = elmo("prepare", "a.txt", "--out", "prepared", "--language", language)
    assert outcome.code == 1
    assert "language must be an ISO 639 code" in outcome.err
