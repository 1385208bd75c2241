"""How near vectors of a lower precision come to those of float32, on some of the sentences that are wanted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from elmo_cli.errors import ConfigError
from elmo_cli.flows.models.loaded import LoadedModel
from elmo_cli.flows.vectors.embedding import Sentence, SentenceEmbedder
from elmo_cli.model.lstm import LstmState

LEAST_COSINE = 0.99
"""Vectors of int8 are refused where one of the sample is farther from float32 than this."""

SAMPLE_TOKENS = 500
"""Words of the sample, about; each is computed twice more."""


@dataclass(frozen=True)
class Agreement:
    """Cosines of the LSTM layers' vectors to those of float32."""

    precision: str
    tokens: int
    """Of the sample."""
    worst: float
    """Over all tokens and layers."""
    mean: float

    def __str__(self) -> str:
        return (
            f"{self.precision}: the worst cosine to float32 is {self.worst:.4f}, the mean {self.mean:.4f} "
            f"({self.tokens:,} words of this text, every layer of the LSTMs)"
        )

    def check(self) -> None:
        """Refuses what is too far away.

        Raises:
            ConfigError: The worst cosine is below :data:`LEAST_COSINE`.
        """
        if self.worst < LEAST_COSINE:
            raise ConfigError(
                f"precision {self}, and at least {LEAST_COSINE} was expected",
                hint="this model does not bear it: take --precision fp32, or --precision bf16",
            )


def measure_agreement(model: LoadedModel, start: LstmState, sentences: Iterable[Sentence]) -> Agreement | None:
    """Compares a model's own precision with float32 on a sample of sentences; None where no sentence has words.

    Args:
        model: The model. Its caches are not touched, so that vectors stay a function of the text.
        start: What each sentence begins from.
        sentences: Sentences of the text. A sample is spread evenly over them, long ones cut.
    """
    sample = spread_sample(list(sentences))
    if not sample:
        return None
    lower, exact = SentenceEmbedder(model, start), SentenceEmbedder(replace(model, precision="fp32"), start)
    exact.word_vectors = lower.word_vectors  # what the LSTMs read is the same
    cosines = [
        _cosines(one[1:], other[1:]).ravel()
        for one, other in zip(lower.embed(sample, SAMPLE_TOKENS), exact.embed(sample, SAMPLE_TOKENS), strict=True)
    ]
    all_cosines = np.concatenate(cosines)
    return Agreement(model.precision, sum(map(len, sample)), float(all_cosines.min()), float(all_cosines.mean()))


def spread_sample(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Sentences of about :data:`SAMPLE_TOKENS` words together, evenly spaced; of a long one its beginning."""
    sentences = [sentence[:SAMPLE_TOKENS] for sentence in sentences if sentence]
    total = sum(map(len, sentences))
    every = max(1, total // SAMPLE_TOKENS)
    return sentences[::every]


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return np.divide((one * other).sum(-1), lengths, out=np.ones_like(lengths), where=lengths > 0)
