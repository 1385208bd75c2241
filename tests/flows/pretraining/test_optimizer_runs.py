"""Whole runs with every optimizer: killed, resumed, run again from their record."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.config import RATES, read_settings
from elmo_cli.errors import ConfigError
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.train.metrics import read_metrics

ROOT = Path(__file__).parents[3]
MODEL = {
    "char_cnn": {"embedding_dim": 4, "filters": [[1, 8]], "max_characters": 8},
    "lstm": {"cell_dim": 8, "projection_dim": 4},
}
TRAIN = {"rows": 4, "window": 5, "negatives": 8, "steps": 24, "evaluate_every": 6, "checkpoint_every": 4}
OTHERS: dict[str, dict[str, Any]] = {
    "adamw, cosine": {
        "optimizer": {"name": "adamw", "weight_decay": 0.5},
        "schedule": {"name": "cosine"},
        "warmup_steps": 3,
        "accumulate": 2,
        "recurrent_dropout": 0.2,
    },
    "rmsprop, plateau": {
        "optimizer": {"name": "rmsprop", "l1": 0.001},
        "learning_rate": 1.0,
        "evaluate_every": 2,
        "schedule": {"name": "plateau", "factor": 0.1},
    },
}
RECIPES = {name: {"optimizer": {"name": name}} for name in ("adam", "sgd")} | OTHERS
"""Adagrad's are in ``test_killed_runs.py``."""


def settings(recipe: str, **train: Any) -> dict[str, Any]:
    return {"model": MODEL, "vocabulary": {"min_count": 1}, "train": {**TRAIN, **RECIPES[recipe], **train}}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred sentences of forty words."""
    rng = np.random.default_rng(1)
    words = [f"w{number}" for number in range(40)]
    lines = [" ".join(rng.choice(words, size=rng.integers(2, 9))) + " ." for _ in range(300)]
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def train(text: Path, run_dir: Path, chosen: dict[str, Any], **options: Any) -> Path:
    list(pretrain([str(text)], run_dir, preset="tiny", settings=chosen, device="cpu", threads=1, **options))
    return run_dir


def model_bytes(run_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run_dir / "model").glob("*.hdf5")}


def rates(run_dir: Path) -> list[float]:
    return [record["learning_rate"] for record in read_metrics(run_dir / "metrics.jsonl") if "learning_rate" in record]


def test_runs_of_every_optimizer_end_bit_for_bit_in_spite_of_kills(text: Path, tmp_path: Path) -> None:
    plans = [
        {
            "text": str(text),
            "run_dir": str(tmp_path / f"{kills} {recipe}"),
            "settings": settings(recipe),
            "seed": number,
            "at": "reports",
            "furthest": 25,
            "kills": kills,
        }
        for number, recipe in enumerate(RECIPES)
        for kills in (0, 3)
    ]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(plans), encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-m", "tests.killed_runs", str(plan)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    outcomes = [json.loads(line) for line in told.stdout.splitlines()]
    assert [outcome["code"] for outcome in outcomes] == [0] * len(plans), told.stderr
    assert sum(outcome["kills"] for outcome in outcomes) >= len(RECIPES)
    for recipe in RECIPES:
        whole, killed = tmp_path / f"0 {recipe}", tmp_path / f"3 {recipe}"
        assert model_bytes(whole) == model_bytes(killed), recipe
        assert rates(whole) == rates(killed), recipe
        newest = [max((run_dir / "checkpoints").glob("step-*")) for run_dir in (whole, killed)]
        assert newest[0].name == newest[1].name == "step-000000024"
        # Averages, rows and what rows owe are in the checkpoint.
        tensors = [(folder / "tensors.safetensors").read_bytes() for folder in newest]
        assert tensors[0] == tensors[1], recipe
    assert rates(tmp_path / "0 rmsprop, plateau")[-1] < 1
    assert 0 < rates(tmp_path / "0 adamw, cosine")[-1] < RATES["adamw"] / 10


def test_the_record_of_a_run_has_every_setting_and_runs_it_again(text: Path, tmp_path: Path) -> None:
    first = train(text, tmp_path / "first", settings("adamw, cosine"))
    recorded = read_settings(first)
    assert recorded["train"]["learning_rate"] == RATES["adamw"]
    assert recorded["train"]["optimizer"]["weight_decay"] == 0.5
    again = tmp_path / "again"
    list(pretrain([str(text)], again, settings=recorded, device="cpu", threads=1))
    assert model_bytes(again) == model_bytes(first)
    assert read_settings(again) == recorded


def test_a_run_whose_schedule_ends_with_it_cannot_be_made_longer(text: Path, tmp_path: Path) -> None:
    cosine = settings("adamw, cosine", steps=4)
    run_dir = train(text, tmp_path / "cosine", cosine)
    with pytest.raises(ConfigError, match=r"changed: train.steps; the schedule cosine depends on epochs, steps, words"):
        train(text, run_dir, {"train": {"steps": 8}}, resume=True)
    ended = {**cosine, "train": {**cosine["train"], "schedule": {"name": "cosine", "end": 6}}}
    run_dir = train(text, tmp_path / "ended", ended)
    train(text, run_dir, {"train": {"steps": 8}}, resume=True)
    assert rates(run_dir)[-1] == 0


def test_a_plateau_fixes_the_evaluations_it_counts(text: Path, tmp_path: Path) -> None:
    run_dir = train(text, tmp_path / "run", settings("rmsprop, plateau", steps=6))
    with pytest.raises(
        ConfigError, match=r"changed: train.evaluate_every; the schedule plateau depends on evaluate_ev"
    ):
        train(text, run_dir, {"train": {"evaluate_every": 5}}, resume=True)
    train(text, run_dir, {"train": {"steps": 8}}, resume=True)


def test_what_is_not_defined_for_rows_is_said_before_training(text: Path, tmp_path: Path) -> None:
    l2 = {"optimizer": {"name": "adam", "l2": 0.1}}
    with pytest.raises(ConfigError, match=r"train.optimizer.l2: not defined where steps read only some rows") as caught:
        train(text, tmp_path / "run", settings("adam", **l2))
    assert "train.optimizer.weight_decay instead" in caught.value.hint
    train(text, tmp_path / "full", settings("adam", **l2, negatives=1000, steps=2))
