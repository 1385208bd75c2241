"""``elmo pretrain``, ``elmo eval`` and ``elmo embed`` with ``--device auto``, as a user types them."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch

from tests.gpu.devices import CUDA
from tests.gpu.small import paragraphs

ROOT = Path(__file__).parents[2]

TYPED = """
import atexit, runpy, sys
def report():
    import torch
    used = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    print(f"bytes on CUDA: {used}", file=sys.stderr)
atexit.register(report)
runpy.run_module("elmo_cli", run_name="__main__", alter_sys=True)
"""
"""``python -m elmo_cli``, and what it had on a GPU."""


class Typist:
    """Types commands in a shell where ``auto`` finds one device or the other."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder = folder
        self.device = device

    def __call__(self, *words: str) -> dict[str, Any]:
        """Runs a command with ``--device auto --json``; its result, after a look at where it computed."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if self.device.type == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        command = [sys.executable, "-c", TYPED, *words, "--device", "auto", "--json"]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        used = int(done.stderr.rpartition("bytes on CUDA: ")[2])
        assert (used > 0) == (self.device.type == "cuda"), done.stderr
        return json.loads(done.stdout)


@pytest.fixture(params=[pytest.param("cpu", marks=pytest.mark.slow), CUDA])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Where commands compute. Each starts a process of its own, so the CPU's turn comes with the slow tests."""
    return torch.device(request.param)


@pytest.fixture
def elmo(device: torch.device, tmp_path: Path) -> Typist:
    """``elmo("eval", "model", "text.txt")``."""
    return Typist(tmp_path, device)


def test_a_model_is_trained_scored_and_asked_for_vectors(elmo: Typist, tmp_path: Path) -> None:
    lines = paragraphs(120)
    (tmp_path / "corpus.txt").write_text("".join(f"{line}\n" for line in lines[:100]), encoding="utf-8")
    (tmp_path / "test.txt").write_text("".join(f"{line}\n" for line in lines[100:]), encoding="utf-8")
    trained = elmo(
        *("pretrain", "corpus.txt", "--out", "run", "--preset", "tiny", "--steps", "4", "--rows", "4"),
        *("--tokenizer", "whitespace", "--validation", "test.txt", "--set", "train.negatives=64"),
    )
    assert trained["steps"] == 4
    again = elmo("eval", "run/model", "test.txt")
    assert again["perplexity"] == pytest.approx(trained["held_out_perplexity"], rel=1e-4)
    assert 1 < again["perplexity"] < math.inf
    embedded = elmo("embed", "run/model", "test.txt", "--out", "vectors.hdf5")
    assert embedded["sentences"] == len(lines[100:])
    with h5py.File(tmp_path / "vectors.hdf5") as file:
        assert file["0"].shape == (3, len(lines[100].split()), 128)


def test_a_run_on_the_device_goes_on_from_its_checkpoint(elmo: Typist, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("".join(f"{line}\n" for line in paragraphs(120)), encoding="utf-8")
    settings = ["--set", "train.rows=4", "--set", "train.negatives=64", "--set", "train.steps=2"]
    elmo("pretrain", "corpus.txt", "--out", "run", "--preset", "tiny", "--tokenizer", "whitespace", *settings)
    assert elmo("pretrain", "--out", "run", "--resume", "--steps", "4")["steps"] == 4
