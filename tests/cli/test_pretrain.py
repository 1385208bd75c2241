"""``elmo pretrain``."""

import json
import re
from pathlib import Path

import pytest

from elmo_cli.cli import pretrain
from elmo_cli.config import PRESETS, TextConfig
from elmo_cli.flows.reports import PretrainResult, Progress
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
)


def test_text_and_a_place_are_enough(elmo, play) -> None:
    calls = play("pretrain", [RESULT])
    assert elmo("pretrain", "corpus.txt", "--out", "run").code == 0
    assert calls[0].args == (["corpus.txt"], Path("run"))
    assert calls[0].options == {
        "preset": "auto",
        "settings": {},
        "vocabulary_path": None,
        "validation": [],
        "device": "auto",
        "resume": False,
        "threads": None,
    }


def test_every_option_arrives(elmo, play, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text("train.window = 40\ntrain.rows = 2\n")
    calls = play("pretrain", [RESULT])
    words = "pretrain a.txt b.txt --out run --preset small-bilm-tf --vocab v.txt --validation c.txt --validation d.txt"
    words += " --tokenizer whitespace --language de --decode-errors replace --epochs 2 --rows 8 --seed 3"
    words += " --device cpu --threads 2 --resume --set train.rows=4 --set train.dropout=0.2"
    assert elmo(*words.split(), "--config", str(config)).code == 0
    assert calls[0].args == (["a.txt", "b.txt"], Path("run"))
    assert calls[0].options == {
        "preset": "small-bilm-tf",
        "settings": {
            "text": {"tokenizer": "whitespace", "language": "de", "decode_errors": "replace"},
            "train": {"window": 40, "rows": 8, "dropout": 0.2, "epochs": 2.0, "seed": 3},
        },
        "vocabulary_path": Path("v.txt"),
        "validation": ["c.txt", "d.txt"],
        "device": "cpu",
        "resume": True,
        "threads": 2,
    }


def test_the_help_names_every_preset_and_who_wins(elmo) -> None:
    text = " ".join(elmo("pretrain", "--help").out.replace("│", " ").split())
    assert ", ".join(PRESETS) in text
    assert "taken from its flag, else from --set, else from --config, else from the preset" in text


def test_without_text_the_demo_corpus_is_offered(elmo, play) -> None:
    calls = play("pretrain", [RESULT])
    outcome = elmo("pretrain", "--out", "my run")
    assert outcome.code == 1
    assert outcome.err == (
        "Error: no text to train on; there is a demo corpus to try things with: "
        "the English documentation that ships with Python (about 260,000 words and marks; no download)\n"
        "Hint: name a text file, or type: elmo pretrain --demo-corpus --out 'my run'\n"
    )
    assert calls == []


def test_the_demo_corpus_is_python_s_documentation(elmo, play) -> None:
    calls = play("pretrain", [RESULT])
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
    play("pretrain", [RESULT])
    outcome = elmo("pretrain", "a.txt", "--demo-corpus", "--out", "run")
    assert outcome.code == 2
    assert "give text files or --demo-corpus, not both" in outcome.err


def test_a_run_is_resumed_without_naming_its_text(elmo, play) -> None:
    calls = play("pretrain", [RESULT])
    assert elmo("pretrain", "--out", "run", "--resume").code == 0
    assert calls[0].args == ([], Path("run"))


def test_the_table_explains_its_figures_and_the_next_commands_follow(elmo, play) -> None:
    play("pretrain", [RESULT])
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
    play("pretrain", [RESULT])
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
    play("pretrain", flow)
    outcome = elmo("pretrain", "corpus.txt", "--out", str(tmp_path))
    assert outcome.code == 130
    lines = ["Stopped by Ctrl-C while training, at 120 of 1,000 steps."]
    if checkpoint:
        lines.append("The last checkpoint is kept. To go on, type the same command again with --resume.")
    assert outcome.err.splitlines() == lines
