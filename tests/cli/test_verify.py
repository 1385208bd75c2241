"""``elmo verify``."""

import json
from pathlib import Path

from elmo_cli.errors import ModelError
from elmo_cli.flows.model_results import Problem, VerifyResult

SOUND = VerifyResult(
    path="run/model", sound=True, problems=[], checked=["m/options.json", "m/weights.hdf5"], not_checked=[]
)
WRONG = VerifyResult(
    path="m",
    sound=False,
    problems=[
        Problem(file="m/weights.hdf5", problem="char_embed: missing, expected float32 (261, 16)"),
        Problem(file="m/weights.hdf5", problem="CNN_high_2: superfluous"),
        Problem(file="m", problem="vocab.txt: missing"),
    ],
    checked=["m/options.json", "m/weights.hdf5"],
    not_checked=["m/softmax.hdf5"],
)


def test_a_sound_model_ends_with_0(elmo, play) -> None:
    calls = play("models.verify", [SOUND])
    outcome = elmo("verify", "run/model")
    assert calls[0].args == (Path("run/model"),)
    assert outcome.code == 0
    assert outcome.out.splitlines() == ["run/model: sound", "  m/options.json  sound", "  m/weights.hdf5  sound"]


def test_all_that_is_wrong_is_listed_and_ends_with_1(elmo, play) -> None:
    play("models.verify", [WRONG])
    outcome = elmo("verify", "m")
    assert outcome.code == 1
    assert outcome.err == ""
    assert outcome.out.splitlines() == [
        "m: 3 problems",
        "  m/options.json  sound",
        "  m/weights.hdf5  wrong        char_embed: missing, expected float32 (261, 16)",
        "                  wrong        CNN_high_2: superfluous",
        "  m               wrong        vocab.txt: missing",
        "  m/softmax.hdf5  not checked  what it depends on is not sound",
    ]


def test_json_has_everything_and_the_same_exit_code(elmo, play) -> None:
    play("models.verify", [WRONG])
    outcome = elmo("verify", "m", "--json")
    assert outcome.code == 1
    assert json.loads(outcome.out) == WRONG.to_json()
    assert json.loads(outcome.out)["problems"][2] == {"file": "m", "problem": "vocab.txt: missing"}


def test_no_model_at_all_is_an_error(elmo, play) -> None:
    play("models.verify", ModelError("m: no such model folder"))
    assert elmo("verify", "m").err == "Error: m: no such model folder\n"
