"""``elmo eval``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest


def test_the_defaults(elmo, play, evaluation) -> None:
    calls = play("evaluate", [evaluation])
    assert elmo("eval", "run/model", "a.txt", "b.txt").code == 0
    assert calls[0].args == (Path("run/model"), ["a.txt", "b.txt"])
    assert calls[0].options == {
        "context": "sentence",
        "start": "model",
        "tokenizer": None,
        "decode_errors": "strict",
        "device": "auto",
        "threads": None,
        "batch_tokens": 4096,
    }


def test_every_option_arrives(elmo, play, evaluation) -> None:
    calls = play("evaluate", [evaluation])
    words = "eval m - --context stream --start zero --tokenizer whitespace --decode-errors replace"
    words += " --batch-tokens 100 --device cpu --threads 2"
    assert elmo(*words.split()).code == 0
    assert calls[0].options == {
        "context": "stream",
        "start": "zero",
        "tokenizer": "whitespace",
        "decode_errors": "replace",
        "device": "cpu",
        "threads": 2,
        "batch_tokens": 100,
    }


def test_the_table_names_the_policy_beside_the_number(elmo, play, evaluation) -> None:
    play("evaluate", [evaluation])
    assert elmo("eval", "run/model", "a.txt").out.splitlines() == [
        "Perplexity of run/model",
        "  perplexity   210.6     exp of mean loss of both directions, full softmax",
        "  forward      244.7     perplexity over 13,023 targets",
        "  backward     181.3     perplexity over 13,024 targets",
        "  without OOV  190.2     perplexity over targets in the vocabulary",
        "  loss         5.350     mean of both directions, nats per target",
        "  context      sentence  each sentence by itself, from the start state",
        "  start state  zero      the model's own, trained for",
        "  words        12,345    of text in 678 sentences",
        "  OOV          123       words outside the vocabulary; as targets they are <UNK>",
        "  OOV types    99        distinct words among them",
        "  OOV rate     1.00 %    of the words",
        "  time         3.2 s     3,798 words/s",
    ]


def test_stretches_are_told_with_a_stream(elmo, play, evaluation) -> None:
    play(
        "evaluate",
        [replace(evaluation, context="stream", stretches=8, start_state="zero", perplexity_without_oov=None)],
    )
    lines = elmo("eval", "run/model", "a.txt", "--context", "stream").out.splitlines()
    assert "  context      stream  state carried over the text, from sentence to sentence" in lines
    assert "  stretches    8       pieces of the text, each from the start state" in lines
    assert "  without OOV  -       perplexity over targets in the vocabulary" in lines


@pytest.mark.parametrize(
    ("recorded", "line"),
    [
        ("zero", "zero      nothing read before"),
        ("warm (256 neutral sentences)", "warm      256 neutral sentences"),
        ("the model's own, recorded", "model     the model's own, recorded"),
    ],
)
def test_the_start_state_is_explained(elmo, play, evaluation, recorded: str, line: str) -> None:
    play("evaluate", [replace(evaluation, start_state=recorded)])
    assert f"  start state  {line}" in elmo("eval", "m", "a.txt").out.splitlines()


def test_json_has_every_figure(elmo, play, evaluation) -> None:
    play("evaluate", [evaluation])
    assert json.loads(elmo("eval", "m", "a.txt", "--json").out) == evaluation.to_json()
