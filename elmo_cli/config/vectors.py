"""What ``elmo embed`` makes of a model's layers, and what it writes them to."""

from dataclasses import dataclass

from elmo_cli.config.checks import require

POOLINGS = ("mean", "max", "first-last")


@dataclass(frozen=True, kw_only=True)
class VectorConfig:
    """Which vectors, and in what kind of file."""

    layers: str = "all"
    """``all`` (L, n, E); one vector per token, (n, E), for ``top``, ``average``, a layer's number (0 is the token
    layer) and ``weighted``, a sum of all layers."""
    weights: tuple[float, ...] | None = None
    """With ``weighted``: what each layer is multiplied by, the token layer first. None takes the mix that the model
    learned."""
    gamma: float | None = None
    """What the sum is multiplied by: 1 beside ``weights``, the learned one beside a learned mix."""
    word_types: bool = False
    """Whether a token gets the vector of its word without any context, (n, D): the token layer, once."""
    sentence_vectors: str | None = None
    """One vector per sentence, as if it were a single token: ``mean``, ``max`` (of each number), or ``first-last`` (the
    forward half of the last token and the backward half of the first, which have each read the whole sentence)."""
    normalize: bool = False
    """Whether every vector is scaled to length 1."""
    layout: str = "allennlp"
    """``allennlp``, ``bilm``, ``manylangs`` or ``flat``."""
    format: str = "hdf5"
    """``hdf5``; with ``flat`` also ``npy``, ``safetensors`` or ``parquet``."""
    dtype: str = "float32"
    """``float32``, ``float16``, or ``bfloat16-rounded``: float32 with 16 bits of zeros."""
    compression: str | None = None
    """``gzip``, ``lzf`` or none."""
    sentence_keys: bool = False
    """With ``allennlp``: whether sentences are the keys, in the place of line numbers."""
    forget_sentences: bool = False
    """Whether the text of sentences is left out."""

    def __post_init__(self) -> None:
        given = self.weights is not None or self.gamma is not None
        poolings = (None, *POOLINGS[:2]) if self.word_types else (None, *POOLINGS)
        known = ", ".join(map(str, poolings[1:]))
        require(
            "vectors",
            (not given or self.layers == "weighted", f"weights and gamma belong to layers weighted, not {self.layers}"),
            (
                not self.word_types or self.layers == "all",
                f"word_types has one layer, and layers {self.layers} is given",
            ),
            (
                self.sentence_vectors in poolings,
                f"sentence_vectors{' of word_types' if self.word_types else ''} must be one of {known}: "
                f"{self.sentence_vectors!r}",
            ),
        )
