"""A part of a training step in shapes that repeat, so that a GPU can replay it and never waits for the host.

What depends on the batch is found on the host, ahead of the step: distinct word types, distinct classes, resets. Their
numbers differ from step to step, so they are filled up to a multiple; what fills them is read by nobody, and its
gradient is zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from elmo_cli.config import ModelConfig
from elmo_cli.device import sent
from elmo_cli.model.bilm import Dropout
from elmo_cli.model.char_cnn import CharCnn
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.row_dropout import RowDropout
from elmo_cli.model.sampler import Negatives
from elmo_cli.model.softmax import TouchedRows, sampled_losses
from elmo_cli.text.windows import Window
from elmo_cli.train.gradients import RowGradient, Touched
from elmo_cli.train.static_step import StaticStep

if TYPE_CHECKING:
    from elmo_cli.flows.pretraining.training import Trainer

CLASSES = CLASS_TABLE, CLASS_BIASES = "softmax.weight_VD", "softmax.bias_V"
"""Names of the parameters that are read by rows here."""

TYPES_MULTIPLE, CLASSES_MULTIPLE, COLUMNS_MULTIPLE = 256, 1024, 8
"""Word types, classes and character columns are filled up to multiples of these on a GPU."""


def can_be_static(model: ModelConfig, *, sampled: bool) -> bool:
    """Whether steps of this kind have a static form: token vectors from characters, sampled softmax."""
    return model.char_cnn is not None and model.own_lists is None and sampled


@dataclass(frozen=True)
class PartArrays:
    """What some rows of a step read and predict, as arrays of repeating shapes."""

    types_U: np.ndarray
    """Lexicon ids, filled up."""
    columns: int
    """Columns of characters that these types need, filled up."""
    places_GN: np.ndarray
    """Which of the types each position reads, packed."""
    keep_N: np.ndarray
    """0 at positions before which the state is put back to zero, else 1."""
    classes: TouchedRows
    """The softmax's rows, filled up; on the CPU."""
    num_classes: int
    """How many of them are real."""


class StaticParts:
    """Assembles and computes parts of steps for a trainer.

    Args:
        trainer: Whose parameters and settings.
        multiples: Types, classes and columns are filled up to multiples of these.
    """

    def __init__(
        self,
        trainer: "Trainer",
        multiples: tuple[int, int, int] = (TYPES_MULTIPLE, CLASSES_MULTIPLE, COLUMNS_MULTIPLE),
    ) -> None:
        self._trainer = trainer
        self._types_multiple, self._classes_multiple, self._columns_multiple = multiples
        encoder = trainer.bilm.token_encoder
        assert isinstance(encoder, CharCnn)
        self._encoder = encoder
        chars_TW = trainer.text.chars_UW
        self._lengths_T = _spelled_lengths(chars_TW, encoder.padding)
        # A row per word type of the text stays on the device: 80 MB for 800,000 types.
        self._chars_TW = torch.from_numpy(np.asarray(chars_TW).astype(np.int16)).to(trainer.device)
        self.program = StaticStep(self._compute, trainer.device)

    def assemble(self, window: Window, rows: slice, negatives: Negatives) -> PartArrays:
        """Finds on the host what the part reads; touches no device, so a thread may do it ahead."""
        inputs_GBT = window.inputs_GBT[:, rows]
        types_U, places = np.unique(inputs_GBT, return_inverse=True)
        longest = int(self._lengths_T[types_U].max())
        widest = max(width for width, _ in self._encoder.config.filters)
        columns = _filled(longest + widest, self._columns_multiple)
        classes = TouchedRows.of(packed(window.targets_GBT[:, rows]).reshape(-1), negatives, torch.device("cpu"))
        num_classes = len(classes.ids_R)
        more = _filled(num_classes, self._classes_multiple) - num_classes
        classes = TouchedRows(
            torch.nn.functional.pad(classes.ids_R, (0, more)),
            classes.targets_N,
            classes.negatives_K,
            torch.nn.functional.pad(classes.log_expected_R, (0, more)),
            torch.nn.functional.pad(classes.column_R, (0, more), value=-1),
        )
        fill = _filled(len(types_U), self._types_multiple) - len(types_U)
        return PartArrays(
            np.concatenate([types_U, np.repeat(types_U[:1], fill)]),
            min(columns, self._chars_TW.shape[1]),
            packed(places.reshape(inputs_GBT.shape)),
            packed(~window.resets_BT[rows]).astype(np.float32),
            classes,
            num_classes,
        )

    def part(
        self,
        arrays: PartArrays,
        state: LstmState,
        dropout: RowDropout | None = None,
        recurrent_dropout: RowDropout | None = None,
    ) -> tuple[Tensor, LstmState, tuple[dict[str, Tensor], dict[str, RowGradient]]]:
        """Forward and backward: the rows' share of the mean loss, their last state, and gradients.

        Args:
            arrays: What the part reads.
            state: Of its rows.
            dropout: As for :class:`elmo_cli.model.bilm.BiLM`; its masks are made here and read there.
            recurrent_dropout: The same of what recurs.

        Returns:
            As for the plain part. The next step may write into the same memory.
        """
        trainer, device, layers = self._trainer, self._trainer.device, len(state.cell)
        resting = trainer.freezing.resting(trainer.step_number)
        ids_R = sent(arrays.classes.ids_R, device)
        tables = [name for name in CLASSES if name not in resting]
        for name in tables:
            trainer.penalties.pay(name, ids_R[: arrays.num_classes])
        inputs = {
            "chars": self._chars_TW[sent(arrays.types_U, device), : arrays.columns],
            "places": sent(arrays.places_GN, device),
            "keep": sent(arrays.keep_N, device),
            "cell": state.cell,
            "output": state.output,
            "ids": ids_R,
            "targets": sent(arrays.classes.targets_N, device),
            "negatives": sent(arrays.classes.negatives_K, device),
            "log_expected": sent(arrays.classes.log_expected_R, device),
            "column": sent(arrays.classes.column_R, device),
            **_masks("mask", dropout, state.output, (*arrays.places_GN.shape, state.output.shape[3]), layers + 1),
            **_masks("recurrent mask", recurrent_dropout, state.output, state.output.shape[1:], layers),
        }
        results = self.program.run(inputs, (resting, trainer.config.precision))
        if trainer.config.accumulate > 1:
            results = tuple(value.clone() for value in results)  # they outlive the next part
        loss, cell, output, *slopes = results
        whole = [name for name in trainer.parameters if name not in resting and name not in CLASSES]
        gradients = dict(zip(whole, slopes, strict=False))
        read = {
            name: RowGradient(ids_R[: arrays.num_classes], values[: arrays.num_classes])
            for name, values in zip(tables, slopes[len(whole) :], strict=True)
        }
        return loss, LstmState(cell, output), (gradients, read)

    def _compute(self, inputs: Any, setting: Any) -> tuple[Tensor, ...]:
        trainer, (resting, _) = self._trainer, setting
        config = trainer.config
        touched = Touched(
            {name: value for name, value in trainer.parameters.items() if name not in resting},
            frozenset(CLASSES),
        )
        tokens_UD = self._encoder(inputs["chars"], trimmed=True)
        rows = inputs["cell"].shape[2]
        outputs, state = trainer.bilm(
            tokens_UD[inputs["places"]],
            [rows] * config.window,
            LstmState(inputs["cell"], inputs["output"]),
            keep_N=inputs["keep"],
            dropout=_given("mask", inputs),
            recurrent_dropout=_given("recurrent mask", inputs),
        )
        classes = TouchedRows(*(inputs[name] for name in ("ids", "targets", "negatives", "log_expected", "column")))
        weight_RD, bias_R = (
            trainer.parameters[name].detach()[classes.ids_R] if name in resting else touched.rows(name, classes.ids_R)
            for name in CLASSES
        )
        loss = sampled_losses(outputs[-1].flatten(0, 1), weight_RD, bias_R, classes).mean()
        share = rows / config.rows
        whole, read = touched.gradients(loss * (config.window * share))
        slopes = [*whole.values(), *(gradient.values for gradient in read.values())]
        return loss.detach() * share, state.cell.detach(), state.output.detach(), *slopes


def packed(values: np.ndarray) -> np.ndarray:
    """Rows and steps at the end, (..., B, T), into packed order (..., T * B)."""
    return np.ascontiguousarray(np.swapaxes(values, -1, -2)).reshape(*values.shape[:-2], -1)


def _masks(name: str, drop: RowDropout | None, like: Tensor, shape: Sequence[int], count: int) -> dict[str, Tensor]:
    return {} if drop is None else {f"{name} {number}": drop.mask(like, shape) for number in range(count)}


def _given(name: str, inputs: Any) -> Dropout | None:
    """Dropout by masks that lie ready, one after the other; None where there are none."""
    masks = [value for key, value in inputs.items() if key.startswith(f"{name} ")]
    following = iter(masks)
    return (lambda values: values * next(following).view_as(values)) if masks else None


def _filled(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _spelled_lengths(chars_TW: np.ndarray, padding: int) -> np.ndarray:
    """Columns of each type up to the last that is no padding, a block at a time."""
    lengths = [
        (np.asarray(chars_TW[begin : begin + 65_536]) != padding).sum(1) for begin in range(0, len(chars_TW), 65_536)
    ]
    return np.concatenate(lengths) if lengths else np.zeros(0, dtype=np.int64)
