"""``elmo score``."""

import json
from pathlib import Path

from elmo_cli.config import InputConfig
from elmo_cli.flows.probability_results import ScoreResult, SentenceScore
from elmo_cli.flows.reports import Item

FIRST = SentenceScore(
    line=1, tokens=3, log10_forward=-4.5, log10_backward=-5.25, log10=-4.875, perplexity=16.5432199, oov=1
)
BLANK = SentenceScore(line=2, tokens=0, log10_forward=None, log10_backward=None, log10=None, perplexity=None, oov=0)
RESULT = ScoreResult(model="m", start_state="zero", lines=2, tokens=3, oov=1, log10=-4.875, seconds=0.21)
REPORTS = [Item(value=FIRST), Item(value=BLANK), RESULT]


def test_a_line_gives_a_row_and_the_sum_goes_to_people(elmo, play) -> None:
    calls = play("evaluation.score", REPORTS, "score_lines")
    outcome = elmo("score", "run/model")
    assert outcome.code == 0
    assert calls[0].args == (Path("run/model"),)
    assert calls[0].options == {
        "reading": InputConfig(),
        "at_once": 64,
        "start": "model",
        "tokenizer": None,
        "device": "auto",
        "threads": None,
    }
    assert outcome.out.splitlines() == [
        "line\ttokens\toov\tlog10_forward\tlog10_backward\tlog10\tperplexity",
        "1\t3\t1\t-4.5\t-5.25\t-4.875\t16.5432",
        "2\t0\t0\t\t\t\t",
    ]
    assert outcome.err == "2 lines, 3 tokens in 0.2 s; log10 of the whole text -4.88\n"


def test_json_is_an_object_per_line_and_every_option_arrives(elmo, play) -> None:
    calls = play("evaluation.score", REPORTS, "score_lines")
    words = "score m --json -u -q --start zero --tokenizer words --encoding latin-1 --decode-errors replace"
    outcome = elmo(*words.split(), "--device", "cpu", "--threads", "2")
    assert outcome.code == 0
    assert [json.loads(line) for line in outcome.out.splitlines()] == [FIRST.to_json(), BLANK.to_json()]
    assert outcome.err == ""
    assert calls[0].options == {
        "reading": InputConfig(encoding="latin-1", decode_errors="replace"),
        "at_once": 1,
        "start": "zero",
        "tokenizer": "words",
        "device": "cpu",
        "threads": 2,
    }
