"""One training step: where text, model, loss and optimizer meet."""

import copy
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elmo_cli.config import ModelConfig, TrainConfig
from elmo_cli.flows.models.token_vectors import spellings
from elmo_cli.model.bilm import BiLM, Dropout, WordTable, make_dropout
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.sampler import draw_negatives
from elmo_cli.model.softmax import Softmax, TouchedRows, full_losses, sampled_losses
from elmo_cli.seeds import derive_seed
from elmo_cli.text.store import EncodedText
from elmo_cli.text.windows import TrainingWindows, Window
from elmo_cli.train.adagrad import clip_to_norm
from elmo_cli.train.gradients import RowGradient, Sums, Touched
from elmo_cli.train.optimizers import make_optimizer
from elmo_cli.train.penalties import Penalties
from elmo_cli.train.schedules import Plateau, share_of_rate, warmed_up


@dataclass(frozen=True)
class StepResult:
    """What a step leaves for the log. Tensors stay on the device, so that reading them is the caller's choice."""

    loss: Tensor
    """Mean loss of both directions in nats, dropout on; sampled unless the vocabulary is smaller than the sample."""
    gradient_norm: Tensor
    """2-norm over everything, before clipping, of the gradient of loss x T."""
    learning_rate: float
    waiting_seconds: float
    """Time that the step waited for its words."""


class Trainer:
    """A model in training, and the position it has reached.

    Everything random in a step is a function of (seed, step), and batches are a function of the step as well. So the
    step number, the weights, the optimizer's averages and the carried LSTM state are all there is to a checkpoint; a
    schedule that watches held-out perplexity adds what it remembers.

    Args:
        model: Architecture.
        config: Training settings.
        text: The encoded training corpus.
        device: Where to compute.

    Raises:
        ConfigError: The settings ask for what is not defined for rows of a table.
    """

    def __init__(self, model: ModelConfig, config: TrainConfig, text: EncodedText, device: torch.device) -> None:
        self.config = config
        self.text = text
        self.device = device
        self.windows = TrainingWindows(
            text,
            rows=config.rows,
            window=config.window,
            seed=config.seed,
            reset_probability=config.reset_probability,
        )
        self.bilm = BiLM(model, len(text.vocabulary))
        self.softmax = Softmax(len(text.vocabulary), model.lstm.projection_dim)
        initial = torch.Generator().manual_seed(derive_seed(config.seed, "weights"))
        self.bilm.reset_parameters(initial)
        self.softmax.reset_parameters(initial)
        if isinstance(self.bilm.token_encoder, WordTable) and model.share_embedding_softmax:
            self.softmax.weight_VD = self.bilm.token_encoder.table_VD
        if config.softmax_bias == "unigram":
            self._start_from_unigrams()
        self.bilm.to(device)
        self.softmax.to(device)
        self.sampled = config.negatives < len(text.vocabulary)
        self.parameters, self._class_table = self._name_parameters()
        # A table that the full softmax reads whole has a gradient of its own size anyway.
        tables = {WORD_TABLE, CLASS_TABLE, CLASS_BIASES} if self.sampled else set()
        self._tables = frozenset(tables & self.parameters.keys())
        self.optimizer = make_optimizer(self.parameters, self._tables, config)
        self.penalties = Penalties(self.parameters, self._tables, config.optimizer)
        self.plateau = Plateau()
        self.total_steps: int | None = None
        """Steps of the whole run, which some schedules have to know; None: the run's length is not counted in steps."""
        self.state = LstmState.zeros(model.lstm, config.rows, like=self.softmax.bias_V)
        self.step_number = 0
        """Steps done."""
        self.rate_scale = 1.0
        """What the learning rate is multiplied by: halved where a run backs off."""

    def step(self) -> StepResult:
        """Does the next step."""
        config, step = self.config, self.step_number
        began = time.perf_counter()
        window = self.windows.batch(step)
        waited = time.perf_counter() - began
        rate = self.learning_rate()
        drops = [
            make_dropout(share, torch.Generator(self.device).manual_seed(derive_seed(config.seed, name, step)))
            for name, share in (("dropout", config.dropout), ("recurrent dropout", config.recurrent_dropout))
        ]
        bounds = [config.rows * number // config.accumulate for number in range(config.accumulate + 1)]
        losses, states, sums = [], [], Sums()
        for ends in itertools.pairwise(bounds):
            loss, state, slopes = self._part(window, slice(*ends), *drops)
            losses.append(loss)
            states.append(state)
            sums.add(*slopes)
        gradients, row_gradients = sums.whole, sums.rows
        norm = clip_to_norm([*gradients.values(), *(rows.values for rows in row_gradients.values())], config.clip_norm)

        read = {name: rows.ids_R for name, rows in row_gradients.items()}
        self.penalties.before(gradients, read, rate)
        self.optimizer.update(gradients, rate, step)
        for name, rows in row_gradients.items():
            self.optimizer.update_rows(name, rows.ids_R, rows.values, rate, step)
        self.penalties.after(gradients, read, rate)
        self.state = LstmState(*(torch.cat(pieces, 2) for pieces in zip(*states, strict=True)))
        self.step_number += 1
        return StepResult(torch.stack(losses).sum(), norm, rate, waited)

    def learning_rate(self) -> float:
        """The rate of the next step."""
        config, step = self.config, self.step_number
        share = share_of_rate(config.schedule, step, config.warmup_steps, self.total_steps)
        return warmed_up(config.rate, step, config.warmup_steps) * share * self.plateau.share * self.rate_scale

    def evaluated(self, loss: float) -> None:
        """Tells the schedule a held-out loss, in nats, of the steps done so far."""
        if self.config.schedule.name == "plateau":
            self.plateau.evaluated(loss, self.config.schedule)

    @contextmanager
    def up_to_date(self) -> Iterator[None]:
        """Rows that steps did not read owe weight decay or L1; within this context they have paid.

        Afterwards they owe again, so that how often a run evaluates does not change a bit of it. Holds a copy of each
        such table meanwhile; without these penalties it does nothing.
        """
        kept = {name: self.parameters[name].detach().clone() for name in self.penalties.owing}
        tensors = copy.deepcopy(self.penalties.tensors())
        for name in kept:
            self.penalties.pay(name, torch.arange(len(kept[name]), device=self.device))
        try:
            yield
        finally:
            with torch.no_grad():
                for name, values in kept.items():
                    self.parameters[name].copy_(values)
            self.penalties.restore(tensors)

    def start_state(self) -> LstmState:
        """The state of one row that sentences are to start from with these weights.

        Zeros, where training started sentences from zeros now and then. Otherwise zeros were seen once, at the very
        beginning, and lie off the trained path (ARCHITECTURE.md, Start state): then the mean of the carried states.
        """
        if self.config.reset_probability > 0:
            return LstmState(*(torch.zeros_like(part[:, :, :1]) for part in self.state))
        return LstmState(*(part.mean(2, keepdim=True) for part in self.state))

    def tensors(self) -> dict[str, Any]:
        """Everything a checkpoint has to keep."""
        return {
            "step": self.step_number,
            "bilm": self.bilm.state_dict(),
            "softmax": self.softmax.state_dict(),
            "state": tuple(self.state),
            **self.optimizer.tensors(),
            **self.penalties.tensors(),
            **({"plateau": self.plateau.state()} if self.config.schedule.name == "plateau" else {}),
        }

    def restore(self, tensors: dict[str, Any]) -> None:
        """Takes up where :meth:`tensors` was called."""
        self.bilm.load_state_dict(tensors["bilm"])
        self.softmax.load_state_dict(tensors["softmax"])
        self.optimizer.restore(tensors)
        self.penalties.restore(tensors)
        self.plateau = Plateau(**tensors.get("plateau", {}))
        self.state = LstmState(*(part.to(self.device) for part in tensors["state"]))
        self.step_number = tensors["step"]

    def _part(
        self, window: Window, rows: slice, dropout: Dropout | None, recurrent_dropout: Dropout | None
    ) -> tuple[Tensor, LstmState, tuple[dict[str, Tensor], dict[str, RowGradient]]]:
        """Some rows of a step, forward and backward: their share of the mean loss, last state, and gradients."""
        config = self.config
        inputs_GBT, resets_BT = window.inputs_GBT[:, rows], window.resets_BT[rows]
        # Packed order is step after step: (G, B, T) -> (G, T * B).
        types_U, places = np.unique(inputs_GBT, return_inverse=True)
        places_GN = torch.from_numpy(_packed(places.reshape(inputs_GBT.shape))).to(self.device)
        targets_N = _packed(window.targets_GBT[:, rows]).reshape(-1)
        keep_N = None
        if resets_BT.any():
            keep_N = torch.from_numpy(_packed(~resets_BT).astype(np.float32)).to(self.device)

        touched = Touched(self.parameters, self._tables)
        tokens_UD = self._token_vectors(types_U, touched)
        outputs, state = self.bilm(
            tokens_UD[places_GN],
            [len(resets_BT)] * config.window,
            LstmState(*(part[:, :, rows] for part in self.state)),
            keep_N=keep_N,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
        )
        loss = self._losses(outputs[-1].flatten(0, 1), targets_N, touched).mean()
        share = len(resets_BT) / config.rows
        gradients = touched.gradients(loss * (config.window * share))
        return loss.detach() * share, LstmState(*(part.detach() for part in state)), gradients

    def _token_vectors(self, types_U: np.ndarray, touched: Touched) -> Tensor:
        inputs = spellings(self.text, types_U, self.bilm).to(self.device)
        if WORD_TABLE not in self._tables:
            return self.bilm.token_encoder(inputs)
        ids_R, rows_U = torch.unique(inputs[:, 0], return_inverse=True)
        return self._rows(WORD_TABLE, ids_R, touched)[rows_U]

    def _rows(self, name: str, ids_R: Tensor, touched: Touched) -> Tensor:
        self.penalties.pay(name, ids_R)
        return touched.rows(name, ids_R)

    def _losses(self, hidden_ND: Tensor, targets_N: np.ndarray, touched: Touched) -> Tensor:
        config = self.config
        if not self.sampled:
            targets = torch.from_numpy(targets_N).to(self.device)
            return full_losses(hidden_ND, self.softmax.weight_VD, self.softmax.bias_V, targets)
        seed = derive_seed(config.seed, "negatives", self.step_number)
        rows = TouchedRows.of(targets_N, draw_negatives(config.negatives, len(self.text.vocabulary), seed), self.device)
        weight_RD = self._rows(self._class_table, rows.ids_R, touched)
        bias_R = self._rows(CLASS_BIASES, rows.ids_R, touched)
        return sampled_losses(hidden_ND, weight_RD, bias_R, rows)

    def _name_parameters(self) -> tuple[dict[str, Tensor], str]:
        """All parameters by name, each once, and the name of the class weights."""
        parts = {"bilm": self.bilm, "softmax": self.softmax}
        named: dict[str, Tensor] = {
            f"{place}.{name}": value for place, part in parts.items() for name, value in part.named_parameters()
        }
        if not self.bilm.config.share_embedding_softmax:
            return named, CLASS_TABLE
        del named[CLASS_TABLE]
        return named, WORD_TABLE

    def _start_from_unigrams(self) -> None:
        counts_V = target_counts(self.text)
        # Half a count for a class that never occurs keeps its logarithm finite.
        log_share_V = np.log(np.maximum(counts_V, 0.5) / counts_V.sum())
        with torch.no_grad():
            self.softmax.bias_V.copy_(torch.from_numpy(log_share_V - log_share_V.mean()))


WORD_TABLE, CLASS_TABLE, CLASS_BIASES = "bilm.token_encoder.table_VD", "softmax.weight_VD", "softmax.bias_V"
"""Names of the parameters that are read by rows."""


def target_counts(text: EncodedText) -> np.ndarray:
    """How often each class (V,) is a target of the two directions together, as a float64 mean of both."""
    vocabulary = text.vocabulary
    counts_V = np.zeros(len(vocabulary), dtype=np.float64)
    for begin in range(0, text.num_tokens, 1 << 24):
        block = np.asarray(text.tokens_N[begin : begin + (1 << 24)], dtype=np.int64)
        block = np.where(block < len(vocabulary), block, vocabulary.unknown_id)
        counts_V += np.bincount(block, minlength=len(vocabulary))
    counts_V[[vocabulary.begin_id, vocabulary.end_id]] += text.num_sentences / 2
    return counts_V


def _packed(values: np.ndarray) -> np.ndarray:
    """Rows and steps at the end, (..., B, T), into packed order (..., T * B)."""
    return np.ascontiguousarray(np.swapaxes(values, -1, -2)).reshape(*values.shape[:-2], -1)
