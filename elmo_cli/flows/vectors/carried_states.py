"""The states that a run with carried state goes on from, beside what it has written so far."""

import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from elmo_cli.files import whole_file
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.model.lstm import LstmState

SECONDS = 2.0
"""Work between one note and the next."""


class CarriedStates:
    """Notes of the rows' states after so many lines.

    What is computed is ahead of what is safe on the disk, so several notes are kept: whoever goes on takes the newest
    one that is not ahead.

    Args:
        folder: Where the unfinished file is.
        safe: Says how many lines a kill right now would leave.
    """

    def __init__(self, folder: Path, safe: Callable[[], int]) -> None:
        self.folder, self.safe = folder, safe
        self._last = time.monotonic()

    def restore(self, embedder: SentenceEmbedder, done: int) -> int:
        """Gives an embedder the states of the newest note that is not ahead of ``done`` lines; its lines, or 0."""
        for lines in sorted(self._notes(), reverse=True):
            if lines <= done and (state := self._read(lines)) is not None:
                like = embedder.carried.cell
                embedder.carried = LstmState(*(torch.from_numpy(part).to(like) for part in state))
                return lines
        return 0

    def note(self, embedder: SentenceEmbedder, lines: int) -> None:
        """Notes the states after so many lines, unless the last note is only seconds old.

        Raises:
            OutputError: The disk is full.
        """
        if time.monotonic() - self._last < SECONDS:
            return
        with whole_file(self._path(lines)) as partial, partial.open("wb") as file:
            np.savez(file, cell=embedder.carried.cell.cpu().numpy(), output=embedder.carried.output.cpu().numpy())
        self._last = time.monotonic()
        reached = [number for number in self._notes() if number <= self.safe()]
        for number in sorted(reached)[:-1]:
            self._path(number).unlink()

    def _notes(self) -> list[int]:
        return [int(path.stem.removeprefix("state-")) for path in self.folder.glob("state-*.npz")]

    def _path(self, lines: int) -> Path:
        return self.folder / f"state-{lines}.npz"

    def _read(self, lines: int) -> tuple[np.ndarray, np.ndarray] | None:
        try:
            with self._path(lines).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return arrays["cell"], arrays["output"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # an older one serves as well
