"""The published weight files: ``weights.hdf5`` under bilm-tf's dataset names, and the softmax beside it.

Nothing is transposed on the way: arrays are as bilm-tf writes them, used as ``x @ W``, gate columns in the order
i, j, f, o, and without the 1.0 that the forget gate gets at run time.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from elmo_cli.config import ModelConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats import hdf5
from elmo_cli.formats.whole_hdf5 import write_datasets

CHARACTERS = 261
"""Rows of ``char_embed``: 256 bytes, begin and end of sentence and of word, and the padding inside a word."""

_HINT = "options.json and the weights belong together: take both from the same model"


def lstm_cell(direction: int, layer: int) -> str:
    """Name of the group that holds one LSTM layer; direction 0 is forward and 1 backward, as the format has it."""
    return f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"


def expected_datasets(config: ModelConfig, vocabulary_size: int | None = None) -> dict[str, tuple[int, ...]]:
    """Name and shape of every dataset that a model's ``weights.hdf5`` holds, no more and no less.

    Args:
        vocabulary_size: V, rows of the word table; needed for a model without a character CNN, otherwise unused.
    """
    lstm, cnn = config.lstm, config.char_cnn
    D, H = lstm.projection_dim, lstm.cell_dim
    shapes: dict[str, tuple[int, ...]] = {}
    if cnn is None:
        assert vocabulary_size is not None, "a model of word ids has a table of as many rows as its vocabulary"
        shapes["embedding"] = (vocabulary_size, D)
    else:
        F = cnn.total_filters
        shapes["char_embed"] = (CHARACTERS, cnn.embedding_dim)
        for i, (width, count) in enumerate(cnn.filters):
            shapes[f"CNN/W_cnn_{i}"] = (1, width, cnn.embedding_dim, count)
            shapes[f"CNN/b_cnn_{i}"] = (count,)
        for k in range(cnn.highways):
            for gate in ("carry", "transform"):
                shapes[f"CNN_high_{k}/W_{gate}"] = (F, F)
                shapes[f"CNN_high_{k}/b_{gate}"] = (F,)
        if F != D:
            shapes["CNN_proj/W_proj"] = (F, D)
            shapes["CNN_proj/b_proj"] = (D,)
    for direction in (0, 1):
        for layer in range(lstm.layers):
            cell = lstm_cell(direction, layer)
            shapes[f"{cell}/W_0"] = (2 * D, 4 * H)
            shapes[f"{cell}/B"] = (4 * H,)
            if lstm.projected:
                shapes[f"{cell}/W_P_0"] = (H, D)
    return shapes


def count_parameters(config: ModelConfig, vocabulary_size: int | None = None, *, softmax: bool = False) -> int:
    """Numbers that training decides: of the biLM alone, or with a softmax of ``vocabulary_size`` classes."""
    count = sum(int(np.prod(shape)) for shape in expected_datasets(config, vocabulary_size).values())
    if softmax:
        assert vocabulary_size is not None, "a softmax has as many classes as the vocabulary"
        count += vocabulary_size * (config.lstm.projection_dim + 1)
    return count


def read_weights(path: Path, config: ModelConfig, vocabulary_size: int | None = None) -> dict[str, np.ndarray]:
    """The weights of a model by dataset name, float32, checked against its options before any is read.

    A model of one layer may have its cells directly below ``RNN``, as bilm-tf names them then; the result never does.

    Raises:
        ModelError: The file is not what the options say, or not safe to read; all problems are listed.
    """
    expected = expected_datasets(config, vocabulary_size)
    renamed = {name: name for name in expected}
    if config.lstm.layers == 1 and hdf5.contains_group(path, "RNN_0/RNN/LSTMCell"):
        renamed = {name.replace("/MultiRNNCell/Cell0", ""): name for name in expected}
    arrays = hdf5.read_datasets(path, {there: expected[name] for there, name in renamed.items()}, hint=_HINT)
    return {renamed[there]: array for there, array in arrays.items()}


def write_weights(path: Path, datasets: Mapping[str, np.ndarray]) -> None:
    """Writes weights by dataset name, as bilm-tf's dump does: float32, contiguous, no compression, no attributes.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    write_datasets(path, datasets)


def read_softmax(path: Path, vocabulary_size: int | None, projection_dim: int) -> tuple[np.ndarray, np.ndarray]:
    """The softmax that both directions share.

    Args:
        vocabulary_size: V; None takes as many classes as there are.

    Returns:
        The weights (V, D) and the bias (V), float32.

    Raises:
        ModelError: The file is not that, or not safe to read; all problems are listed.
    """
    V = vocabulary_size
    arrays = hdf5.read_datasets(path, {"softmax/W": (V, projection_dim), "softmax/b": (V,)}, hint=_HINT)
    W_VD, b_V = arrays["softmax/W"], arrays["softmax/b"]
    if len(b_V) != len(W_VD):
        wanted = f"float32 ({len(W_VD)}), as many as softmax/W has rows"
        raise ModelError(f"{path}: softmax/b: expected {wanted}, found float32 ({len(b_V)})", hint=_HINT)
    return W_VD, b_V


def write_softmax(path: Path, W_VD: np.ndarray, b_V: np.ndarray) -> None:
    """Writes the softmax under bilm-tf's variable names, ``softmax/W`` and ``softmax/b``.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    write_datasets(path, {"softmax/W": W_VD, "softmax/b": b_V})
