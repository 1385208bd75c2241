"""``elmo info``."""

import json
from pathlib import Path

import pytest

from elmo_cli.flows.model_results import InfoResult

FIGURES = {
    "vector_dim": 1024,
    "filters": [[1, 32], [2, 64]],
    "held_out": {"perplexity": 39.7},
    "cell_clip": None,
    "start_state": True,
    "text": {"language": "en"},
    "something_new": 12_345,
}


def test_the_path_arrives_and_its_kind_is_told(elmo, play) -> None:
    calls = play("info", [InfoResult(path="run/model", kind="model", figures=FIGURES)])
    outcome = elmo("info", "run/model")
    assert calls[0].args == (Path("run/model"),)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "run/model: model",
        "  vector_dim     1,024             E: width of an ELMo vector",
        "  filters        [1, 32], [2, 64]  (width in characters, how many) per convolution",
        "  held_out                         measured on text apart from the training text",
        "    perplexity   39.7              exp of mean loss of both directions, full softmax",
        "  cell_clip      -                 Bound on the memory cell after every step",
        "  start_state    yes               whether the model records one for sentences",
        "  text                             how text was cut into tokens",
        "    language     en                ISO 639 code whose sentence rules are followed",
        "  something_new  12,345",
    ]


def test_json_has_every_figure(elmo, play) -> None:
    play("info", [InfoResult(path="run/model", kind="model", figures=FIGURES)])
    outcome = elmo("info", "run/model", "--json")
    assert json.loads(outcome.out) == {"path": "run/model", "kind": "model", "figures": FIGURES}


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.02, "0.02"), (184.91234, "184.912"), (829702.4, "829,702"), (False, "no"), ([], ""), ("a b", "a b")],
)
def test_values_are_shown_as_people_write_them(elmo, play, value, words: str) -> None:
    play("info", [InfoResult(path="x", kind="model", figures={"value": value})])
    assert elmo("info", "x").out.splitlines()[1] == f"  value  {words}".rstrip()
