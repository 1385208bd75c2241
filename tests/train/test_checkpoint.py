"""Checkpoints appear whole, and what is not whole is passed over with a word about it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from elmo_cli.errors import OutputError
from elmo_cli.train.checkpoint import checkpoints, load_newest, remove_old, save_checkpoint

CPU = torch.device("cpu")


def save(run_dir: Path, step: int) -> Path:
    tensors = {"step": step, "values": (torch.full((3,), step),), "state": {"rate": 0.5, "none": None}}
    for _ in save_checkpoint(run_dir, step, tensors, {"best_step": 1}):
        pass
    return run_dir / "checkpoints" / f"step-{step:09d}"


def save_as_before(run_dir: Path, step: int) -> Path:
    """A checkpoint as version 0.1.0 wrote them."""
    folder = run_dir / "checkpoints" / f"step-{step:09d}"
    folder.mkdir(parents=True)
    torch.save({"step": step, "values": (torch.full((3,), step),)}, folder / "tensors.pt")
    sha256 = hashlib.sha256((folder / "tensors.pt").read_bytes()).hexdigest()
    meta = {"format": 1, "step": step, "sha256": sha256, "best_step": 1}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


@pytest.mark.parametrize("write", [save, save_as_before])
def test_the_newest_comes_back(tmp_path: Path, write: Callable[[Path, int], Path]) -> None:
    write(tmp_path, 5)
    newest = write(tmp_path, 12)
    found, passed_over = load_newest(tmp_path, CPU)
    assert found is not None
    assert found.folder == newest
    assert found.tensors["step"] == 12
    assert isinstance(found.tensors["values"], tuple)
    assert found.tensors["values"][0].tolist() == [12, 12, 12]
    assert found.meta["best_step"] == 1
    assert passed_over == []


def test_numbers_and_nothing_come_back_as_they_were(tmp_path: Path) -> None:
    save(tmp_path, 3)
    found, _ = load_newest(tmp_path, CPU)
    assert found is not None
    assert found.tensors["state"] == {"rate": 0.5, "none": None}


def test_without_checkpoints_there_is_none(tmp_path: Path) -> None:
    assert load_newest(tmp_path, CPU) == (None, [])


def test_the_recorded_sum_is_that_of_the_file(tmp_path: Path) -> None:
    folder = save(tmp_path, 5)
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["sha256"] == hashlib.sha256((folder / "tensors.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "damage", ["truncated", "bit flipped", "no tensors", "no meta", "half a meta", "no object", "other format"]
)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(damage: str, tmp_path: Path) -> None:
    save(tmp_path, 5)
    newest = save(tmp_path, 12)
    tensors, meta = newest / "tensors.safetensors", newest / "meta.json"
    if damage == "truncated":
        tensors.write_bytes(tensors.read_bytes()[:-20])
    elif damage == "bit flipped":
        content = bytearray(tensors.read_bytes())
        content[len(content) // 2] ^= 1
        tensors.write_bytes(content)
    elif damage == "no tensors":
        tensors.unlink()
    elif damage == "no meta":
        meta.unlink()
    elif damage == "half a meta":
        meta.write_text(meta.read_text()[:20])
    elif damage == "no object":
        meta.write_text("[]")
    else:
        meta.write_text(json.dumps(json.loads(meta.read_text()) | {"format": 99}))
    found, passed_over = load_newest(tmp_path, CPU)
    assert found is not None
    assert found.tensors["step"] == 5
    (sentence,) = passed_over
    assert sentence.startswith(f"{newest}: ")
    assert sentence.endswith("; going on from step-000000005")


def test_where_none_is_whole_every_one_is_named(tmp_path: Path) -> None:
    folders = [save(tmp_path, 5), save(tmp_path, 12)]
    for folder in folders:
        (folder / "tensors.safetensors").write_bytes(b"")
    found, passed_over = load_newest(tmp_path, CPU)
    assert found is None
    assert passed_over == [
        f"{folder}: its bytes are not those that were saved; no whole checkpoint is left: beginning anew"
        for folder in reversed(folders)
    ]


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        save(tmp_path, step)
    remove_old(tmp_path, keep=2)
    assert [folder.name for folder in checkpoints(tmp_path)] == ["step-000000004", "step-000000003"]
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-000000003", "step-000000004"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(OutputError, match="step-000000001: cannot be written"):
        save(tmp_path, 1)
