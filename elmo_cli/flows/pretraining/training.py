"""One training step: where text, model, loss and optimizer meet."""

import copy
import itertools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elmo_cli.allocation import KeptMemory, keep_freed_memory
from elmo_cli.config import ModelConfig, TrainConfig
from elmo_cli.device import sent
from elmo_cli.flows.models.token_vectors import encoded, spellings
from elmo_cli.flows.pretraining.ranks import DealtRows, class_reads, sorted_reads, word_reads
from elmo_cli.flows.pretraining.static_parts import (
    CLASS_BIASES,
    CLASS_TABLE,
    PartArrays,
    StaticParts,
    can_be_static,
    packed,
)
from elmo_cli.model.bilm import BiLM, WordTable
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.precision import products_in
from elmo_cli.model.row_dropout import RowDropout
from elmo_cli.model.sampler import Negatives, draw_negatives
from elmo_cli.model.softmax import Softmax, TouchedRows, full_losses, sampled_losses
from elmo_cli.seeds import derive_seed
from elmo_cli.text.prefetch import Ahead
from elmo_cli.text.store import EncodedText
from elmo_cli.text.windows import TrainingWindows, Window
from elmo_cli.train.exchange import Exchange, TableReads, Traffic
from elmo_cli.train.freezing import Freezing, mark
from elmo_cli.train.gradients import RowGradient, Sums, Touched, clip_factor, multiply
from elmo_cli.train.optimizers import make_optimizer
from elmo_cli.train.penalties import Penalties
from elmo_cli.train.process_group import ProcessGroup
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
    traffic: Traffic
    """What the exchange with other processes came to."""


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
        group: The processes that train together, each its share of the rows; None: this one alone.

    Raises:
        ConfigError: The settings ask for what is not defined for rows of a table, or there are fewer rows than
            processes.
    """

    def __init__(
        self,
        model: ModelConfig,
        config: TrainConfig,
        text: EncodedText,
        device: torch.device,
        group: ProcessGroup | None = None,
    ) -> None:
        self.config = config
        self.text = text
        self.device = device
        self._memory = KeptMemory() if device.type == "cpu" and keep_freed_memory() else None
        self.windows = TrainingWindows(
            text,
            rows=config.rows,
            window=config.window,
            seed=config.seed,
            reset_probability=config.reset_probability,
        )
        self.group = group or ProcessGroup()
        self.dealt = DealtRows(self.group, config.rows)
        self.exchange = Exchange(self.group)
        self.batches = Ahead(self._batch)
        self._negatives = lru_cache(maxsize=2)(self._draw_negatives)
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
        shared = WORD_TABLE if model.share_embedding_softmax else None
        self.freezing = Freezing(self.parameters, shared, model.lstm.layers, config)
        trained = self.freezing.trained(self.parameters)
        self.optimizer = make_optimizer(trained, self._tables & trained.keys(), config)
        self.penalties = Penalties(trained, self._tables & trained.keys(), config.optimizer)
        self.plateau = Plateau()
        self.total_steps: int | None = None
        """Steps of the whole run, which some schedules have to know; None: the run's length is not counted in steps."""
        own = self.dealt.own
        self.state = LstmState.zeros(model.lstm, own.stop - own.start, like=self.softmax.bias_V)
        """Carried by this process's rows."""
        self.own_start: LstmState | None = None
        """The state of one row that sentences start from whatever training does, where there is one."""
        self.step_number = 0
        """Steps done."""
        self.rate_scale = 1.0
        """What the learning rate is multiplied by: halved where a run backs off."""
        is_static = device.type == "cuda" and can_be_static(model, sampled=self.sampled)
        self.static = StaticParts(self) if is_static else None
        """Computes parts of steps in repeating shapes; None: in whatever shapes they come."""

    def step(self) -> StepResult:
        """Does the next step."""
        config, step = self.config, self.step_number
        began = time.perf_counter()
        window, reads, arrays = self.batches.take(step)
        waited = time.perf_counter() - began
        rate = self.learning_rate()
        mark(self.parameters, self.freezing.resting(step))
        losses, states, sums = [], [], Sums()
        for number, rows in enumerate(self._parts()):
            with products_in(config.precision):
                if self.static is None:
                    loss, state, slopes = self._part(window, rows)
                else:
                    loss, state, slopes = self.static.part(arrays[number], self._state_of(rows), *self._drops(rows))
            losses.append(loss)
            states.append(state)
            sums.add(*slopes)
        own_loss = torch.stack(losses).sum()
        gradients, row_gradients, mean_loss = self.exchange.total(sums.whole, sums.rows, reads, own_loss)
        every = [*gradients.values(), *(slope.values for slope in row_gradients.values())]
        norm, factor = clip_factor(every, config.clip_norm)
        if self.penalties.reads_gradients:
            multiply(every, factor)
            factor = None

        read = {name: slope.ids_R for name, slope in row_gradients.items()}
        if self.group.ranks > 1:
            for name, ids_R in read.items():
                self.penalties.pay(name, ids_R)  # for rows that only other processes read
        self.penalties.before(gradients, read, rate)
        for group, done in self.freezing.by_steps_done(gradients, step):
            self.optimizer.update(group, rate, done, factor)
        for name, slope in row_gradients.items():
            done = self.freezing.steps_done(name, step)
            self.optimizer.update_rows(name, slope.ids_R, slope.values, rate, done, factor)
        self.penalties.after(gradients, read, rate)
        self.penalties.forgive(self.freezing.resting(step))
        self.state = LstmState(*(torch.cat(pieces, 2) for pieces in zip(*states, strict=True)))
        self.step_number += 1
        if self._memory is not None:
            self._memory.after_step()
        return StepResult(mean_loss, norm, rate, waited, self.exchange.traffic)

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
        if self.own_start is not None:
            return self.own_start
        if self.config.reset_probability > 0:
            return LstmState(*(torch.zeros_like(part[:, :, :1]) for part in self.state))
        return LstmState(*(part.mean(2, keepdim=True) for part in self.dealt.whole_state(self.state)))

    def tensors(self) -> dict[str, Any]:
        """Everything a checkpoint has to keep."""
        return {
            "step": self.step_number,
            "bilm": self.bilm.state_dict(),
            "softmax": self.softmax.state_dict(),
            "state": tuple(self.dealt.whole_state(self.state)),
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
        self.state = self.dealt.state_of(LstmState(*(part.to(self.device) for part in tensors["state"])))
        self.step_number = tensors["step"]

    def _batch(self, step: int) -> tuple[Window, dict[str, TableReads], list[PartArrays]]:
        """A step's batch, of all processes, which rows of tables each of them reads for it, and parts for a GPU."""
        window = self.windows.batch(step)
        arrays = []
        if self.static is not None:
            arrays = [self.static.assemble(window, rows, self._negatives(step)) for rows in self._parts()]
        if self.group.ranks == 1 or not self._tables:
            return window, {}, arrays
        classes = class_reads(window, self.dealt, self._negatives(step).ids_K)
        read = {self._class_table: classes, CLASS_BIASES: classes}
        if WORD_TABLE in self._tables:
            words = word_reads(window, self.dealt, self.text, self.bilm)
            read[WORD_TABLE] = list(map(np.union1d, words, read.get(WORD_TABLE, words)))
        return window, sorted_reads(read, self.parameters, self.group.rank), arrays

    def _draw_negatives(self, step: int) -> Negatives:
        seed = derive_seed(self.config.seed, "negatives", step)
        return draw_negatives(self.config.negatives, len(self.text.vocabulary), seed)

    def _parts(self) -> Iterator[slice]:
        """This process's rows, in parts no larger than those that one process accumulates over."""
        own, config = self.dealt.own, self.config
        count = own.stop - own.start
        parts = max(1, math.ceil(count * config.accumulate / config.rows))
        bounds = [own.start + count * number // parts for number in range(parts + 1)]
        return itertools.starmap(slice, itertools.pairwise(bounds))

    def _state_of(self, rows: slice) -> LstmState:
        """The carried state of some rows of the whole batch."""
        first = self.dealt.own.start
        return LstmState(*(part[:, :, rows.start - first : rows.stop - first] for part in self.state))

    def _drops(self, rows: slice) -> tuple[RowDropout | None, RowDropout | None]:
        config = self.config
        return (
            self._dropout("dropout", config.dropout, rows),
            self._dropout("recurrent dropout", config.recurrent_dropout, rows),
        )

    def _dropout(self, name: str, rate: float, rows: slice) -> RowDropout | None:
        if rate == 0:
            return None
        seed = derive_seed(self.config.seed, name, self.step_number)
        return RowDropout(rate, seed, begin=rows.start, end=rows.stop, rows=self.config.rows)

    def _part(
        self, window: Window, rows: slice
    ) -> tuple[Tensor, LstmState, tuple[dict[str, Tensor], dict[str, RowGradient]]]:
        """Some rows of a step, forward and backward: their share of the mean loss, last state, and gradients."""
        config, (dropout, recurrent_dropout) = self.config, self._drops(rows)
        inputs_GBT, resets_BT = window.inputs_GBT[:, rows], window.resets_BT[rows]
        # Packed order is step after step: (G, B, T) -> (G, T * B).
        types_U, places = np.unique(inputs_GBT, return_inverse=True)
        places_GN = sent(packed(places.reshape(inputs_GBT.shape)), self.device)
        targets_N = packed(window.targets_GBT[:, rows]).reshape(-1)
        keep_N = None
        if resets_BT.any():
            keep_N = sent(packed(~resets_BT).astype(np.float32), self.device)

        resting = self.freezing.resting(self.step_number)
        changing = {name: value for name, value in self.parameters.items() if name not in resting}
        touched = Touched(changing, self._tables)
        tokens_UD = self._token_vectors(types_U, touched)
        outputs, state = self.bilm(
            tokens_UD[places_GN],
            [len(resets_BT)] * config.window,
            self._state_of(rows),
            keep_N=keep_N,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
        )
        loss = self._losses(outputs[-1].flatten(0, 1), targets_N, touched).mean()
        share = len(resets_BT) / config.rows
        gradients = touched.gradients(loss * (config.window * share))
        return loss.detach() * share, LstmState(*(part.detach() for part in state)), gradients

    def _token_vectors(self, types_U: np.ndarray, touched: Touched) -> Tensor:
        inputs = spellings(self.text, types_U, self.bilm)
        if WORD_TABLE not in self._tables:
            return encoded(self.bilm, inputs, self.device)
        ids_R, rows_U = torch.unique(inputs[:, 0], return_inverse=True)
        return self._rows(WORD_TABLE, sent(ids_R, self.device), touched)[sent(rows_U, self.device)]

    def _rows(self, name: str, ids_R: Tensor, touched: Touched) -> Tensor:
        if name in self.freezing.resting(self.step_number):
            return self.parameters[name].detach()[ids_R]
        self.penalties.pay(name, ids_R)
        return touched.rows(name, ids_R)

    def _losses(self, hidden_ND: Tensor, targets_N: np.ndarray, touched: Touched) -> Tensor:
        if not self.sampled:
            targets = sent(targets_N, self.device)
            return full_losses(hidden_ND, self.softmax.weight_VD, self.softmax.bias_V, targets)
        rows = TouchedRows.of(targets_N, self._negatives(self.step_number), self.device)
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


WORD_TABLE = "bilm.token_encoder.table_VD"
"""Name of the parameter that, beside the classes', is read by rows."""


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
