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
from elmo_cli.formats.content import Source
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
    lstm, cnn, lists = config.lstm, config.char_cnn, config.own_lists
    D, H = lstm.projection_dim, lstm.cell_dim
    shapes: dict[str, tuple[int, ...]] = {}
    if lists is not None and lists.words:
        shapes["word_embed"] = (lists.words, lists.word_dim)
    if cnn is None and lists is not None:
        shapes |= {"CNN_proj/W_proj": (lists.word_dim, D), "CNN_proj/b_proj": (D,)}
    elif cnn is None:
        assert vocabulary_size is not None, "a model of word ids has a table of as many rows as its vocabulary"
        shapes["embedding"] = (vocabulary_size, D)
    else:
        F = cnn.total_filters
        shapes["char_embed"] = (CHARACTERS if lists is None else lists.characters, cnn.embedding_dim)
        for i, (width, count) in enumerate(cnn.filters):
            shapes[f"CNN/W_cnn_{i}"] = (1, width, cnn.embedding_dim, count)
            shapes[f"CNN/b_cnn_{i}"] = (count,)
        for k in range(cnn.highways):
            for gate in ("carry", "transform"):
                shapes[f"CNN_high_{k}/W_{gate}"] = (F, F)
                shapes[f"CNN_high_{k}/b_{gate}"] = (F,)
        if F != D or lists is not None:
            shapes["CNN_proj/W_proj"] = (F + (lists.word_dim if lists is not None else 0), D)
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


def read_weights(path: Source, config: ModelConfig, vocabulary_size: int | None = None) -> dict[str, np.ndarray]:
    """The weights of a model by dataset name, float32, checked against its options before any is read.

    A model of one layer may have its cells directly below ``RNN``, as bilm-tf names them then; the result never does.

    Raises:
        ModelError: The file is not what the options say, or not safe to read; all problems are listed.
    """
    return _read(path, config, expected_datasets(config, vocabulary_size))


def read_weights_and_softmax(
    path: Source, config: ModelConfig, vocabulary_size: int | None = None
) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray] | None]:
    """As :func:`read_weights`, of a file that may hold the softmax too, as ``softmax/W`` and ``softmax/b``.

    Returns:
        The weights; and W (V, D) and b (V) of the softmax, or None.

    Raises:
        ModelError: The file is not what the options say, or not safe to read; all problems are listed.
    """
    weights_shapes = expected_datasets(config, vocabulary_size)
    if not hdf5.contains_name(path, "softmax"):
        return _read(path, config, weights_shapes), None
    arrays = _read(path, config, {**weights_shapes, **_softmax_shapes(vocabulary_size, config.lstm.projection_dim)})
    softmax = _same_length(path, arrays.pop("softmax/W"), arrays.pop("softmax/b"))
    return arrays, softmax


def write_weights(path: Path, datasets: Mapping[str, np.ndarray]) -> None:
    """Writes weights by dataset name, as bilm-tf's dump does: float32, contiguous, no compression, no attributes.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    write_datasets(path, datasets)


def read_softmax(path: Source, vocabulary_size: int | None, projection_dim: int) -> tuple[np.ndarray, np.ndarray]:
    """The softmax that both directions share.

    Args:
        vocabulary_size: V; None takes as many classes as there are.

    Returns:
        The weights (V, D) and the bias (V), float32.

    Raises:
        ModelError: The file is not that, or not safe to read; all problems are listed.
    """
    arrays = hdf5.read_datasets(path, _softmax_shapes(vocabulary_size, projection_dim), hint=_HINT)
    return _same_length(path, arrays["softmax/W"], arrays["softmax/b"])


def write_softmax(path: Path, W_VD: np.ndarray, b_V: np.ndarray) -> None:
    """Writes the softmax under bilm-tf's variable names, ``softmax/W`` and ``softmax/b``.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    write_datasets(path, {"softmax/W": W_VD, "softmax/b": b_V})


def find_weights_problems(
    path: Source, config: ModelConfig, vocabulary_size: int | None = None
) -> tuple[list[str], int | None]:
    """All that :func:`read_weights_and_softmax` would refuse a file for, and V of the softmax in it, if it has one.

    Raises:
        ModelError: The file cannot be read at all.
    """
    expected: dict[str, hdf5.Shape] = dict(expected_datasets(config, vocabulary_size))
    if hdf5.contains_name(path, "softmax"):
        expected |= _softmax_shapes(vocabulary_size, config.lstm.projection_dim)
    renamed = _names_inside(path, config, expected)
    problems, shapes = hdf5.find_problems(path, {there: expected[name] for there, name in renamed.items()})
    return _with_lengths(problems, shapes)


def find_softmax_problems(
    path: Source, vocabulary_size: int | None, projection_dim: int
) -> tuple[list[str], int | None]:
    """All that :func:`read_softmax` would refuse a file for, and V of the softmax in it, where that can be told.

    Raises:
        ModelError: The file cannot be read at all.
    """
    return _with_lengths(*hdf5.find_problems(path, _softmax_shapes(vocabulary_size, projection_dim)))


def _with_lengths(problems: list[str], shapes: Mapping[str, tuple[int, ...]]) -> tuple[list[str], int | None]:
    W, b = shapes.get("softmax/W"), shapes.get("softmax/b")
    if W and b and W[0] != b[0]:
        problems = [*problems, _unequal(W[0], b[0])]
    return problems, W[0] if W else b[0] if b else None


def _read(path: Source, config: ModelConfig, expected: Mapping[str, hdf5.Shape]) -> dict[str, np.ndarray]:
    renamed = _names_inside(path, config, expected)
    arrays = hdf5.read_datasets(path, {there: expected[name] for there, name in renamed.items()}, hint=_HINT)
    return {renamed[there]: array for there, array in arrays.items()}


def _names_inside(path: Source, config: ModelConfig, expected: Mapping[str, hdf5.Shape]) -> dict[str, str]:
    """The published name of each dataset by the name that it has in the file."""
    if config.lstm.layers == 1 and hdf5.contains_group(path, "RNN_0/RNN/LSTMCell"):
        return {name.replace("/MultiRNNCell/Cell0", ""): name for name in expected}
    return {name: name for name in expected}


def _softmax_shapes(V: int | None, D: int) -> dict[str, hdf5.Shape]:
    return {"softmax/W": (V, D), "softmax/b": (V,)}


def _same_length(path: Source, W_VD: np.ndarray, b_V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(b_V) != len(W_VD):
        raise ModelError(f"{path}: {_unequal(len(W_VD), len(b_V))}", hint=_HINT)
    return W_VD, b_V


def _unequal(rows: int, biases: int) -> str:
    return f"softmax/b: expected float32 ({rows}), as many as softmax/W has rows, found float32 ({biases})"
