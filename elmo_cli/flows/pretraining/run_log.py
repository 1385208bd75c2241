"""What a run writes down on its way, and the watch on whether its loss is still a number."""

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elmo_cli.device import peak_memory
from elmo_cli.errors import DivergedError
from elmo_cli.flows.pretraining.training import StepResult
from elmo_cli.train.exchange import Traffic
from elmo_cli.train.metrics import MetricsLog
from elmo_cli.train.tensorboard_log import TensorBoardLog

RECENT = 100
"""Steps that the training perplexity of a moment looks back on."""


@dataclass(frozen=True)
class Unread:
    """A step whose loss nobody has looked at; as floats where a checkpoint kept it."""

    loss: torch.Tensor | float
    norm: torch.Tensor | float
    rate: float


class RunLog:
    """``metrics.jsonl``, TensorBoard where it is wanted, and the figures of the moment.

    Args:
        run_dir: The run's folder.
        step: Steps done; records of later ones are dropped.
        device: Where the run computes.
        sampled: Whether its training loss is that of a sampled softmax.
        tensorboard: Whether to write for TensorBoard, too.
        writes: Whether this process writes; of several, one does.
    """

    def __init__(
        self, run_dir: Path, step: int, device: torch.device, *, sampled: bool, tensorboard: bool, writes: bool = True
    ) -> None:
        self.recent: deque[float] = deque(maxlen=RECENT)
        """Losses of the last steps that were read."""
        self.latest: dict[str, float] = {}
        """Figures of the last reading."""
        self.seconds = 0.0
        """Spent in steps that were read, in this call."""
        self.steps = 0
        """How many that were."""
        self._unread: list[Unread] = []
        self._exchanges: list[Traffic] = []
        self._waited = self._took = 0.0
        self._sent_bytes = self._steps_timed = 0
        self._device = device
        self._sampled = sampled
        self._metrics = MetricsLog(run_dir / "metrics.jsonl", step) if writes else None
        self._board = TensorBoardLog(run_dir / "tensorboard", step) if tensorboard and writes else None

    def add(self, result: StepResult, began: float) -> None:
        """Takes in a step that began at a time of ``perf_counter``; the loss stays on the device."""
        self._unread.append(Unread(result.loss, result.gradient_norm, result.learning_rate))
        self._waited += result.waiting_seconds
        self._exchanges.append(result.traffic)
        self._sent_bytes += result.traffic.sent_bytes
        self._took += time.perf_counter() - began
        self._steps_timed += 1

    def read(self, step: int, words_per_step: float, **position: float) -> None:
        """Reads the losses since the last reading and records them.

        Args:
            step: Steps done.
            words_per_step: Of training text.
            position: What else the record says.

        Raises:
            DivergedError: A loss or a gradient's norm is no number.
        """
        if not self._unread:
            return
        began = time.perf_counter()
        losses, norms = _floats([one.loss for one in self._unread]), _floats([one.norm for one in self._unread])
        self._took += time.perf_counter() - began  # on a GPU this is where the steps are waited for
        rates = [one.rate for one in self._unread]
        self._unread.clear()
        _require_numbers(step - len(losses) + 1, losses, norms, rates)
        self.recent.extend(losses)
        speed: dict[str, float] = {}
        if self._steps_timed:
            speed = {
                "words_per_second": self._steps_timed * words_per_step / self._took,
                "waiting_share": self._waited / self._took,
            }
            if self._sent_bytes:
                speed["exchange_share"] = sum(traffic.seconds for traffic in self._exchanges) / self._took
                speed["exchange_bytes"] = self._sent_bytes / self._steps_timed
        self.seconds += self._took
        self.steps += self._steps_timed
        self._exchanges.clear()
        self._waited = self._took = 0.0
        self._sent_bytes = self._steps_timed = 0
        self.latest = {
            "loss_sampled": float(np.mean(losses)),
            "loss_sampled_worst": max(losses),
            "gradient_norm": norms[-1],
            "gradient_norm_worst": max(norms),
            "learning_rate": rates[-1],
            **speed,
            **peak_memory(self._device),
        }
        self.record(step, **position, sampled=self._sampled, words=round(step * words_per_step), **self.latest)

    def record(self, step: int, **figures: Any) -> None:
        """Writes figures down."""
        if self._metrics is not None:
            self._metrics.append(step=step, **figures)
        if self._board is not None:
            self._board.append(step, figures)

    def go_back(self, step: int) -> None:
        """Forgets what was read after a step, which will be done again."""
        self._unread.clear()
        if self._metrics is not None:
            self._metrics.forget_after(step)

    def close(self) -> None:
        """Puts what is left on the disk."""
        if self._board is not None:
            self._board.close()

    def to_meta(self) -> dict[str, Any]:
        """For a checkpoint: also the steps that nobody has read, so that stopping between readings changes none."""
        unread = [[float(one.loss), float(one.norm), one.rate] for one in self._unread]
        return {"recent_losses": list(self.recent), "unread": unread}

    def restore(self, meta: Mapping[str, Any]) -> None:
        """Takes up what a checkpoint says."""
        self.recent.clear()
        self.recent.extend(meta["recent_losses"])
        self._unread = [Unread(*values) for values in meta.get("unread", ())]

    @property
    def steps_done(self) -> int:
        """Steps of this call, read or not."""
        return self.steps + self._steps_timed

    @property
    def training_perplexity(self) -> float | None:
        """exp of the mean loss of the last steps; None before any."""
        return perplexity(float(np.mean(self.recent))) if self.recent else None


def perplexity(loss: float) -> float:
    """exp of a mean loss in nats, infinite where no float holds it."""
    return math.exp(loss) if loss < 700 else math.inf


def _floats(values: Sequence[torch.Tensor | float]) -> list[float]:
    # One wait for the device, not one a step.
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    read = iter(torch.stack(tensors).tolist() if tensors else ())
    return [next(read) if isinstance(value, torch.Tensor) else value for value in values]


def _require_numbers(first: int, losses: Sequence[float], norms: Sequence[float], rates: Sequence[float]) -> None:
    for step, (loss, norm, rate) in enumerate(zip(losses, norms, rates, strict=True), first):
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise DivergedError(
                f"the loss is no longer a number at step {step:,} (learning rate {rate:g}, gradient norm {norm:g})"
            )
