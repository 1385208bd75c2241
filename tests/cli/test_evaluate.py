"""``elmo eval``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from elmo_cli.config import InputConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.evaluation_results import BaselineResult, CompareResult, ModelDifference, ProtocolResult
from elmo_cli.flows.reports import Notice, Progress
from elmo_cli.measure.bootstrap import Difference
from elmo_cli.measure.perplexity import DEFINITIONS
from elmo_cli.measure.scored_text import TextSize

DIFFERENCE = Difference(loss=-0.25, low=-0.3, high=-0.2, p_value=0.001998)

DEFAULTS = {
    "context": "sentence",
    "start": "model",
    "precision": "fp32",
    "tokenizer": None,
    "reading": InputConfig(),
    "split": "held-out",
    "sentences_table": None,
    "words_table": None,
    "page": None,
    "heat": [],
    "heat_sentences": [],
    "overwrite": False,
    "baseline": [],
    "baseline_order": 5,
    "scores_dir": None,
    "device": "auto",
    "threads": None,
    "batch_tokens": 4096,
}


def test_the_defaults(elmo, play, evaluation) -> None:
    calls = play("evaluation.evaluate", [evaluation])
    assert elmo("eval", "run/model", "a.txt", "b.txt").code == 0
    assert calls[0].args == ("run/model", ["a.txt", "b.txt"])
    assert calls[0].options == DEFAULTS


def test_every_option_arrives(elmo, play, evaluation) -> None:
    calls = play("evaluation.evaluate", [evaluation])
    words = "eval m - --context stream --start zero --tokenizer whitespace --decode-errors replace --format jsonl"
    words += " --field body --encoding latin-1 --batch-tokens 100 --device cpu --threads 2 --split test"
    words += " --sentences s.tsv --words w.parquet --overwrite --baseline a --baseline b --order 3 --scores-dir kept"
    words += " --report p.html --heat a --heat b --heat-sentences 1,5 --heat-sentences 9 --precision bf16"
    assert elmo(*words.split()).code == 0
    assert calls[0].options == {
        "context": "stream",
        "start": "zero",
        "precision": "bf16",
        "tokenizer": "whitespace",
        "reading": InputConfig(format="jsonl", field="body", encoding="latin-1", decode_errors="replace"),
        "split": "test",
        "sentences_table": Path("s.tsv"),
        "words_table": Path("w.parquet"),
        "page": Path("p.html"),
        "heat": ["a", "b"],
        "heat_sentences": [1, 5, 9],
        "overwrite": True,
        "baseline": ["a", "b"],
        "baseline_order": 3,
        "scores_dir": Path("kept"),
        "device": "cpu",
        "threads": 2,
        "batch_tokens": 100,
    }


def test_the_table_names_the_policy_beside_the_number(elmo, play, evaluation) -> None:
    play("evaluation.evaluate", [evaluation])
    assert elmo("eval", "run/model", "a.txt").out.splitlines() == [
        "Perplexity of run/model",
        "  perplexity      210.6           exp of mean loss of both directions, full softmax",
        "  95 % interval   201.2 to 220.5  of it, by the bootstrap over sentences",
        "  forward         244.7           perplexity over 13,023 targets",
        "  backward        181.3           perplexity over 13,023 targets",
        "  without OOV     190.6           perplexity over targets in the vocabulary",
        "  words alone     230.6           perplexity without sentence ends and begins",
        "  loss            5.350           mean of both directions, nats per target",
        "  bits per byte   1.812           of the original text; compares any two models",
        "  bits per char.  1.875           of the original text",
        "  context         sentence        each sentence by itself, from the start state",
        "  start state     zero            the model's own, trained for",
        "  precision       fp32            products of float32",
        "  words           12,345          of text in 678 sentences",
        "  OOV             123             words outside the vocabulary; as targets they are <UNK>",
        "  OOV types       99              distinct words among them",
        "  OOV rate        1.00 %          of the words",
        "  time            3.2 s           3,798 words/s",
    ]


def _line(out: str, name: str) -> str:
    """What stands behind a name, single spaces."""
    found = [line for line in out.splitlines() if line.startswith(f"  {name}  ")]
    assert len(found) == 1, out
    return " ".join(found[0].split())


def test_pieces_of_words_have_a_figure_per_word_too(elmo, play, evaluation) -> None:
    play("evaluation.evaluate", [replace(evaluation, size=TextSize(bytes=61234, characters=60000, words=9876))])
    assert _line(elmo("eval", "m", "a.txt").out, "per space word") == (
        "per space word 310.6 perplexity per word between spaces"
    )


def test_a_prepared_text_has_no_figure_per_byte(elmo, play, evaluation) -> None:
    play("evaluation.evaluate", [replace(evaluation, size=None)])
    assert "bits per" not in elmo("eval", "m", "corpus").out


def test_stretches_are_told_with_a_stream(elmo, play, evaluation) -> None:
    joint = replace(evaluation.joint, perplexity_without_oov=None)
    play("evaluation.evaluate", [replace(evaluation, context="stream", stretches=8, start_state="zero", joint=joint)])
    out = elmo("eval", "run/model", "a.txt", "--context", "stream").out
    assert _line(out, "context") == "context stream state carried over the text, from sentence to sentence"
    assert _line(out, "stretches") == "stretches 8 pieces of the text, each from the start state"
    assert _line(out, "without OOV") == "without OOV - perplexity over targets in the vocabulary"


@pytest.mark.parametrize(
    ("recorded", "line"),
    [
        ("zero", "zero nothing read before"),
        ("warm (256 neutral sentences)", "warm 256 neutral sentences"),
        ("the model's own, recorded", "model the model's own, recorded"),
    ],
)
def test_the_start_state_is_explained(elmo, play, evaluation, recorded: str, line: str) -> None:
    play("evaluation.evaluate", [replace(evaluation, start_state=recorded)])
    assert _line(elmo("eval", "m", "a.txt").out, "start state") == f"start state {line}"


def test_a_baseline_stands_below_with_its_difference(elmo, play, evaluation) -> None:
    baseline = BaselineResult(
        order=3,
        training_words=100_000,
        forward=replace(evaluation.forward, perplexity=301.5),
        backward=replace(evaluation.backward, perplexity=299.5),
        joint=replace(evaluation.joint, perplexity=300.5),
        by_place=[],
        by_frequency=[],
        difference=DIFFERENCE,
    )
    play("evaluation.evaluate", [replace(evaluation, baseline=baseline)])
    rows = [" ".join(line.split()) for line in elmo("eval", "m", "a.txt", "--baseline", "b.txt").out.splitlines()]
    assert rows[-3:] == [
        "n-grams 300.5 joint perplexity of a Kneser-Ney 3-gram model counted on 100,000 words",
        "forward 301.5, backward 299.5",
        "difference -0.2500 nats per target, model less n-grams; 95 % -0.3000 to -0.2000, p = 0.002 (paired bootstrap)",
    ]


def test_details_show_where_the_loss_comes_from(elmo, play, evaluation) -> None:
    bands = replace(evaluation.breakdowns, by_file=evaluation.breakdowns.by_place)
    play("evaluation.evaluate", [replace(evaluation, breakdowns=bands)])
    rows = [" ".join(line.split()) for line in elmo("eval", "m", "a.txt", "--details").out.splitlines()]
    about = "mean loss in nats, forward and backward; share of the whole loss"
    assert rows[rows.index(f"by place {about}") :] == [
        f"by place {about}",
        "word 1 6.500 4.250 6.25 %, 678 targets",
        f"by frequency {about}",
        "rank 1 to 10 6.500 4.250 6.25 %, 678 targets",
        f"by length {about}",
        "1 to 5 words 6.500 4.250 6.25 %, 1 target",
        f"by file {about}",
        "word 1 6.500 4.250 6.25 %, 678 targets",
        "costliest words mean loss in nats; share of the loss of all words",
        "the 2.500 12.50 %, 600 times",
        "worst sentences mean loss in nats; number from 1 and tokens",
        "9.500 17: odd words here",
    ]
    play("evaluation.evaluate", [evaluation])
    assert "by file" not in elmo("eval", "m", "a.txt", "--details").out


def test_every_figure_is_explained_with_its_formula(elmo, play, evaluation) -> None:
    play("evaluation.evaluate", [evaluation])
    rows = [" ".join(line.split()) for line in elmo("eval", "m", "a.txt", "--explain").out.splitlines()]
    for name, meaning in DEFINITIONS.items():
        at = rows.index(" ".join(f"{name} {meaning}".split()))
        assert [row.split()[0] for row in rows[at + 1 : at + 4]] == ["joint", "forward", "backward"]
        assert float(rows[at + 2].split()[1].replace(",", "")) == pytest.approx(
            getattr(evaluation.forward, name), rel=1e-3
        )
    assert {"W 12,345 words (tokens) of the text", "S 678 sentences", "O 123 words outside the vocabulary"} <= set(rows)
    assert "bytes 61,234 of the original text in UTF-8, line ends included" in rows
    assert "characters 60,000 of the original text, line ends included" in rows


def test_json_has_every_figure(elmo, play, evaluation) -> None:
    play("evaluation.evaluate", [evaluation])
    assert json.loads(elmo("eval", "m", "a.txt", "--json").out) == evaluation.to_json()


def test_the_reference_s_procedure_says_what_it_drops(elmo, play) -> None:
    result = ProtocolResult(
        model="run/model",
        rows=256,
        steps=10,
        scored=2560,
        dropped=440,
        perplexity=100.5,
        forward=110.5,
        backward=None,
        seconds=1.0,
    )
    calls = play("evaluation.reference_evaluation", [result], "evaluate_as_reference")
    out = elmo("eval", "m", "a.txt", "--protocol", "bilm-tf", "--rows", "128", "--split", "train").out
    assert calls[0].args == ("m", ["a.txt"])
    assert calls[0].options == {
        "rows": 128,
        "tokenizer": None,
        "reading": InputConfig(),
        "split": "train",
        "device": "auto",
        "threads": None,
        "batch_tokens": 4096,
    }
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "Perplexity of run/model by bilm-tf's procedure",
        "perplexity 100.5 exp of mean loss of both directions over what was scored",
        "forward 110.5 perplexity",
        "backward - perplexity",
        "rows 256 sentences read side by side, state carried on, zeros at first",
        "steps 10 positions scored of every row",
        "scored 2,560 positions per direction",
        "dropped 440 positions that the procedure never scores; --protocol exact does",
        "time 1.0 s",
    ]


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """Two folders that look like models."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "options.json").touch()
    return [str(tmp_path / name) for name in ("one", "two")]


def test_several_models_are_compared(elmo, play, evaluation, models: list[str]) -> None:
    two = replace(evaluation, model="two", perplexity=164.0)
    compared = CompareResult(
        measure="loss",
        models=[replace(evaluation, model="one"), two],
        differences=[ModelDifference(model="two", difference=DIFFERENCE)],
    )
    calls = play("evaluation.compare", [compared])
    out = elmo("eval", *models, "a.txt", "b.txt", "--context", "stream", "--report", "p.html", "--heat", "a").out
    assert calls[0].args == (models, ["a.txt", "b.txt"])
    assert calls[0].options == {
        "context": "stream",
        "start": "model",
        "precision": "fp32",
        "tokenizer": None,
        "reading": InputConfig(),
        "split": "held-out",
        "page": Path("p.html"),
        "heat": ["a"],
        "heat_sentences": [],
        "overwrite": False,
        "device": "auto",
        "threads": None,
        "batch_tokens": 4096,
    }
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "Compared on a.txt b.txt",
        "one 210.6 perplexity, 201.2 to 220.5 (95 %)",
        "two 164.0 perplexity, 201.2 to 220.5 (95 %)",
        "-0.2500 nats per target against the first; 95 % -0.3000 to -0.2000, p = 0.002 (paired bootstrap)",
    ]


def test_different_vocabularies_are_compared_by_the_byte(elmo, play, evaluation, models: list[str]) -> None:
    compared = CompareResult(
        measure="bits_per_byte",
        models=[replace(evaluation, model="one"), replace(evaluation, model="two")],
        differences=[ModelDifference(model="two", difference=replace(DIFFERENCE, loss=0.25))],
    )
    play("evaluation.compare", [compared])
    out = elmo("eval", *models, "a.txt").out
    assert [" ".join(line.split()) for line in out.splitlines()][1:] == [
        "one 1.812 bits per byte",
        "two 1.812 bits per byte",
        "+0.2500 bits per byte against the first; 95 % -0.3000 to -0.2000, p = 0.002 (paired bootstrap)",
        "vocabularies or tokens differ, so perplexities do not compare and bits per byte do",
    ]


@pytest.mark.parametrize(
    "option",
    [
        "--protocol bilm-tf",
        "--baseline b.txt",
        "--sentences s.tsv",
        "--words w.tsv",
        "--scores-dir d",
        "--explain",
        "--details",
    ],
)
def test_what_is_for_one_model_is_refused_for_several(elmo, play, models: list[str], option: str) -> None:
    calls = play("evaluation.compare", [])
    outcome = elmo("eval", *models, "a.txt", *option.split())
    assert outcome.code == 2 and not calls
    said = " ".join(outcome.err.replace("│", " ").split())
    assert f"Invalid value for {option.split()[0]}: is for one model; several are compared without it" in said


@pytest.mark.parametrize(
    "option",
    [
        "--context stream",
        "--start zero",
        "--baseline b",
        "--sentences s.tsv",
        "--words w.tsv",
        "--scores-dir d",
        "--report p.html",
        "--heat a",
        "--heat-sentences 1",
        "--explain",
        "--details",
    ],
)
def test_the_reference_s_procedure_takes_no_policy(elmo, play, option: str) -> None:
    calls = play("evaluation.reference_evaluation", [], "evaluate_as_reference")
    outcome = elmo("eval", "m", "a.txt", "--protocol", "bilm-tf", *option.split())
    assert outcome.code == 2 and not calls
    said = " ".join(outcome.err.replace("│", " ").split())
    assert f"for {option.split()[0]}: is not for --protocol bilm-tf, which settles how the text is read" in said


@pytest.mark.parametrize("numbers", ["one", "1,,2", "1-3", "-1", "²"])
def test_numbers_of_sentences_have_to_be_numbers(elmo, play, numbers: str) -> None:
    calls = play("evaluation.evaluate", [])
    outcome = elmo("eval", "m", "a.txt", f"--heat-sentences={numbers}")
    assert outcome.code == 2 and not calls
    assert "Invalid value for --heat-sentences: expected numbers such as 1,5,9" in outcome.err.replace("│", " ")


def test_no_text_is_an_error_with_an_example(elmo, models: list[str]) -> None:
    outcome = elmo("eval", *models)
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        f"Error: no text to score with {models[0]} and {models[1]}",
        f"Hint: for example: elmo eval {models[0]} {models[1]} test.txt",
    ]


def test_of_several_processes_the_first_one_speaks(elmo, play, evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = [Progress(stage="s", done=1, total=1, unit="u"), Notice(text="careful", warning=True), evaluation]
    monkeypatch.setenv("WORLD_SIZE", "2")
    play("evaluation.evaluate", reports)
    outcomes = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        outcomes.append(elmo("eval", "m", "a.txt"))
    assert "Warning: careful" in outcomes[0].err and "210.6" in outcomes[0].out
    assert (outcomes[1].code, outcomes[1].out, outcomes[1].err) == (0, "", "")
    play("evaluation.evaluate", ConfigError("all processes say it"))
    assert elmo("eval", "m", "a.txt").err == "Error: all processes say it\n"
