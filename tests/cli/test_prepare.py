"""``elmo prepare``."""

import json
from pathlib import Path

import pytest

from elmo_cli.config import TextConfig
from elmo_cli.flows.reports import PrepareResult

RESULT = PrepareResult(
    out_dir="prepared",
    files=3,
    bytes=41_234_567,
    sentences=300_001,
    tokens=8_000_002,
    held_out_sentences=6_003,
    held_out_tokens=160_004,
    shards=4,
    replaced_bytes=5,
)


def test_the_defaults_are_those_of_the_settings(elmo, play) -> None:
    calls = play("prepare", [RESULT])
    assert elmo("prepare", "a.txt", "b", "--out", "prepared").code == 0
    assert calls[0].args == (["a.txt", "b"], Path("prepared"))
    assert calls[0].options == {
        "text": TextConfig(),
        "held_out": 0.02,
        "seed": 1,
        "shard_sentences": 100_000,
        "overwrite": False,
    }


def test_every_option_arrives(elmo, play) -> None:
    calls = play("prepare", [RESULT])
    words = "prepare - --out p --tokenizer whitespace --language de --decode-errors replace"
    words += " --held-out 0 --seed 7 --shard-sentences 50 --overwrite"
    assert elmo(*words.split()).code == 0
    assert calls[0].options == {
        "text": TextConfig(tokenizer="whitespace", language="de", decode_errors="replace"),
        "held_out": 0.0,
        "seed": 7,
        "shard_sentences": 50,
        "overwrite": True,
    }


def test_the_table_explains_its_figures(elmo, play) -> None:
    play("prepare", [RESULT])
    assert elmo("prepare", "a.txt", "--out", "prepared").out.splitlines() == [
        "Prepared text in prepared",
        "  read             41.2 MB    of text in 3 files",
        "  sentences        300,001    for training, in 4 files",
        "  tokens           8,000,002  words and punctuation marks in them",
        "  held out         6,003      sentences for validation",
        "  held-out tokens  160,004    words and punctuation marks in them",
    ]


def test_replaced_bytes_are_reported_where_they_could_be(elmo, play) -> None:
    play("prepare", [RESULT])
    outcome = elmo("prepare", "a.txt", "--out", "prepared", "--decode-errors", "replace")
    assert outcome.out.splitlines()[-1] == "  replaced         5          stretches of bytes that were not UTF-8"


def test_json_has_every_figure(elmo, play) -> None:
    play("prepare", [RESULT])
    assert json.loads(elmo("prepare", "a.txt", "--out", "prepared", "--json").out) == RESULT.to_json()


@pytest.mark.parametrize("language", ["", "ä"])
def test_a_language_that_is_none_is_the_user_s_to_mend(elmo, language: str) -> None:
    outcome = elmo("prepare", "a.txt", "--out", "prepared", "--language", language)
    assert outcome.code == 1
    assert "language must be an ISO 639 code" in outcome.err
