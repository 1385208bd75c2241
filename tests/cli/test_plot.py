"""``elmo plot``."""

import json
from dataclasses import replace
from pathlib import Path

from elmo_cli.config import InputConfig
from elmo_cli.errors import TextError
from elmo_cli.flows.vector_results import PlotResult

RESULT = PlotResult(
    out="plot.html",
    points=45,
    occurrences={"spring": 481, "light": 2000},
    groups={"season": 40, "coil": 5},
    layers="average",
    variance=(0.3217, 0.1366),
    alike=22,
    seconds=5.3,
)


def test_vectors_of_a_file_are_drawn(elmo, play) -> None:
    calls = play("vectors.plot", [RESULT])
    outcome = elmo("plot", "vectors.hdf5", "--word", "spring", "--word", "light")
    assert outcome.code == 0
    assert calls[0].args == (Path("vectors.hdf5"), [])
    assert calls[0].options == {
        "words": ["spring", "light"],
        "out": Path("plot.html"),
        "colour": None,
        "labels": None,
        "layers": None,
        "limit": 200,
        "tokenizer": None,
        "reading": InputConfig(),
        "device": "auto",
        "threads": None,
        "overwrite": False,
    }
    assert outcome.out.splitlines() == [
        "spring, light in plot.html",
        "  points    45       of 2,481 occurrences",
        "  layers    average  whose vectors are drawn",
        "  variance  45.83 %  of the points' variance that the two axes show",
        "  alike     22       points whose nearest other point has the same colour",
        "  time      5.3 s    to find, compute and draw",
    ]


def test_with_one_colour_none_is_alike(elmo, play) -> None:
    play("vectors.plot", [replace(RESULT, groups={"spring": 45})])
    assert "alike" not in elmo("plot", "vectors.hdf5", "--word", "spring").out


def test_a_model_and_texts_are_drawn_with_every_option(elmo, play) -> None:
    calls = play("vectors.plot", [RESULT])
    words = ["--word", "spring", "--colour", "label", "--labels", "l.txt", "--layers", "top", "--limit", "9"]
    outcome = elmo("plot", "run/model", "a.txt", "b.txt", *words, "--out", "p.svg", "--overwrite", "--json")
    assert json.loads(outcome.out) == {**RESULT.to_json(), "variance": [0.3217, 0.1366]}
    assert calls[0].args == (Path("run/model"), ["a.txt", "b.txt"])
    found = calls[0].options
    assert (found["colour"], found["labels"], found["layers"], found["limit"]) == ("label", Path("l.txt"), "top", 9)
    assert (found["out"], found["overwrite"]) == (Path("p.svg"), True)


def test_an_error_is_shown_with_its_hint(elmo, play) -> None:
    play("vectors.plot", TextError("v.hdf5: expected the word 'bnak'", hint="the text has bank"))
    outcome = elmo("plot", "v.hdf5", "--word", "bnak")
    assert outcome.code == 1
    assert outcome.err == "Error: v.hdf5: expected the word 'bnak'\nHint: the text has bank\n"
