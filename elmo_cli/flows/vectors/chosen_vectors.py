"""The vectors that a user wants of all that a model computes: layers, mixes, sentences, length 1."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from elmo_cli.config import VectorConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.models.loaded import LoadedModel
from elmo_cli.flows.vectors.embedding import Vectors, layer_choice

MIXES = ("scalar_mixes", "scalar_mix")
"""Keys of ``model.json`` for the mixes that a model learned: of a folder by ``save_pretrained``, of a checkpoint."""


class ChosenVectors:
    """Makes the wanted vectors of a sentence out of its layers.

    Args:
        config: What is wanted.
        model: Whose layers.

    Raises:
        ConfigError: The model has no such layer, or learned no mix.
    """

    def __init__(self, config: VectorConfig, model: LoadedModel) -> None:
        shape = model.bilm.config
        self.config = config
        self.attributes: dict[str, str] = {}
        """What a file of them says of itself, beside what all files say."""
        self.in_context = not config.word_types and config.layers != "0"
        """Whether the LSTMs are needed."""
        self.layers = shape.vector_layers if config.layers == "all" and not config.word_types else None
        """L of vectors (L, n, E); None where they are (n, E)."""
        self.width = shape.lstm.projection_dim if config.word_types else shape.vector_dim
        """E, or D of word types."""
        self.name = "word types" if config.word_types else config.layers
        """What the layers are, for attributes."""
        if config.word_types:
            self._pick: Callable[[Vectors], Vectors] = lambda vectors_ND: vectors_ND
        elif config.layers == "weighted":
            weights, gamma = _mix(config, model)
            self.attributes["weights"] = ",".join(f"{weight:.9g}" for weight in weights)
            self.attributes["gamma"] = f"{gamma:.9g}"
            self._pick = weighted_sum(weights, gamma)
        else:
            self._pick = layer_choice(config.layers, shape.vector_layers)
            if not self.in_context:
                self._pick = lambda vectors_ND: np.concatenate([vectors_ND, vectors_ND], axis=1)
        if config.sentence_vectors:
            self.attributes["vectors"] = f"one per sentence: {config.sentence_vectors}"
        if config.normalize:
            self.attributes["normalized"] = "every vector has length 1"

    def __call__(self, vectors: Vectors) -> Vectors:
        """Of the layers (L, n, E) of a sentence, or of its word types (n, D)."""
        vectors = self._pick(vectors)
        if self.config.sentence_vectors and vectors.shape[-2]:
            vectors = sentence_vector(vectors, self.config.sentence_vectors)
        return unit_length(vectors) if self.config.normalize else vectors

    @property
    def shape(self) -> str:
        """The shape of one sentence's array, for people."""
        tokens = "1" if self.config.sentence_vectors else "n"
        return f"({tokens}, {self.width})" if self.layers is None else f"({self.layers}, {tokens}, {self.width})"


def weighted_sum(weights: Sequence[float], gamma: float) -> Callable[[Vectors], Vectors]:
    """What makes ``gamma * sum_l weights_l * layer_l`` of vectors (L, n, E).

    Example:
        >>> weighted_sum([0.25, 0.75], 2.0)(np.array([[[1.0]], [[2.0]]], np.float32)).tolist()
        [[3.5]]
    """
    factors_L = (gamma * np.array(weights, np.float64)).astype(np.float32)
    return lambda vectors_LTE: np.einsum("l,lte->te", factors_L, vectors_LTE)


def sentence_vector(vectors: Vectors, pooling: str) -> Vectors:
    """One vector (..., 1, E) for the tokens of a sentence (..., n, E), n at least 1.

    Example:
        >>> sentence_vector(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), "first-last").tolist()
        [[3.0, 2.0]]
    """
    if pooling == "mean":
        return vectors.mean(axis=-2, keepdims=True, dtype=np.float32)
    if pooling == "max":
        return vectors.max(axis=-2, keepdims=True)
    half = vectors.shape[-1] // 2
    return np.concatenate([vectors[..., -1:, :half], vectors[..., :1, half:]], axis=-1)


def unit_length(vectors: Vectors) -> Vectors:
    """Vectors scaled to length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def learned_mixes(info: dict[str, Any], layers: int) -> list[tuple[list[float], float]]:
    """Weights, after the softmax, and gamma of every mix that a model records and that has so many layers."""
    recorded: Any = next((info[name] for name in MIXES if name in info), [])
    found = []
    for mix in recorded if isinstance(recorded, list) else []:
        numbers = [mix.get("gamma"), *mix.get("scalar_parameters", [])] if isinstance(mix, dict) else []
        if len(numbers) == layers + 1 and all(type(number) in (int, float) for number in numbers):
            gamma, *parameters = numbers
            powers_L = np.exp(np.array(parameters, np.float64) - max(parameters))
            found.append(((powers_L / powers_L.sum()).tolist(), float(gamma)))
    return found


def _mix(config: VectorConfig, model: LoadedModel) -> tuple[Sequence[float], float]:
    layers = model.bilm.config.vector_layers
    if config.weights is not None:
        if len(config.weights) != layers:
            raise ConfigError(f"--weights: expected {layers} numbers, one per layer, found {len(config.weights)}")
        return config.weights, 1.0 if config.gamma is None else config.gamma
    mixes = learned_mixes(model.info, layers)
    if not mixes:
        raise ConfigError(
            f"{model.path}: expected a mix of layers that was learned, found none",
            hint="give one, the token layer first: --weights 0.2,0.5,0.3 --gamma 1",
        )
    weights, gamma = mixes[0]
    return weights, gamma if config.gamma is None else config.gamma
