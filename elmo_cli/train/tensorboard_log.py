"""The same figures for TensorBoard, an optional package."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elmo_cli.errors import ConfigError, OutputError

GROUPS = {
    "held_out": "held-out",
    "loss": "training",
    "gradient": "training",
    "learning": "training",
    "epoch": "training",
}
"""Which board a figure stands on, by the beginning of its name; others stand on ``machine``."""


class TensorBoardLog:
    """Writes events.

    Args:
        folder: What ``tensorboard --logdir`` takes.
        step: Steps done; events of later ones are shown no more.

    Raises:
        ConfigError: The package is not installed.
        OutputError: The folder cannot be written to.
    """

    def __init__(self, folder: Path, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                f"--tensorboard: the package tensorboard is not installed ({error})",
                hint="pip install 'elmo-cli[tensorboard]', or leave --tensorboard away: metrics.jsonl has it all",
            ) from error
        try:
            self._writer = SummaryWriter(str(folder), purge_step=step + 1)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error

    def append(self, step: int, figures: Mapping[str, Any]) -> None:
        """Adds all figures that are finite numbers."""
        for name, value in figures.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                board = next((group for begin, group in GROUPS.items() if name.startswith(begin)), "machine")
                self._writer.add_scalar(f"{board}/{name}", value, step)

    def close(self) -> None:
        """Puts all events on the disk."""
        self._writer.close()
