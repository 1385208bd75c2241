"""The whole network once more, in plain NumPy and float64: what every fast form of it is compared with.

Written from the formulas of bilm-tf (char CNN, highways, projection, LSTM with projection and clips, residual, softmax)
for being read, not for speed, and without any code of ``elmo_cli`` but its settings. Weights come in by their published
dataset names. Character ids are those of the weight files, 0 to 260.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from elmo_cli.config import ModelConfig

Weights = Mapping[str, np.ndarray]
FORWARD, BACKWARD = 0, 1


class State(NamedTuple):
    """What an LSTM carries on: memory cells c (layers, G, B, H) and recurring outputs m (layers, G, B, D)."""

    c: np.ndarray
    m: np.ndarray


def zero_state(config: ModelConfig, rows: int) -> State:
    """Before anything was read."""
    lstm = config.lstm
    return State(np.zeros((lstm.layers, 2, rows, lstm.cell_dim)), np.zeros((lstm.layers, 2, rows, lstm.projection_dim)))


# Characters.


def word_characters(word: str, max_characters: int) -> list[int]:
    """The ids of one word: 258, its UTF-8 bytes cut to W - 2, 259, then 260s. ``<S>`` and ``</S>`` are 256 and 257."""
    if word == "<S>":
        middle = [256]
    elif word == "</S>":
        middle = [257]
    else:
        middle = list(word.encode("utf-8", "ignore"))[: max_characters - 2]
    ids = [258, *middle, 259]
    return ids + [260] * (max_characters - len(ids))


def sentence_characters(words: Sequence[str], max_characters: int) -> np.ndarray:
    """Ids (n + 2, W) of a sentence with its begin and end."""
    return np.array([word_characters(word, max_characters) for word in ("<S>", *words, "</S>")])


# Layers.


def token_vectors(weights: Weights, config: ModelConfig, ids: np.ndarray) -> np.ndarray:
    """Vectors (..., D) of tokens, from their characters (..., W), or from their word ids (...) without a char CNN."""
    cnn = config.char_cnn
    if cnn is None:
        return _float64(weights["embedding"])[ids]
    x = _float64(weights["char_embed"])[ids]
    columns, pooled = cnn.max_characters, []
    activation = np.tanh if cnn.activation == "tanh" else _relu
    for i, (width, _) in enumerate(cnn.filters):
        kernel, bias = _float64(weights[f"CNN/W_cnn_{i}"])[0], _float64(weights[f"CNN/b_cnn_{i}"])
        windows = [
            np.einsum("...wc,wcf->...f", x[..., begin : begin + width, :], kernel)
            for begin in range(columns - width + 1)
        ]
        pooled.append(activation(np.max(windows, axis=0) + bias))
    y = np.concatenate(pooled, axis=-1)
    for k in range(cnn.highways):
        high = {
            name: _float64(weights[f"CNN_high_{k}/{name}"])
            for name in ("W_carry", "b_carry", "W_transform", "b_transform")
        }
        gate = _sigmoid(y @ high["W_carry"] + high["b_carry"])
        y = gate * _relu(y @ high["W_transform"] + high["b_transform"]) + (1 - gate) * y
    if y.shape[-1] == config.lstm.projection_dim:
        return y
    return y @ _float64(weights["CNN_proj/W_proj"]) + _float64(weights["CNN_proj/b_proj"])


def lstm_layer(
    weights: Weights,
    config: ModelConfig,
    cell: str,
    x_BTD: np.ndarray,
    c_BH: np.ndarray,
    m_BD: np.ndarray,
    resets_BT: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One layer of one direction in its reading order: the recurring outputs (B, T, D), and c and m at the end."""
    lstm = config.lstm
    kernel, bias = _float64(weights[f"{cell}/W_0"]), _float64(weights[f"{cell}/B"])
    outputs = []
    for t in range(x_BTD.shape[1]):
        if resets_BT is not None:
            keep_B1 = ~resets_BT[:, t, None]
            c_BH, m_BD = c_BH * keep_B1, m_BD * keep_B1
        i, j, f, o = np.split(np.concatenate([x_BTD[:, t], m_BD], axis=1) @ kernel + bias, 4, axis=1)
        c_BH = _sigmoid(f + 1) * c_BH + _sigmoid(i) * np.tanh(j)
        if lstm.cell_clip is not None:
            c_BH = np.clip(c_BH, -lstm.cell_clip, lstm.cell_clip)
        m_BD = _sigmoid(o) * np.tanh(c_BH)
        if lstm.projection_dim < lstm.cell_dim:
            m_BD = m_BD @ _float64(weights[f"{cell}/W_P_0"])
            if lstm.projection_clip is not None:
                m_BD = np.clip(m_BD, -lstm.projection_clip, lstm.projection_clip)
        outputs.append(m_BD)
    return np.stack(outputs, axis=1), c_BH, m_BD


def lstm_stack(
    weights: Weights,
    config: ModelConfig,
    direction: int,
    x_BTD: np.ndarray,
    state: State,
    resets_BT: np.ndarray | None = None,
    masks: np.ndarray | None = None,
) -> tuple[list[np.ndarray], State]:
    """All layers of one direction: each layer's output, residual added, and the state at the end.

    Args:
        state: Of this direction alone, (layers, B, ...).
        resets_BT: Where the state is put to zero before the position is read.
        masks: What dropout multiplies with, (layers + 1, B, T, D): every layer's input, and last the top output.
    """
    outputs, ends = [], []
    for layer in range(config.lstm.layers):
        x_BTD = x_BTD if masks is None else x_BTD * masks[layer]
        cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
        m_BTD, *end = lstm_layer(weights, config, cell, x_BTD, state.c[layer], state.m[layer], resets_BT)
        x_BTD = m_BTD + x_BTD if config.lstm.residual and layer > 0 else m_BTD
        outputs.append(x_BTD)
        ends.append(end)
    if masks is not None:
        outputs[-1] = outputs[-1] * masks[-1]
    return outputs, State(*map(np.stack, zip(*ends, strict=True)))


# The two ways in which the network is run.


def embed(
    weights: Weights, config: ModelConfig, sentences: Sequence[np.ndarray], state: State
) -> tuple[list[np.ndarray], State]:
    """Inference: the vectors (L, n, E) of each sentence of a batch, begin and end removed, and the carried state.

    Args:
        sentences: Ids of each with begin and end, (n + 2, W) characters or (n + 2) words. Sentence b starts from row b
            of the state and leaves its end there; rows beyond the batch stay as they are.
    """
    after = State(state.c.copy(), state.m.copy())
    vectors = []
    for row, ids in enumerate(sentences):
        tokens_TD = token_vectors(weights, config, ids)
        layers = [[tokens_TD], [tokens_TD]]
        for direction in (FORWARD, BACKWARD):
            order = slice(None) if direction == FORWARD else slice(None, None, -1)
            begin = State(*(part[:, direction, row, None] for part in state))
            outputs, end = lstm_stack(weights, config, direction, tokens_TD[None, order], begin)
            layers[direction] += [output_BTD[0, order] for output_BTD in outputs]
            after.c[:, direction, row], after.m[:, direction, row] = end.c[:, 0], end.m[:, 0]
        vectors.append(np.concatenate([np.stack(layers[FORWARD]), np.stack(layers[BACKWARD])], axis=2)[:, 1:-1])
    return vectors, after


def read_window(
    weights: Weights,
    config: ModelConfig,
    inputs: np.ndarray,
    state: State,
    *,
    resets_BT: np.ndarray | None = None,
    masks: np.ndarray | None = None,
) -> tuple[np.ndarray, State]:
    """Training: the top outputs (G, B, T, D) over a window, each direction in its own reading order, and the state.

    Args:
        inputs: Ids, (G, B, T, W) characters or (G, B, T) words.
        masks: Dropout, (G, layers + 1, B, T, D); see :func:`lstm_stack`.
    """
    tops, ends = [], []
    for direction in (FORWARD, BACKWARD):
        x_BTD = token_vectors(weights, config, inputs[direction])
        begin = State(*(part[:, direction] for part in state))
        mask = None if masks is None else masks[direction]
        outputs, end = lstm_stack(weights, config, direction, x_BTD, begin, resets_BT, mask)
        tops.append(outputs[-1])
        ends.append(end)
    return np.stack(tops), State(*(np.stack(parts, axis=1) for parts in zip(*ends, strict=True)))


# Losses.


def full_losses(h_ND: np.ndarray, targets_N: np.ndarray, W_VD: np.ndarray, b_V: np.ndarray) -> np.ndarray:
    """Negative log-likelihood (N) of every target under the softmax over all classes."""
    logits_NV = h_ND @ _float64(W_VD).T + _float64(b_V)
    return np.logaddexp.reduce(logits_NV, axis=1) - logits_NV[np.arange(len(targets_N)), targets_N]


def sampled_losses(
    h_ND: np.ndarray,
    targets_N: np.ndarray,
    W_VD: np.ndarray,
    b_V: np.ndarray,
    *,
    sampled_K: np.ndarray,
    expected_V: np.ndarray,
) -> np.ndarray:
    """The same over target and sampled classes, logits less the log of how often each class is expected in a sample.

    A sampled class that happens to be the position's target is left out.
    """
    corrected_V = _float64(b_V) - np.log(expected_V)
    W = _float64(W_VD)
    true_N = (h_ND * W[targets_N]).sum(axis=1) + corrected_V[targets_N]
    sampled_NK = h_ND @ W[sampled_K].T + corrected_V[sampled_K]
    sampled_NK[targets_N[:, None] == sampled_K] = -np.inf
    return np.logaddexp.reduce(np.concatenate([true_N[:, None], sampled_NK], axis=1), axis=1) - true_N


def expected_counts(V: int, tries: int) -> np.ndarray:
    """How often each class is expected among the distinct ones of so many log-uniform draws: 1 - (1 - p)^tries."""
    ids_V = np.arange(V, dtype=np.float64)
    p_V = np.log1p(1 / (ids_V + 1)) / np.log1p(V)
    return -np.expm1(tries * np.log1p(-p_V))


# Gradients and random models.


def finite_difference(
    loss: Callable[[Weights], float], weights: Weights, name: str, place: tuple[int, ...], step: float = 1e-5
) -> float:
    """The slope of a loss at one number of one dataset, by central differences; good to about 1e-9 of the loss.

    A loss has kinks where a maximum, a ReLU or a clip changes sides; a second step size tells when one is near.
    """

    def at(offset: float) -> float:
        array = np.array(weights[name], np.float64)
        array[place] += offset
        return loss({**weights, name: array})

    return (at(step) - at(-step)) / (2 * step)


def random_model(config: ModelConfig, seed: int, vocabulary_size: int = 20) -> dict[str, np.ndarray]:
    """Weights (float32) of a network in which both clips bind now and then, and nothing is saturated throughout."""
    rng = np.random.default_rng(seed)
    lstm, cnn = config.lstm, config.char_cnn
    D, H = lstm.projection_dim, lstm.cell_dim
    bound = lstm.projection_clip or 1.0
    weights: dict[str, np.ndarray] = {}

    def normal(name: str, shape: tuple[int, ...], scale: float, mean: float = 0.0) -> None:
        weights[name] = rng.normal(mean, scale, shape).astype(np.float32)

    if cnn is None:
        normal("embedding", (vocabulary_size, D), 1.0)
    else:
        C, F = cnn.embedding_dim, sum(count for _, count in cnn.filters)
        normal("char_embed", (261, C), 1.0)
        for i, (width, count) in enumerate(cnn.filters):
            normal(f"CNN/W_cnn_{i}", (1, width, C, count), (width * C) ** -0.5)
            normal(f"CNN/b_cnn_{i}", (count,), 0.5, mean=-0.5)
        for k in range(cnn.highways):
            for gate in ("carry", "transform"):
                normal(f"CNN_high_{k}/W_{gate}", (F, F), F**-0.5)
                normal(f"CNN_high_{k}/b_{gate}", (F,), 0.5)
        if F != D:
            normal("CNN_proj/W_proj", (F, D), F**-0.5)
            normal("CNN_proj/b_proj", (D,), 0.1)
    for direction in (FORWARD, BACKWARD):
        for layer in range(lstm.layers):
            cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
            normal(f"{cell}/W_0", (2 * D, 4 * H), 1.5 * D**-0.5)
            if layer > 0:
                weights[f"{cell}/W_0"][:D] /= bound
            weights[f"{cell}/W_0"][D:] *= 0.2 / bound  # a strong recurrence is chaotic, and amplifies rounding
            normal(f"{cell}/B", (4 * H,), 0.5, mean=0.5)
            if D < H:
                normal(f"{cell}/W_P_0", (H, D), 1.4 * bound * H**-0.5)
    return weights


def _float64(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float64)


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -x))
