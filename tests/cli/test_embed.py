"""``elmo embed``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from elmo_cli.config import InputConfig, VectorConfig
from elmo_cli.flows.model_results import EmbedResult

RESULT = EmbedResult(
    path="vectors.hdf5",
    sentences=1000,
    tokens=20_345,
    shape="(3, n, 1024)",
    state="warm",
    blank_lines=2,
    layout="allennlp",
    format="hdf5",
    file_bytes=250_123_456,
    left_out=0,
    seconds=61.4,
    tokens_per_second=331.3,
)
TYPED = ("embed", "run/model", "a.txt", "--out", "vectors.hdf5")


def test_the_defaults(elmo, play) -> None:
    calls = play("vectors.embed", [RESULT])
    assert elmo(*TYPED).code == 0
    assert calls[0].args == (Path("run/model"), "a.txt", Path("vectors.hdf5"))
    assert calls[0].options == {
        "vectors": VectorConfig(),
        "state": "warm",
        "blank_lines": "error",
        "tokenizer": None,
        "pairs": False,
        "split_sentences": False,
        "reading": InputConfig(),
        "batch_tokens": None,
        "batch_sentences": 64,
        "device": "auto",
        "threads": None,
        "precision": "fp32",
        "overwrite": False,
    }


def test_every_option_arrives(elmo, play) -> None:
    calls = play("vectors.embed", [RESULT])
    words = "--layers weighted --state carry --blank-lines skip --tokenizer words --decode-errors replace"
    words += " --input-format csv --field 2 --encoding latin-1 --batch-sentences 3 --device cuda:1 --threads 4"
    words += " --weights 0.2,0.5,0.3 --gamma 2 --sentence-vectors first-last --normalize --layout flat --format npy"
    words += " --dtype float16 --compression gzip --use-sentence-keys --forget-sentences --pairs --split-sentences"
    assert elmo(*TYPED, *words.split(), "--batch-tokens", "10", "--precision", "int8", "--overwrite").code == 0
    assert calls[0].options == {
        "vectors": VectorConfig(
            layers="weighted",
            weights=(0.2, 0.5, 0.3),
            gamma=2.0,
            sentence_vectors="first-last",
            normalize=True,
            layout="flat",
            format="npy",
            dtype="float16",
            compression="gzip",
            sentence_keys=True,
            forget_sentences=True,
        ),
        "state": "carry",
        "blank_lines": "skip",
        "tokenizer": "words",
        "pairs": True,
        "split_sentences": True,
        "reading": InputConfig(format="csv", field="2", encoding="latin-1", decode_errors="replace"),
        "batch_tokens": 10,
        "batch_sentences": 3,
        "device": "cuda:1",
        "threads": 4,
        "precision": "int8",
        "overwrite": True,
    }
    assert elmo(*TYPED, "--word-types").code == 0
    assert calls[1].options["vectors"] == VectorConfig(word_types=True)


def test_other_processes_of_a_group_say_nothing(elmo, play, monkeypatch) -> None:
    calls = play("vectors.embed", [RESULT])
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    outcome = elmo(*TYPED)
    assert (outcome.code, outcome.out, outcome.err, len(calls)) == (0, "", "", 1)


def test_weights_that_are_no_numbers_are_a_wrong_command_line(elmo, play) -> None:
    play("vectors.embed", [RESULT])
    outcome = elmo(*TYPED, "--layers", "weighted", "--weights", "0.5;0.5")
    assert outcome.code == 2
    assert "'0.5;0.5': expected numbers with commas" in " ".join(outcome.err.replace("│", " ").split())


def test_sentences_with_a_key_that_was_there_already_are_counted(elmo, play) -> None:
    play("vectors.embed", [replace(RESULT, layout="manylangs", left_out=3)])
    assert elmo(*TYPED).out.splitlines()[1:3] == [
        "  sentences    1,000              one dataset each, named by its words",
        "  repeated     3                  sentences that had the key of one before them",
    ]


@pytest.mark.parametrize(
    ("layout", "words", "about"),
    [
        ("allennlp", "--use-sentence-keys", "one dataset each, named by its text"),
        ("allennlp", "--id-field doc", "one dataset each, named by its doc"),
        ("allennlp", "--id-field doc --pairs", "one dataset each, named by its doc, with :a or :b behind it"),
        ("bilm", "--pairs", "one dataset each, named by 2 i for text_a of line i from 0, 2 i + 1 for text_b"),
        ("flat", "--id-field doc", "one array for all, with where each begins"),
    ],
)
def test_the_table_says_what_arrays_are_found_by(elmo, play, layout: str, words: str, about: str) -> None:
    play("vectors.embed", [replace(RESULT, layout=layout)])
    (line,) = [row for row in elmo(*TYPED, "--layout", layout, *words.split()).out.splitlines() if "sentences" in row]
    assert line.split("  ")[-1].strip() == about


def test_the_table_says_what_shapes_are_of(elmo, play) -> None:
    play("vectors.embed", [replace(RESULT, layout="flat")])
    flat = elmo(*TYPED, "--layout", "flat").out
    assert "(3, n, 1024)       of one sentence's vectors, n its tokens; the file has tokens first" in flat
    play("vectors.embed", [replace(RESULT, shape="(3, 1, 1024)")])
    pooled = elmo(*TYPED, "--sentence-vectors", "mean").out
    assert "  tokens       20,345             words that were read\n" in pooled
    assert "(3, 1, 1024)       of one sentence's vectors\n" in pooled


@pytest.mark.parametrize("words", ["--weights 0.2,0.5,0.3", "--gamma 2", "--weights 1,1,1 --layers weighted"])
def test_weights_and_gamma_ask_for_a_weighted_sum(elmo, play, words: str) -> None:
    calls = play("vectors.embed", [RESULT])
    assert elmo(*TYPED, *words.split()).code == 0
    assert calls[0].options["vectors"].layers == "weighted"


@pytest.mark.parametrize("layers", ["all", "top", "average"])
def test_allennlp_s_flags_choose_layers(elmo, play, layers: str) -> None:
    calls = play("vectors.embed", [RESULT])
    assert elmo(*TYPED, f"--{layers}").code == 0
    assert elmo(*TYPED, f"--{layers}", "--layers", layers).code == 0
    assert [call.options["vectors"].layers for call in calls] == [layers, layers]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--top", "--average"), "give one choice of layers, not top and average"),
        (("--all", "--layers", "2"), "give one choice of layers, not all and 2"),
        (("--layers", "bottom"), "'bottom' is not one of all, top, average, weighted and a layer's number"),
        (("--layers", "-1"), "'-1' is not one of all, top, average, weighted and a layer's number"),
    ],
)
def test_a_choice_of_layers_that_is_none_is_a_wrong_command_line(elmo, play, words, message: str) -> None:
    play("vectors.embed", [RESULT])
    outcome = elmo(*TYPED, *words)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())


def test_the_table_explains_its_figures(elmo, play) -> None:
    play("vectors.embed", [RESULT])
    assert elmo(*TYPED).out.splitlines() == [
        "Vectors in vectors.hdf5",
        "  sentences    1,000              one dataset each, named by its line from 0",
        "  tokens       20,345             words that got vectors",
        "  shape        (3, n, 1024)       of one sentence's vectors, n its tokens",
        "  state        warm               every sentence begins with the model's warm state",
        "  precision    fp32               products of float32",
        "  blank lines  2                  lines without words (--blank-lines error)",
        "  size         250,123,456 bytes  hdf5, layout allennlp",
        "  time         0:01:01            331 tokens/s",
    ]


def test_json_has_every_figure(elmo, play) -> None:
    play("vectors.embed", [RESULT])
    assert json.loads(elmo(*TYPED, "--json").out) == RESULT.to_json()
