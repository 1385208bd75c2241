"""``elmo export``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from elmo_cli.flows.model_results import ExportResult

RESULT = ExportResult(
    path="elmo",
    container="hdf5",
    files=["options.json", "weights.hdf5"],
    bytes=374_434_792,
    parameters=93_600_864,
    softmax=False,
    words=None,
    width=None,
    seconds=1.5,
)
VECTORS = replace(
    RESULT, path="v.txt", container="word2vec", files=["v.txt"], bytes=4200, parameters=None, words=1200, width=512
)
TYPED = ("export", "run/model", "--to", "hdf5", "--out", "elmo")


def test_the_defaults(elmo, play) -> None:
    calls = play("models.export", [RESULT])
    assert elmo(*TYPED).code == 0
    assert calls[0].args == (Path("run/model"), Path("elmo"))
    assert calls[0].options == {
        "to": "hdf5",
        "vectors": None,
        "softmax": True,
        "card": True,
        "language": None,
        "license_name": None,
        "corpus": None,
        "device": "auto",
        "threads": None,
        "overwrite": False,
    }


def test_every_option_arrives(elmo, play) -> None:
    calls = play("models.export", [RESULT])
    words = "export m --to nlpl --out e.zip --no-softmax --no-card --language no --license mit --corpus Books"
    assert elmo(*words.split(), "--device", "cpu", "--threads", "2", "--overwrite").code == 0
    assert calls[0].options == {
        "to": "nlpl",
        "vectors": None,
        "softmax": False,
        "card": False,
        "language": "no",
        "license_name": "mit",
        "corpus": "Books",
        "device": "cpu",
        "threads": 2,
        "overwrite": True,
    }


def test_a_word_list_alone_says_that_vectors_are_wanted(elmo, play) -> None:
    calls = play("models.export", [VECTORS])
    assert elmo("export", "m", "--vectors", "words.txt", "--out", "v.txt").code == 0
    assert calls[0].options["to"] == "word2vec"
    assert calls[0].options["vectors"] == Path("words.txt")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say in which form: hdf5, nlpl, safetensors or word2vec"),
        (("--to", "onnx"), "'onnx' is not one of 'hdf5', 'nlpl', 'safetensors', 'word2vec'"),
    ],
)
def test_no_form_is_a_wrong_command_line(elmo, play, words, message: str) -> None:
    play("models.export", [RESULT])
    outcome = elmo("export", "m", "--out", "x", *words)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())


def test_the_table_explains_its_figures(elmo, play) -> None:
    play("models.export", [RESULT])
    assert elmo(*TYPED).out.splitlines() == [
        "Exported to elmo",
        "  form        hdf5",
        "  parameters  93,600,864  those of the softmax not counted",
        "  softmax     no          whether it went along",
        "  size        374.4 MB    options.json, weights.hdf5",
        "  time        1.5 s",
    ]


def test_the_table_of_vectors_explains_its_figures(elmo, play) -> None:
    play("models.export", [VECTORS])
    assert elmo("export", "m", "--vectors", "words.txt", "--out", "v.txt").out.splitlines() == [
        "Exported to v.txt",
        "  form   word2vec",
        "  words  1,200     one a line, behind a line with both numbers",
        "  width  512       D: numbers in each vector",
        "  size   4.2 kB    v.txt",
        "  time   1.5 s",
    ]


def test_json_has_every_figure(elmo, play) -> None:
    play("models.export", [RESULT])
    assert json.loads(elmo(*TYPED, "--json").out) == RESULT.to_json()
