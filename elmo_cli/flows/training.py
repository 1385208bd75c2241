"""One training step: where text, model, loss and optimizer meet."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elmo_cli.config import ModelConfig, TrainConfig
from elmo_cli.flows.token_vectors import spellings
from elmo_cli.model.bilm import BiLM, WordTable, make_dropout
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.sampler import draw_negatives
from elmo_cli.model.softmax import Softmax, TouchedRows, full_losses, sampled_losses
from elmo_cli.seeds import derive_seed
from elmo_cli.text.store import EncodedText
from elmo_cli.text.windows import TrainingWindows
from elmo_cli.train.adagrad import Adagrad, clip_to_norm, warmed_up
from elmo_cli.train.gradients import Touched


@dataclass(frozen=True)
class StepResult:
    """What a step leaves for the log. Tensors stay on the device, so that reading them is the caller's choice."""

    loss: Tensor
    """Mean loss of both directions in nats, dropout on; sampled unless the vocabulary is smaller than the sample."""
    gradient_norm: Tensor
    """2-norm over everything, before clipping, of the gradient of loss x T."""
    learning_rate: float


class Trainer:
    """A model in training, and the position it has reached.

    Everything random in a step is a function of (seed, step), and batches are a function of the step as well. So the
    step number, the weights, the accumulators and the carried LSTM state are all there is to a checkpoint.

    Args:
        model: Architecture.
        config: Training settings.
        text: The encoded training corpus.
        device: Where to compute.
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
        self.optimizer = Adagrad(self.parameters, initial_accumulator=config.initial_accumulator)
        self.state = LstmState.zeros(model.lstm, config.rows, like=self.softmax.bias_V)
        self.step_number = 0
        """Steps done."""

    def step(self) -> StepResult:
        """Does the next step."""
        config, step = self.config, self.step_number
        window = self.windows.batch(step)
        generator = torch.Generator(self.device).manual_seed(derive_seed(config.seed, "dropout", step))
        dropout = make_dropout(config.dropout, generator)

        # Packed order is step after step: (G, B, T) -> (G, T * B).
        types_U, places = np.unique(window.inputs_GBT, return_inverse=True)
        places_GN = torch.from_numpy(_packed(places.reshape(window.inputs_GBT.shape))).to(self.device)
        targets_N = _packed(window.targets_GBT).reshape(-1)
        keep_N = None
        if window.resets_BT.any():
            keep_N = torch.from_numpy(_packed(~window.resets_BT).astype(np.float32)).to(self.device)

        touched = Touched(self.parameters, self._tables)
        tokens_UD = self._token_vectors(types_U, touched)
        outputs, state = self.bilm(
            tokens_UD[places_GN], [config.rows] * config.window, self.state, keep_N=keep_N, dropout=dropout
        )
        loss = self._losses(outputs[-1].flatten(0, 1), targets_N, touched).mean()
        gradients, row_gradients = touched.gradients(loss * config.window)
        values = [*gradients.values(), *(rows.values for rows in row_gradients.values())]
        norm = clip_to_norm(values, config.clip_norm)
        rate = warmed_up(config.learning_rate, step, config.warmup_steps)
        self.optimizer.update(gradients, rate)
        for name, rows in row_gradients.items():
            self.optimizer.update_rows(name, rows.ids_R, rows.values, rate)
        self.state = LstmState(*(part.detach() for part in state))
        self.step_number += 1
        return StepResult(loss.detach(), norm, rate)

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
            "accumulators": self.optimizer.accumulators,
            "state": tuple(self.state),
        }

    def restore(self, tensors: dict[str, Any]) -> None:
        """Takes up where :meth:`tensors` was called."""
        self.bilm.load_state_dict(tensors["bilm"])
        self.softmax.load_state_dict(tensors["softmax"])
        for name, values in tensors["accumulators"].items():
            self.optimizer.accumulators[name].copy_(values)
        self.state = LstmState(*(part.to(self.device) for part in tensors["state"]))
        self.step_number = tensors["step"]

    def _token_vectors(self, types_U: np.ndarray, touched: Touched) -> Tensor:
        inputs = spellings(self.text, types_U, self.bilm).to(self.device)
        if WORD_TABLE not in self._tables:
            return self.bilm.token_encoder(inputs)
        ids_R, rows_U = torch.unique(inputs[:, 0], return_inverse=True)
        return touched.rows(WORD_TABLE, ids_R)[rows_U]

    def _losses(self, hidden_ND: Tensor, targets_N: np.ndarray, touched: Touched) -> Tensor:
        config = self.config
        if not self.sampled:
            targets = torch.from_numpy(targets_N).to(self.device)
            return full_losses(hidden_ND, self.softmax.weight_VD, self.softmax.bias_V, targets)
        seed = derive_seed(config.seed, "negatives", self.step_number)
        rows = TouchedRows.of(targets_N, draw_negatives(config.negatives, len(self.text.vocabulary), seed), self.device)
        weight_RD, bias_R = touched.rows(self._class_table, rows.ids_R), touched.rows(CLASS_BIASES, rows.ids_R)
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
