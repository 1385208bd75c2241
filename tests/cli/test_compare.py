"""``elmo compare``."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from elmo_cli.cli import compare
from elmo_cli.flows.run_results import ComparedRun, CompareRunsResult

GOOD = ComparedRun(
    path="sweep/good",
    name="good",
    settings={"inputs": ["a.txt"], "train.learning_rate": 0.2, "torch": "2.13.0"},
    steps=1000,
    epochs=2.5,
    words=640_000,
    seconds=813.2,
    words_per_second=1234.5,
    peak_memory_bytes=10**9,
    train_perplexity_sampled=50.0,
    held_out_perplexity=212.34,
    held_out_forward=210.0,
    held_out_backward=214.7,
    held_out_step=900,
)
BEGUN = ComparedRun(
    path="sweep/begun",
    name="begun",
    settings={"inputs": ["a-very-long-name-" * 3 + ".txt"], "train.learning_rate": None, "torch": "2.12.0"},
    steps=7,
    epochs=None,
    words=None,
    seconds=None,
    words_per_second=None,
    peak_memory_bytes=None,
    train_perplexity_sampled=None,
    held_out_perplexity=None,
    held_out_forward=None,
    held_out_backward=None,
    held_out_step=None,
)
RESULT = CompareRunsResult(differing=["inputs", "train.learning_rate", "torch"], runs=[GOOD, BEGUN])


def test_a_run_is_a_line_with_what_differs_and_what_came_of_it(elmo, play) -> None:
    calls = play("pretraining.compare_runs", [RESULT])
    outcome = elmo("compare", "sweep/good", "sweep/begun")
    assert calls[0].args == ([Path("sweep/good"), Path("sweep/begun")],)
    heads, good, begun = outcome.out.splitlines()
    assert re.split(r"  +", heads) == [
        *("run", "inputs", "train.learning_rate", "held-out", "forward", "backward", "at step"),
        *("steps", "epochs", "words", "words/s", "time"),
    ]
    assert re.split(r"  +", good) == [
        *("good", "a.txt", "0.2", "212.3", "210.0", "214.7", "900"),
        *("1,000", "2.500", "640,000", "1,234", "0:13:33"),
    ]
    assert re.split(r"  +", begun) == ["begun", "…long-name-a-very-long-name-.txt", *"-----7----"]
    assert heads.index("held-out") + len("held-out") == good.index("212.3") + len("212.3")
    assert outcome.err == "Perplexities may not be comparable: the runs differ in inputs.\n"


def test_runs_with_the_same_text_need_no_warning(elmo, play) -> None:
    play("pretraining.compare_runs", [CompareRunsResult(differing=["train.learning_rate"], runs=[GOOD])])
    assert elmo("compare", "sweep/good").err == ""


@pytest.mark.parametrize("width", [400, 60])
def test_on_a_terminal_too_narrow_for_lines_a_run_is_a_column(
    elmo, play, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(compare, "Console", partial(Console, force_terminal=True, width=width))
    play("pretraining.compare_runs", [replace(RESULT, differing=["train.learning_rate"])])
    lines = [line.split() for line in elmo("compare", "a", "b").out.splitlines()]
    if width == 400:
        assert lines[0][:3] == ["run", "train.learning_rate", "held-out"]
        assert lines[1][:3] == ["good", "0.2", "212.3"]
    else:
        assert lines[:3] == [["run", "good", "begun"], ["train.learning_rate", "0.2", "-"], ["held-out", "212.3", "-"]]


def test_json_has_all_of_it(elmo, play) -> None:
    play("pretraining.compare_runs", [RESULT])
    outcome = elmo("compare", "a", "b", "--json")
    assert json.loads(outcome.out) == RESULT.to_json()
    assert outcome.err == ""
