"""Checkpoints: folders that appear whole, ``checkpoints/step-000001000``, each with everything a run goes on from.

A folder counts only when its ``meta.json`` agrees with the bytes of its tensors, so a truncated or damaged one is
passed over for the one before it.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from elmo_cli.files import PARTIAL, sha256_of, whole_folder, write_text

FORMAT = 1
"""Version of a checkpoint's layout; raised when an older reader would misread a newer one."""

TENSORS, META = "tensors.pt", "meta.json"


def save_checkpoint(run_dir: Path, step: int, tensors: dict[str, Any], meta: dict[str, Any]) -> Path:
    """Writes a checkpoint that appears whole.

    Args:
        run_dir: The run's folder.
        step: Steps done.
        tensors: What torch saves: nested dictionaries and tuples of tensors and numbers.
        meta: What JSON saves besides.

    Raises:
        OutputError: The disk is full or read-only; older checkpoints stay as they are.
    """
    folder = run_dir / "checkpoints" / f"step-{step:09d}"
    with whole_folder(folder) as partial:
        torch.save(tensors, partial / TENSORS)
        record = {"format": FORMAT, "step": step, "sha256": sha256_of(partial / TENSORS), **meta}
        write_text(partial / META, json.dumps(record, indent=2) + "\n")
    return folder


def checkpoints(run_dir: Path) -> list[Path]:
    """Folders of checkpoints, the newest first; whether they are whole is for :func:`load_newest` to see."""
    return sorted((run_dir / "checkpoints").glob("step-*"), reverse=True)


def load_newest(run_dir: Path, device: torch.device) -> tuple[dict[str, Any], dict[str, Any], list[str]] | None:
    """The newest whole checkpoint.

    Returns:
        Its tensors, its meta, and a sentence about each newer one that was passed over; None where none is whole.
    """
    passed_over = []
    for folder in checkpoints(run_dir):
        problem = _problem(folder)
        if problem:
            passed_over.append(f"{folder}: {problem}; going on from the one before it")
            continue
        tensors = torch.load(folder / TENSORS, map_location=device, weights_only=True)
        return tensors, json.loads((folder / META).read_text(encoding="utf-8")), passed_over
    return None


def remove_old(run_dir: Path, keep: int) -> None:
    """Deletes all but the newest ``keep`` checkpoints."""
    for folder in checkpoints(run_dir)[keep:]:
        # Out of sight first: a folder that is half deleted must not look like a checkpoint.
        aside = folder.with_name(f"{PARTIAL}old-{folder.name}")
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def _problem(folder: Path) -> str | None:
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            return f"checkpoint format {meta['format']}, this version of elmo reads {FORMAT}"
        if sha256_of(folder / TENSORS) != meta["sha256"]:
            return "its bytes are not those that were saved"
    except (OSError, ValueError, KeyError) as error:
        return f"not whole ({type(error).__name__}: {error})"
    return None
