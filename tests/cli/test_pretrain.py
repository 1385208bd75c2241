"""``elmo pretrain``."""

import json
import re
import signal
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from elmo_cli.cli import pretrain
from elmo_cli.config import PRESETS, TextConfig
from elmo_cli.flows.reports import Progress
from elmo_cli.flows.run_results import PretrainResult, StoppedResult
from elmo_cli.text.python_docs import write_python_documentation
from elmo_cli.text.tokenizers import make_tokenizer

RESULT = PretrainResult(
    run_dir="my run",
    model_dir="my run/model",
    steps=1000,
    epochs=2.5,
    words=640_000,
    seconds=813.2,
    words_per_second=1234.5,
    train_perplexity_sampled=124.56,
    held_out_perplexity=212.34,
    held_out_step=900,
    held_out_text="my run/corpus",
    running_seconds=813.2,
    stopped_early=False,
    back_offs=0,
)


def test_text_and_a_place_are_enough(elmo, play) -> None:
    calls = play("pretraining.pretrain", [RESULT])
    assert elmo("pretrain", "corpus.txt", "--out", "run").code == 0
    assert calls[0].args == (["corpus.txt"], Path("run"))
    assert calls[0].options == {
        "preset": "auto",
        "settings": {},
        "vocabulary_path": None,
        "init_from": None,
        "keep_vocabulary": None,
        "pieces_model": None,
        "validation": [],
        "device": "auto",
        "resume": False,
        "threads": None,
        "tensorboard": False,
        "stop": ANY,
    }


def test_every_option_arrives(elmo, play, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text("train.window = 40\ntrain.rows = 2\n")
    calls = play("pretraining.pretrain", [RESULT])
    words = "pretrain a.txt b.txt --out run --preset small-bilm-tf --vocab v.txt --validation c.txt --validation d.txt"
    words += " --tokenizer whitespace --language de --decode-errors skip --documents file --epochs 2 --rows 8 --seed 3"
    words += " --format csv --field 2 --encoding latin-1 --device cpu --threads 2 --resume --tensorboard"
    words += " --set train.rows=4 --set train.dropout=0.2"
    assert elmo(*words.split(), "--config", str(config)).code == 0
    assert calls[0].args == (["a.txt", "b.txt"], Path("run"))
    assert calls[0].options == {
        "preset": "small-bilm-tf",
        "settings": {
            "text": {"tokenizer": "whitespace", "language": "de"},
            "input": {
                "format": "csv",
                "field": "2",
                "encoding": "latin-1",
                "documents": "file",
                "decode_errors": "skip",
            },
            "train": {"window": 40, "rows": 8, "dropout": 0.2, "epochs": 2.0, "seed": 3},
        },
        "vocabulary_path": Path("v.txt"),
        "init_from": None,
        "keep_vocabulary": None,
        "pieces_model": None,
        "validation": ["c.txt", "d.txt"],
        "device": "cpu",
        "resume": True,
        "threads": 2,
        "tensorboard": True,
        "stop": ANY,
    }


@pytest.mark.parametrize(("word", "kept"), [("same", True), ("new", False)])
def test_a_model_to_continue_and_the_fate_of_its_vocabulary_arrive(elmo, play, word: str, kept: bool) -> None:
    calls = play("pretraining.pretrain", [RESULT])
    words = f"pretrain a.txt --out run --init-from books --vocab {word} --freeze token_encoder,lstm.1"
    assert elmo(*words.split()).code == 0
    chosen = {name: calls[0].options[name] for name in ("init_from", "keep_vocabulary", "vocabulary_path", "settings")}
    assert chosen == {
        "init_from": "books",
        "keep_vocabulary": kept,
        "vocabulary_path": None,
        "settings": {"train": {"freeze": "token_encoder,lstm.1"}},
    }


def test_a_vocabulary_called_same_is_a_file_behind_a_path(elmo, play) -> None:
    calls = play("pretraining.pretrain", [RESULT])
    assert elmo("pretrain", "a.txt", "--out", "run", "--vocab", "./same").code == 0
    assert (calls[0].options["vocabulary_path"], calls[0].options["keep_vocabulary"]) == (Path("same"), None)


@pytest.mark.parametrize(("flag", "value"), [("epochs", 3.0), ("steps", 40), ("words", 500_000), ("hours", 1.5)])
def test_a_run_is_as_long_as_the_flag_says_whatever_the_file_says(elmo, play, tmp_path: Path, flag: str, value) -> None:
    config = tmp_path / "run.toml"
    config.write_text("train.epochs = 7.0\n")
    calls = play("pretraining.pretrain", [RESULT])
    assert elmo("pretrain", "a.txt", "--out", "run", "--config", str(config), f"--{flag}", str(value)).code == 0
    assert calls[0].options["settings"] == {"train": {flag: value}}


def test_what_a_token_is_arrives(elmo, play) -> None:
    calls = play("pretraining.pretrain", [RESULT])
    words = "pretrain a.txt --out run --tokenizer sentencepiece --normalization nfkc --lowercase --zero-digits"
    words += " --pieces 900 --pieces-algorithm bpe --character-coverage 0.99 --pieces-model own.model"
    assert elmo(*words.split()).code == 0
    assert calls[0].options["settings"] == {
        "text": {"tokenizer": "sentencepiece", "normalization": "nfkc", "lowercase": True, "zero_digits": True},
        "pieces": {"size": 900, "algorithm": "bpe", "character_coverage": 0.99},
    }
    assert calls[0].options["pieces_model"] == Path("own.model")


def test_the_help_names_every_preset_and_who_wins(elmo) -> None:
    text = " ".join(elmo("pretrain", "--help").out.replace("│", " ").split())
    assert ", ".join(PRESETS) in text
    assert "taken from its flag, else from --set, else from --config, else from the preset" in text


def test_without_text_the_demo_corpus_is_offered(elmo, play) -> None:
    calls = play("pretraining.pretrain", [RESULT])
    outcome = elmo("pretrain", "--out", "my run")
    assert outcome.code == 1
    assert outcome.err == (
        "Error: no text to train on; there is a demo corpus to try things with: "
        "the English documentation that ships with Python (about 260,000 words and marks; no download)\n"
        "Hint: name a text file, or type: elmo pretrain --demo-corpus --out 'my run'\n"
    )
    assert calls == []


def test_the_demo_corpus_is_python_s_documentation(elmo, play) -> None:
    calls = play("pretraining.pretrain", [RESULT])
    assert elmo("pretrain", "--demo-corpus", "--out", "run", "--preset", "tiny").code == 0
    assert calls[0].args == (["python-docs:"], Path("run"))


def test_the_demo_corpus_is_as_large_as_it_is_said_to_be(tmp_path: Path) -> None:
    write_python_documentation(tmp_path / "docs.txt")
    tokenizer = make_tokenizer(TextConfig())
    lines = (tmp_path / "docs.txt").read_text(encoding="utf-8").splitlines()
    tokens = sum(len(sentence) for line in lines for sentence in tokenizer.sentences(line))
    said = int(re.search(r"[\d,]+", pretrain.DEMO_CORPUS)[0].replace(",", ""))
    assert 0.85 * said < tokens < 1.15 * said  # it differs from one version of Python to the next


def test_text_and_the_demo_corpus_are_a_wrong_command_line(elmo, play) -> None:
    play("pretraining.pretrain", [RESULT])
    outcome = elmo("pretrain", "a.txt", "--demo-corpus", "--out", "run")
    assert outcome.code == 2
    assert "give text files or --demo-corpus, not both" in outcome.err


def test_a_run_is_resumed_without_naming_its_text(elmo, play) -> None:
    calls = play("pretraining.pretrain", [RESULT])
    assert elmo("pretrain", "--out", "run", "--resume").code == 0
    assert calls[0].args == ([], Path("run"))


def test_the_table_explains_its_figures_and_the_next_commands_follow(elmo, play) -> None:
    play("pretraining.pretrain", [RESULT])
    outcome = elmo("pretrain", "corpus.txt", "--out", "my run")
    assert outcome.out.splitlines() == [
        "Trained model in my run/model",
        "  held-out perplexity  212.3          best of the run, at step 900; full softmax, sentence by sentence",
        "  training perplexity  124.6          last hundred steps; sampled softmax, dropout on: not comparable",
        "  steps                1,000          of training, 2.500 passes over the text",
        "  words                640,000        read in training",
        "  time                 0:13:33        of training and its evaluations in this call",
        "  speed                1,234 words/s  in the training steps of this call",
    ]
    assert outcome.err.splitlines() == [
        "Next:",
        "  elmo eval 'my run/model' 'my run/corpus'",
        "  elmo embed 'my run/model' sentences.txt --out vectors.hdf5",
        "  elmo info 'my run'",
    ]


def test_quiet_and_json_print_the_result_alone(elmo, play) -> None:
    play("pretraining.pretrain", [RESULT])
    outcome = elmo("pretrain", "corpus.txt", "--out", "run", "--json", "--quiet")
    assert json.loads(outcome.out) == RESULT.to_json()
    assert outcome.err == ""


@pytest.mark.parametrize("checkpoint", [True, False])
def test_ctrl_c_tells_how_to_go_on_if_there_is_a_checkpoint(elmo, play, tmp_path: Path, checkpoint: bool) -> None:
    def flow():
        yield Progress(stage="training", done=120, total=1000, unit="steps")
        raise KeyboardInterrupt

    if checkpoint:
        (tmp_path / "checkpoints" / "step-000000100").mkdir(parents=True)
    play("pretraining.pretrain", flow)
    outcome = elmo("pretrain", "corpus.txt", "--out", str(tmp_path))
    assert outcome.code == 130
    lines = ["Stopped by Ctrl-C while training, at 120 of 1,000 steps."]
    if checkpoint:
        lines.append("The last checkpoint is kept. To go on, type the same command again with --resume.")
    assert outcome.err.splitlines() == lines


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_the_first_signal_asks_and_the_exit_code_names_it(elmo, play, name: str, code: int) -> None:
    def flow():
        (stop,) = [call.options["stop"] for call in calls]
        with stop.heeding():
            signal.raise_signal(getattr(signal, name))
            assert stop.asked
        yield StoppedResult(run_dir="run", steps=1234, checkpoint="run/checkpoints/step-000001234", seconds=9.0)

    calls = play("pretraining.pretrain", flow)
    before = signal.getsignal(signal.SIGTERM)
    outcome = elmo("pretrain", "corpus.txt", "--out", "run")
    assert outcome.code == code
    assert outcome.err.splitlines() == [
        "Stopped at step 1,234; all of it is in run/checkpoints/step-000001234.",
        "To go on, type the same command again with --resume.",
    ]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("heeds", [True, False])
def test_the_second_signal_and_one_that_nobody_heeds_stop_at_once(
    elmo, play, name: str, code: int, heeds: bool
) -> None:
    closed = []

    def flow():
        (stop,) = [call.options["stop"] for call in calls]
        stop.heeded, stop.asked = heeds, heeds
        try:
            yield Progress(stage="training", done=120, total=1000, unit="steps")
            signal.raise_signal(getattr(signal, name))
            yield Progress(stage="training", done=121, total=1000, unit="steps")
        finally:
            closed.append(True)

    calls = play("pretraining.pretrain", flow)
    assert elmo("pretrain", "corpus.txt", "--out", "run").code == code
    assert closed


def test_a_stop_before_the_first_step_says_that_there_was_nothing(elmo, play) -> None:
    play("pretraining.pretrain", [StoppedResult(run_dir="run", steps=0, checkpoint=None, seconds=0.1)])
    outcome = elmo("pretrain", "corpus.txt", "--out", "run", "--json")
    assert outcome.code == 130
    assert json.loads(outcome.out) == {"run_dir": "run", "steps": 0, "checkpoint": None, "seconds": 0.1}
    assert outcome.err == "Stopped at step 0, before there was anything to save.\n"


def test_what_was_unusual_about_a_run_is_told(elmo, play) -> None:
    play("pretraining.pretrain", [replace(RESULT, running_seconds=5000.0, stopped_early=True, back_offs=2)])
    assert elmo("pretrain", "corpus.txt", "--out", "run").out.splitlines()[-3:] == [
        "  running time         1:23:20        over all calls",
        "  ended early          yes            held-out perplexity got no better; see train.patience",
        "  backed off           2              times: the loss was no number, the rate was halved",
    ]


def test_of_several_processes_one_speaks(elmo, play, monkeypatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    stopped = StoppedResult(run_dir="run", steps=7, checkpoint=None, seconds=0.1)
    progress = Progress(stage="training", done=120, total=1000, unit="steps")
    for rank, speaks in (("0", True), ("1", False)):
        monkeypatch.setenv("RANK", rank)
        play("pretraining.pretrain", [progress, RESULT])
        outcome = elmo("pretrain", "corpus.txt", "--out", "run", "--json")
        assert (outcome.code, bool(outcome.out), bool(outcome.err)) == (0, speaks, speaks)
        play("pretraining.pretrain", [progress, stopped])
        outcome = elmo("pretrain", "corpus.txt", "--out", "run", "--json")
        assert (outcome.code, bool(outcome.out), bool(outcome.err)) == (130, speaks, speaks)
