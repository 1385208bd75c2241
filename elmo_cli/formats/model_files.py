"""What a model consists of, in whatever container it came, and how its parts are read and checked together."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.config import ModelConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats import hdf5
from elmo_cli.formats.content import Content, Source, unpacked
from elmo_cli.formats.json_object import read_object
from elmo_cli.formats.options import read_options
from elmo_cli.formats.weights import read_softmax, read_weights_and_softmax

COUNTS_SUFFIX = ".counts.tsv"
"""Takes the place of ``.txt``: ``vocab.counts.tsv`` has the counts of ``vocab.txt``."""
LARGEST_INFO = 1 << 24
"""Bytes that ``model.json`` may have."""
LARGEST_VOCABULARY = 1 << 30
"""Bytes that a vocabulary may have; the published ones have some 10 million."""
LARGEST_PIECES = 1 << 28
"""Bytes that a SentencePiece model may have; 16,000 pieces take half a million."""


@dataclass(frozen=True, kw_only=True)
class TokenLists:
    """The lists by which a model of ELMoForManyLangs turns words into ids."""

    characters: dict[str, int] | None
    """Ids of characters; None where the model reads none."""
    words: dict[str, int] | None
    """Ids of words; None where words have no vector of their own."""
    max_characters: int
    """W."""


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """Everything a model folder holds, in the types and names of the published layout."""

    config: ModelConfig
    """The architecture."""
    weights: dict[str, np.ndarray]
    """float32 by published dataset name, as :func:`elmo_cli.formats.weights.expected_datasets` lists them."""
    softmax: tuple[np.ndarray, np.ndarray] | None = None
    """Weights (V, D) and bias (V) of the softmax; None where it was not published."""
    start_state: tuple[np.ndarray, np.ndarray] | None = None
    """LSTM state that sentences start from: c (layers, 2, H) and m (layers, 2, D), forward first; None: unknown."""
    vocabulary_path: Path | None = None
    """The vocabulary file; its counts, where known, lie beside it."""
    vocabulary_content: Content | None = None
    """The vocabulary where it is no plain file: a member of an archive, or packed as ``.gz``."""
    counts_content: Content | None = None
    """The counts of its words, where they are a member of an archive."""
    pieces: Source | None = None
    """The SentencePiece model, where tokens are its pieces."""
    lists: TokenLists | None = None
    """Only of a model of ELMoForManyLangs: what its token layer reads."""
    info: dict[str, Any] = field(default_factory=dict)
    """``model.json``: tokenizer, provenance, perplexities. Empty for a model from elsewhere."""

    @property
    def vocabulary_size(self) -> int | None:
        """V, from the softmax or the word table; None for a model that has neither."""
        if self.softmax is not None:
            return len(self.softmax[1])
        return len(self.weights["embedding"]) if "embedding" in self.weights else None

    @property
    def vocabulary_place(self) -> Path | Content | None:
        """Where the vocabulary is: ``vocabulary_path``, else ``vocabulary_content``."""
        return self.vocabulary_path or self.vocabulary_content

    @property
    def counts_place(self) -> Path | Content | None:
        """Where the counts of the vocabulary's words are, if they are known."""
        if self.vocabulary_path is None:
            return self.counts_content
        beside = self.vocabulary_path.with_suffix(COUNTS_SUFFIX)
        return beside if beside.is_file() else None


@dataclass(frozen=True, kw_only=True)
class ModelParts:
    """The files of one model, before they are read."""

    options: Source
    weights: Source
    softmax: Source | None = None
    start_state: Source | None = None
    vocabulary: Source | None = None
    """Plain, or packed as ``.gz``."""
    counts: Content | None = None
    """Counts of its words, where it is a member of an archive; a file has them beside it."""
    info: Source | None = None
    pieces: Source | None = None
    """A SentencePiece model."""


def read_parts(parts: ModelParts) -> ModelFiles:
    """Reads the files of a model, each checked against the options.

    Raises:
        ModelError: Something does not fit together, or is not safe to read.
    """
    config, raw = read_options(parts.options)
    vocabulary_size = raw.get("n_tokens_vocab")
    softmax = None
    if parts.softmax is not None:
        softmax = read_softmax(parts.softmax, vocabulary_size, config.lstm.projection_dim)
    weights, inner_softmax = read_weights_and_softmax(parts.weights, config, vocabulary_size)
    if softmax is not None and inner_softmax is not None:
        raise ModelError(
            f"{parts.weights}: has a softmax, and so has {parts.softmax}", hint=f"take {parts.softmax} away"
        )
    vocabulary = parts.vocabulary
    if vocabulary is not None and str(vocabulary).endswith(".gz"):
        vocabulary = unpacked(vocabulary, largest=LARGEST_VOCABULARY)
    return ModelFiles(
        config=config,
        weights=weights,
        softmax=softmax or inner_softmax,
        start_state=_read_start_state(parts.start_state, config) if parts.start_state is not None else None,
        vocabulary_path=vocabulary if isinstance(vocabulary, Path) else None,
        vocabulary_content=vocabulary if isinstance(vocabulary, Content) else None,
        counts_content=parts.counts,
        pieces=parts.pieces,
        info=read_object(parts.info, largest=LARGEST_INFO) if parts.info is not None else {},
    )


def start_state_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of the datasets of ``start_state.hdf5``."""
    lstm = config.lstm
    return {"c": (lstm.layers, 2, lstm.cell_dim), "m": (lstm.layers, 2, lstm.projection_dim)}


def _read_start_state(source: Source, config: ModelConfig) -> tuple[np.ndarray, np.ndarray]:
    hint = "without start_state.hdf5 the model is complete too"
    arrays = hdf5.read_datasets(source, start_state_shapes(config), hint=hint)
    return arrays["c"], arrays["m"]
