"""ELMoForManyLangs once more, in plain NumPy and float64: what models in its files are compared with.

Written from its formulas alone, for being read: weights come in by the names in ``token_embedder.pkl`` and
``encoder.pkl`` and are used as they lie there, so that no reader of files is needed and none is trusted.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Model(NamedTuple):
    """A model as its files have it; ``config`` is the architecture's JSON."""

    config: dict[str, Any]
    tokens: Mapping[str, np.ndarray]
    stack: Mapping[str, np.ndarray]
    characters: Mapping[str, int]
    words: Mapping[str, int]


State = dict[str, tuple[np.ndarray, np.ndarray]]
"""(c, m) of every layer, by its name in the file."""


def word_characters(model: Model, word: str) -> list[int]:
    """The ids of one word: ``<eow>``, its characters, ``<bow>``, and ``<pad>`` up to W. Yes, that way round."""
    ids = model.characters
    spelling = [word] if word in ("<bos>", "<eos>") else list(word)
    row = [ids["<eow>"], *(ids.get(c, ids["<oov>"]) for c in spelling), ids["<bow>"]]
    return row + [ids["<pad>"]] * (model.config["token_embedder"]["max_characters_per_token"] - len(row))


def token_vector(model: Model, word: str) -> np.ndarray:
    """The vector (D) of one token: a word cut to W - 2 characters, or ``<bos>`` or ``<eos>``."""
    settings = model.config["token_embedder"]
    if word not in ("<bos>", "<eos>"):
        word = word[: settings["max_characters_per_token"] - 2]
    parts = []
    if settings["word_dim"] > 0:
        table = model.tokens["word_emb_layer.embedding.weight"]
        parts.append(_float64(table[model.words.get(word, model.words["<oov>"])]))
    if settings["char_dim"] > 0:
        table = _float64(model.tokens["char_emb_layer.embedding.weight"])
        parts.append(_characters_vector(model, table[word_characters(model, word)]))
    projection, bias = _float64(model.tokens["projection.weight"]), _float64(model.tokens["projection.bias"])
    return projection @ np.concatenate(parts) + bias


def _characters_vector(model: Model, x_WC: np.ndarray) -> np.ndarray:
    settings = model.config["token_embedder"]
    activation = np.tanh if settings["activation"] == "tanh" else _relu
    pooled = []
    for i, (width, count) in enumerate(settings["filters"]):
        kernel, bias = (_float64(model.tokens[f"convolutions.{i}.{part}"]) for part in ("weight", "bias"))
        values = [
            [np.sum(kernel[f] * x_WC[begin : begin + width].T) + bias[f] for f in range(count)]
            for begin in range(len(x_WC) - width + 1)
        ]
        pooled.append(activation(np.max(values, axis=0)))
    y = np.concatenate(pooled)
    for k in range(settings["n_highway"]):
        weight, bias = (_float64(model.tokens[f"highways._layers.{k}.{part}"]) for part in ("weight", "bias"))
        transformed, gate = np.split(weight @ y + bias, 2)
        gate = _sigmoid(gate)
        y = gate * y + (1 - gate) * _relu(transformed)
    return y


def embed(model: Model, sentence: Sequence[str], state: State | None = None) -> tuple[np.ndarray, State]:
    """The vectors (L, n, E) of a sentence, begin and end removed, and the state that all layers end in.

    Args:
        state: Where they begin; None for zeros.
    """
    settings = model.config["encoder"]
    tokens_TD = np.array([token_vector(model, word) for word in ("<bos>", *sentence, "<eos>")])
    layers = [np.concatenate([tokens_TD, tokens_TD], axis=1)]
    below = {"forward": tokens_TD, "backward": tokens_TD[::-1]}
    after: State = {}
    for number in range(settings["n_layers"]):
        outputs = {}
        for direction, x_TD in below.items():
            name = f"{direction}_layer_{number}"
            m_TD, after[name] = _lstm(model, name, x_TD, None if state is None else state[name])
            outputs[direction] = m_TD + x_TD if number > 0 else m_TD
        below = outputs
        layers.append(np.concatenate([outputs["forward"], outputs["backward"][::-1]], axis=1))
    return np.array(layers)[:, 1:-1], after


def _lstm(
    model: Model, name: str, x_TD: np.ndarray, begin: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    settings = model.config["encoder"]
    weights = {
        part: _float64(model.stack[f"{name}.{part}"])
        for part in (
            "input_linearity.weight",
            "state_linearity.weight",
            "state_linearity.bias",
            "state_projection.weight",
        )
    }
    c, m = begin if begin is not None else (np.zeros(settings["dim"]), np.zeros(settings["projection_dim"]))
    outputs = []
    for x in x_TD:
        recurrent = weights["state_linearity.weight"] @ m + weights["state_linearity.bias"]
        i, f, j, o = np.split(weights["input_linearity.weight"] @ x + recurrent, 4)
        c = _sigmoid(i) * np.tanh(j) + _sigmoid(f) * c
        if settings["cell_clip"]:
            c = np.clip(c, -settings["cell_clip"], settings["cell_clip"])
        m = weights["state_projection.weight"] @ (_sigmoid(o) * np.tanh(c))
        if settings["proj_clip"]:
            m = np.clip(m, -settings["proj_clip"], settings["proj_clip"])
        outputs.append(m)
    return np.array(outputs), (c, m)


def random_model(config: dict[str, Any], characters: Sequence[str], words: Sequence[str], seed: int = 1) -> Model:
    """A model with float32 weights in which clips bind now and then, and nothing is saturated throughout."""
    rng = np.random.default_rng(seed)
    tokens, stack = {}, {}

    def normal(shape: tuple[int, ...], scale: float, mean: float = 0.0) -> np.ndarray:
        return rng.normal(mean, scale, shape).astype(np.float32)

    settings, lstm = config["token_embedder"], config["encoder"]
    width, C = settings["word_dim"], settings["char_dim"]
    if width:
        tokens["word_emb_layer.embedding.weight"] = normal((len(words), width), 1.0)
    if C:
        F = sum(count for _, count in settings["filters"])
        tokens["char_emb_layer.embedding.weight"] = normal((len(characters), C), 1.0)
        for i, (columns, count) in enumerate(settings["filters"]):
            tokens[f"convolutions.{i}.weight"] = normal((count, C, columns), (columns * C) ** -0.5)
            tokens[f"convolutions.{i}.bias"] = normal((count,), 0.5, mean=-0.5)
        for k in range(settings["n_highway"]):
            tokens[f"highways._layers.{k}.weight"] = normal((2 * F, F), F**-0.5)
            tokens[f"highways._layers.{k}.bias"] = normal((2 * F,), 0.5)
        width += F
    D, H = lstm["projection_dim"], lstm["dim"]
    tokens["projection.weight"], tokens["projection.bias"] = normal((D, width), width**-0.5), normal((D,), 0.1)
    bound = lstm["proj_clip"] or 1.0
    for direction in ("forward", "backward"):
        for number in range(lstm["n_layers"]):
            name = f"{direction}_layer_{number}"
            stack[f"{name}.input_linearity.weight"] = normal((4 * H, D), 1.5 * D**-0.5 / (bound if number else 1.0))
            stack[f"{name}.state_linearity.weight"] = normal((4 * H, D), 0.3 * D**-0.5 / bound)
            stack[f"{name}.state_linearity.bias"] = normal((4 * H,), 0.5, mean=1.0)
            stack[f"{name}.state_projection.weight"] = normal((D, H), 1.4 * bound * H**-0.5)
    numbered = [{token: number for number, token in enumerate(listed)} for listed in (characters, words)]
    return Model(config, tokens, stack, *numbered)


def _float64(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float64)


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -x))
