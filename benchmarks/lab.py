"""What the parts work with: the device, the text, and a model in training."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.figures import Figure, model_figure
from benchmarks.limits import ProductLimits
from benchmarks.plans import Case
from benchmarks.texts import BenchText, encoded, synthetic
from benchmarks.timing import Timing, measure
from elmo_cli.flows.models.token_vectors import spellings
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.precision import products_in
from elmo_cli.text.store import EncodedText


@dataclass(frozen=True)
class Bench:
    """What is the same for all parts of a run."""

    device: torch.device
    seconds: float
    """Time to spend on a figure."""
    text: BenchText
    folder: Path
    """For files that come and go."""
    limits: ProductLimits
    large: bool = False
    """Whether parts that can are measured on gigabytes as well."""

    def time(self, work: Callable[[], object]) -> Timing:
        """Times a function of no arguments."""
        return measure(work, self.device, self.seconds)


class Lab:
    """A model in training as a case wants it, made when first asked for.

    Args:
        bench: The run.
        case: The case.
    """

    def __init__(self, bench: Bench, case: Case) -> None:
        self.bench = bench
        self.case = case
        self.train = case.config.train

    @cached_property
    def text(self) -> EncodedText:
        """The training text."""
        cnn, size = self.case.config.model.char_cnn, self.case.vocabulary_size
        assert cnn is not None
        if self.case.drawn:
            assert size is not None, "a drawn text needs a vocabulary size"
            return synthetic(self.bench.text, size, cnn.max_characters)
        return encoded(self.bench.text, size, cnn.max_characters)

    @cached_property
    def trainer(self) -> Trainer:
        """The model, its fresh weights and its optimizer."""
        return Trainer(self.case.config.model, self.train, self.text, self.bench.device)

    @property
    def bilm(self) -> BiLM:
        """The network in training."""
        return self.trainer.bilm

    @cached_property
    def batch(self) -> "DeviceBatch":
        """The first step's batch."""
        return DeviceBatch.of(self.trainer, 0)

    @property
    def words_per_step(self) -> float:
        """Words in a step; its other positions are ends of sentences. As ``elmo pretrain`` counts them."""
        share = self.text.num_tokens / (self.text.num_tokens + self.text.num_sentences)
        return share * self.train.rows * self.train.window

    @property
    def limits(self) -> ProductLimits:
        """What the device reaches in the case's precision."""
        return self.bench.limits.of(self.train.precision)

    def time(self, work: Callable[[], object]) -> Timing:
        """Times a function of no arguments, its products in the case's precision."""
        with products_in(self.train.precision):
            return self.bench.time(work)

    @property
    def sizes(self) -> dict[str, Any]:
        """What a figure of training depends on."""
        return {
            "rows": self.train.rows,
            "window": self.train.window,
            "vocabulary": len(self.text.vocabulary),
            "negatives": self.train.negatives if self.trainer.sampled else None,
            "drawn_tokens": self.case.drawn,
            "precision": self.train.precision,
        }

    def figure(self, timing: Timing, *, precision: str | None = None, **named: Any) -> Figure:
        """A figure of this case, beside the limits of its precision: see :func:`benchmarks.figures.model_figure`.

        Args:
            timing: Of the work.
            precision: Of its products; None for that of the case's training.
            named: As for any figure.
        """
        limits = self.bench.limits.of(precision or self.train.precision)
        return model_figure(limits, timing, case=self.case.title, **named)


@dataclass(frozen=True)
class DeviceBatch:
    """A training step's batch in packed order, on the device."""

    chars_UW: Tensor
    """Spellings of the distinct word types."""
    targets_N: np.ndarray
    """Classes of both directions, on the host, where negatives are drawn."""
    keep_N: Tensor | None
    """0 where the state is put back to zero, as the trainer makes it."""

    @classmethod
    def of(cls, trainer: Trainer, step: int) -> "DeviceBatch":
        """What :meth:`elmo_cli.flows.pretraining.training.Trainer.step` makes of a window."""
        window = trainer.windows.batch(step)
        types_U = np.unique(window.inputs_GBT)
        chars_UW = spellings(trainer.text, types_U, trainer.bilm).to(trainer.device)
        keep_N = None
        if window.resets_BT.any():
            keep_N = torch.from_numpy((~window.resets_BT).T.astype(np.float32).reshape(-1)).to(trainer.device)
        return cls(chars_UW, np.swapaxes(window.targets_GBT, 1, 2).reshape(-1), keep_N)
