"""``elmo embed``."""

import json
from pathlib import Path

import pytest

from elmo_cli.flows.reports import EmbedResult

RESULT = EmbedResult(
    path="vectors.hdf5",
    sentences=1000,
    tokens=20_345,
    shape="(3, n, 1024)",
    state="warm",
    blank_lines=2,
    seconds=61.4,
    tokens_per_second=331.3,
)
TYPED = ("embed", "run/model", "a.txt", "--out", "vectors.hdf5")


def test_the_defaults(elmo, play) -> None:
    calls = play("embed", [RESULT])
    assert elmo(*TYPED).code == 0
    assert calls[0].args == (Path("run/model"), "a.txt", Path("vectors.hdf5"))
    assert calls[0].options == {
        "layers": "all",
        "state": "warm",
        "blank_lines": "error",
        "tokenizer": None,
        "decode_errors": "strict",
        "batch_tokens": 4096,
        "batch_sentences": 64,
        "device": "auto",
        "threads": None,
        "overwrite": False,
    }


def test_every_option_arrives(elmo, play) -> None:
    calls = play("embed", [RESULT])
    words = "--layers 1 --state carry --blank-lines skip --tokenizer words --decode-errors replace --batch-tokens 10"
    words += " --batch-sentences 3 --device cuda:1 --threads 4 --overwrite"
    assert elmo(*TYPED, *words.split()).code == 0
    assert calls[0].options == {
        "layers": "1",
        "state": "carry",
        "blank_lines": "skip",
        "tokenizer": "words",
        "decode_errors": "replace",
        "batch_tokens": 10,
        "batch_sentences": 3,
        "device": "cuda:1",
        "threads": 4,
        "overwrite": True,
    }


@pytest.mark.parametrize("layers", ["all", "top", "average"])
def test_allennlp_s_flags_choose_layers(elmo, play, layers: str) -> None:
    calls = play("embed", [RESULT])
    assert elmo(*TYPED, f"--{layers}").code == 0
    assert elmo(*TYPED, f"--{layers}", "--layers", layers).code == 0
    assert [call.options["layers"] for call in calls] == [layers, layers]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--top", "--average"), "give one choice of layers, not top and average"),
        (("--all", "--layers", "2"), "give one choice of layers, not all and 2"),
        (("--layers", "bottom"), "'bottom' is not one of all, top, average and a layer's number"),
        (("--layers", "-1"), "'-1' is not one of all, top, average and a layer's number"),
    ],
)
def test_a_choice_of_layers_that_is_none_is_a_wrong_command_line(elmo, play, words, message: str) -> None:
    play("embed", [RESULT])
    outcome = elmo(*TYPED, *words)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())


def test_the_table_explains_its_figures(elmo, play) -> None:
    play("embed", [RESULT])
    assert elmo(*TYPED).out.splitlines() == [
        "Vectors in vectors.hdf5",
        "  sentences    1,000         one dataset each, named by its line from 0",
        "  tokens       20,345        words that got vectors",
        "  shape        (3, n, 1024)  of one sentence's array, n its tokens",
        "  state        warm          every sentence begins with the model's warm state",
        "  blank lines  2             lines without words (--blank-lines error)",
        "  time         0:01:01       331 tokens/s",
    ]


def test_json_has_every_figure(elmo, play) -> None:
    play("embed", [RESULT])
    assert json.loads(elmo(*TYPED, "--json").out) == RESULT.to_json()
