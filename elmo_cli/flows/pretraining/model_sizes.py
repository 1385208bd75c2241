"""What a model in training holds, counted: numbers by part, and bytes of what surrounds them."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from elmo_cli.config import TrainConfig
from elmo_cli.flows.pretraining.training import CLASS_BIASES, CLASS_TABLE, WORD_TABLE, Trainer
from elmo_cli.train.tensor_tree import gather

PARTS = {
    "bilm.token_encoder.highways.": "highways",
    "bilm.token_encoder.projection.": "token projection",
    "bilm.token_encoder.table_VD": "word table",
    "bilm.token_encoder.": "characters",
    "bilm.layers.": "LSTM",
    "softmax.": "softmax",
}
"""Parts of a model by how the names of their parameters begin; the first that fits counts."""


def numbers_by_part(trainer: Trainer) -> dict[str, int]:
    """Numbers that training sets, by part of the model, from the characters up."""
    found: dict[str, int] = {}
    for name, parameter in trainer.parameters.items():
        part = next(part for begin, part in PARTS.items() if name.startswith(begin))
        found[part] = found.get(part, 0) + parameter.numel()
    order = [part for part in ("word table", "characters", *PARTS.values()) if part in found]
    return {part: found[part] for part in order}


def parameter_bytes(trainer: Trainer) -> int:
    """The model and its softmax."""
    return _sum(trainer.parameters.values())


def state_bytes(trainer: Trainer) -> int:
    """The carried LSTM state of all rows."""
    return _sum(trainer.state)


def optimizer_bytes(trainer: Trainer) -> int:
    """What optimizer and penalties remember."""
    return _bytes(trainer.optimizer.tensors()) + _bytes(trainer.penalties.tensors())


def checkpoint_bytes(trainer: Trainer) -> int:
    """The tensors of a checkpoint, a shared one once."""
    return _bytes(trainer.tensors())


def gradient_bytes(trainer: Trainer, train: TrainConfig) -> int:
    """Gradients of all whole parameters, and of as many rows as a step can read of each table that is read by rows."""
    tables = {WORD_TABLE, CLASS_TABLE, CLASS_BIASES} if trainer.sampled else set()
    trained = trainer.freezing.trained(trainer.parameters)
    whole = _sum(value for name, value in trained.items() if name not in tables)
    most = 2 * _positions(train) + train.negatives
    rows = [value for name, value in trained.items() if name in tables]
    return whole + sum(min(most, len(table)) * _sum([table]) // len(table) for table in rows)


def logit_bytes(trainer: Trainer, train: TrainConfig) -> int:
    """The predictions of a step's part: both directions, every position, all classes that it compares."""
    classes = train.negatives if trainer.sampled else len(trainer.softmax.bias_V)
    return 2 * _positions(train) * classes * trainer.softmax.bias_V.element_size()


def _positions(train: TrainConfig) -> int:
    return -(-train.rows // train.accumulate) * train.window


def _bytes(tensors: dict[str, Any]) -> int:
    return _sum(gather(tensors)[0].values())


def _sum(tensors: Iterable[Tensor]) -> int:
    """Bytes, a tensor that stands under two names counted once."""
    return sum({tensor.data_ptr(): tensor.numel() * tensor.element_size() for tensor in tensors}.values())
