"""Runs that are killed with SIGKILL, in real processes, over and over: they end in the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.train.checkpoint import checkpoints
from elmo_cli.train.metrics import MEASURED, read_metrics

ROOT = Path(__file__).parents[3]
SETTINGS: dict[str, Any] = {
    "model": {
        "char_cnn": {"embedding_dim": 4, "filters": [[1, 4], [2, 4]], "max_characters": 12},
        "lstm": {"cell_dim": 8, "projection_dim": 4},
    },
    "train": {"rows": 4, "window": 5, "negatives": 10, "steps": 24, "evaluate_every": 6, "checkpoint_every": 4},
    "vocabulary": {"min_count": 1},
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    words = ["Ann", "Bob", "Cem", "likes", "eats", "apples", "bread", "cheese", "tea", "figs", "rice", ".", "?"]
    path = tmp_path_factory.mktemp("text") / "people.txt"
    path.write_text("".join(" ".join(rng.choice(words, 6)) + "\n" for _ in range(300)), encoding="utf-8")
    return path


def train(text: Path, run_dirs: list[Path], **plan: Any) -> list[dict[str, Any]]:
    """Trains to the end in spite of kills, and says what happened."""
    plan = {"text": str(text), "settings": SETTINGS} | plan
    plans = [plan | {"run_dir": str(run_dir), "seed": number} for number, run_dir in enumerate(run_dirs)]
    path = run_dirs[0].with_suffix(".json")
    path.write_text(json.dumps(plans), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.killed_runs", str(path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [outcome["code"] for outcome in outcomes] == [0] * len(run_dirs), done.stderr
    return outcomes


@pytest.fixture(scope="module")
def whole(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run that nobody killed."""
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    return run_dir, train(text, [run_dir], kills=0, at="reports")[0]


def require_same(run_dir: Path, whole: Path) -> None:
    """The same model, checkpoints and records, and nothing left over."""
    for name in ("weights.hdf5", "softmax.hdf5", "options.json", "vocab.txt", "info.json"):
        path = Path("model", name)
        assert (run_dir / path).exists() == (whole / path).exists()
        if (whole / path).exists():
            assert (run_dir / path).read_bytes() == (whole / path).read_bytes(), path
    assert [folder.name for folder in checkpoints(run_dir)] == [folder.name for folder in checkpoints(whole)]
    for one, other in zip(checkpoints(run_dir), checkpoints(whole), strict=True):
        assert (one / "tensors.safetensors").read_bytes() == (other / "tensors.safetensors").read_bytes()
    assert unmeasured(run_dir) == unmeasured(whole)
    assert not list(run_dir.rglob(".partial-*"))


def unmeasured(run_dir: Path) -> list[dict[str, Any]]:
    """Records without the figures that differ from one time to the next."""
    records = read_metrics(run_dir / "metrics.jsonl")
    return [{name: value for name, value in record.items() if name not in MEASURED} for record in records]


def kill_often(text: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path, at: str, runs: int) -> set[str]:
    """Several runs, each killed ten times on its way; the stages that kills fell into."""
    run_dirs = [tmp_path / f"run-{number}" for number in range(runs)]
    # An attempt gets a quarter of the way at most, so that ten of them seldom reach the end.
    outcomes = train(text, run_dirs, kills=10, at=at, furthest=whole[1][at] // 4)
    for run_dir in run_dirs:
        require_same(run_dir, whole[0])
    assert sum(outcome["kills"] for outcome in outcomes) >= 8 * runs
    return {stage for outcome in outcomes for stage in outcome["stages"]}


def test_a_run_killed_at_random_moments_ends_in_the_same_bytes(
    text: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    stages = kill_often(text, whole, tmp_path, "reports", 3)
    assert len(stages) >= 3


def test_a_run_killed_between_file_operations_ends_in_the_same_bytes(
    text: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    stages = kill_often(text, whole, tmp_path, "events", 3)
    assert len(stages) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("at", ["reports", "events"])
def test_hundreds_of_kills_change_nothing(
    text: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path, at: str
) -> None:
    stages = kill_often(text, whole, tmp_path, at, 25)
    late = {"training", "held-out perplexity", "saving"}
    assert late < stages
    assert len(stages - late) >= 3  # of preparing, counting and encoding the text


@pytest.mark.slow
def test_a_kill_before_any_single_file_operation_changes_nothing(
    text: Path, whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    events = whole[1]["events"]
    assert events > 100
    run_dirs = {event: tmp_path / f"run-{event}" for event in range(1, events + 1)}
    outcomes = train(text, list(run_dirs.values()), kills=1, at="events", first_event=1)
    for outcome, (event, run_dir) in zip(outcomes, run_dirs.items(), strict=True):
        assert outcome["kills"] == 1, event
        require_same(run_dir, whole[0])
