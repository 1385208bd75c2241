"""Checkpoints: folders that appear whole, ``checkpoints/step-000001000``, each with everything a run goes on from.

``tensors.safetensors`` has the numbers; ``meta.json`` has the rest, and the SHA-256 of the numbers. A folder counts
only when the two agree, so a truncated or damaged one is passed over for the one before it.
"""

import json
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from elmo_cli.files import PARTIAL, sha256_of, whole_folder, write_text
from elmo_cli.train.tensor_file import read_tensors, write_tensors
from elmo_cli.train.tensor_tree import gather, scatter

FORMAT = 2
"""Version of a checkpoint's layout; raised when an older reader would misread a newer one."""
PICKLED = 1
"""The layout before: the same as one file of ``torch.save``. Runs that have such checkpoints go on."""

TENSORS, META, PICKLED_TENSORS = "tensors.safetensors", "meta.json", "tensors.pt"


@dataclass(frozen=True)
class Checkpoint:
    """What a run goes on from."""

    folder: Path
    tensors: dict[str, Any]
    """As they were given to :func:`save_checkpoint`."""
    meta: dict[str, Any]


def save_checkpoint(
    run_dir: Path, step: int, tensors: dict[str, Any], meta: dict[str, Any]
) -> Generator[tuple[int, int], None, Path]:
    """Writes a checkpoint that appears whole.

    Args:
        run_dir: The run's folder.
        step: Steps done.
        tensors: Nested dictionaries, tuples and lists of tensors, numbers and words.
        meta: What JSON saves besides.

    Yields:
        Bytes written so far, and all there are.

    Returns:
        The checkpoint's folder.

    Raises:
        OutputError: The disk is full or read-only; older checkpoints stay as they are.
    """
    folder = run_dir / "checkpoints" / f"step-{step:09d}"
    named, tree = gather(tensors)
    with whole_folder(folder) as partial:
        sha256 = yield from write_tensors(partial / TENSORS, named)
        record = {"format": FORMAT, "step": step, "sha256": sha256, **meta, "tree": tree}
        write_text(partial / META, json.dumps(record, indent=2) + "\n")
    return folder


def checkpoints(run_dir: Path) -> list[Path]:
    """Folders of checkpoints, the newest first; whether they are whole is for :func:`load_newest` to see."""
    return sorted((run_dir / "checkpoints").glob("step-*"), reverse=True)


def load_newest(run_dir: Path, device: torch.device) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, and a sentence about each newer one that was passed over.

    None in the checkpoint's place says that there is none, or none that is whole.
    """
    passed_over: list[str] = []
    for folder in checkpoints(run_dir):
        problem = _problem(folder)
        if problem is None:
            instead = f"going on from {folder.name}"
            return _load(folder, device), [f"{sentence}; {instead}" for sentence in passed_over]
        passed_over.append(f"{folder}: {problem}")
    return None, [f"{sentence}; no whole checkpoint is left: beginning anew" for sentence in passed_over]


def remove_old(run_dir: Path, keep: int) -> None:
    """Deletes all but the newest ``keep`` checkpoints."""
    for folder in checkpoints(run_dir)[keep:]:
        remove_checkpoint(folder)


def remove_checkpoint(folder: Path) -> None:
    """Deletes a checkpoint."""
    # Out of sight first: a folder that is half deleted must not look like a checkpoint.
    aside = folder.with_name(f"{PARTIAL}old-{folder.name}")
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _load(folder: Path, device: torch.device) -> Checkpoint:
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    if meta["format"] == PICKLED:
        return Checkpoint(folder, torch.load(folder / PICKLED_TENSORS, map_location=device, weights_only=True), meta)
    return Checkpoint(folder, scatter(meta["tree"], read_tensors(folder / TENSORS, device)), meta)


def _problem(folder: Path) -> str | None:
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        if meta["format"] not in (FORMAT, PICKLED):
            return f"checkpoint format {meta['format']}, this version of elmo reads {PICKLED} and {FORMAT}"
        if sha256_of(folder / (TENSORS if meta["format"] == FORMAT else PICKLED_TENSORS)) != meta["sha256"]:
            return "its bytes are not those that were saved"
        meta["step"], meta.get("tree")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"not whole ({type(error).__name__}: {error})"
    return None
