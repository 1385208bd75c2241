"""Checkpoints appear whole, and what is not whole is passed over with a word about it."""

import json
from pathlib import Path

import pytest
import torch

from elmo_cli.errors import OutputError
from elmo_cli.train.checkpoint import checkpoints, load_newest, remove_old, save_checkpoint

CPU = torch.device("cpu")


def save(run_dir: Path, step: int) -> Path:
    return save_checkpoint(run_dir, step, {"step": step, "values": (torch.full((3,), step),)}, {"best_step": 1})


def test_the_newest_comes_back(tmp_path: Path) -> None:
    save(tmp_path, 5)
    save(tmp_path, 12)
    found = load_newest(tmp_path, CPU)
    assert found is not None
    tensors, meta, passed_over = found
    assert tensors["step"] == 12
    assert tensors["values"][0].tolist() == [12, 12, 12]
    assert meta["best_step"] == 1
    assert passed_over == []


def test_without_checkpoints_there_is_none(tmp_path: Path) -> None:
    assert load_newest(tmp_path, CPU) is None


@pytest.mark.parametrize("damage", ["truncated", "bit flipped", "no tensors", "no meta", "half a meta", "other format"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(damage: str, tmp_path: Path) -> None:
    save(tmp_path, 5)
    newest = save(tmp_path, 12)
    tensors, meta = newest / "tensors.pt", newest / "meta.json"
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
    else:
        meta.write_text(json.dumps(json.loads(meta.read_text()) | {"format": 99}))
    found = load_newest(tmp_path, CPU)
    assert found is not None
    assert found[0]["step"] == 5
    assert len(found[2]) == 1
    assert "step-000000012" in found[2][0]
    assert "going on from the one before it" in found[2][0]


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
