"""How sure a perplexity is: the bootstrap over sentences (Efron 1979; paired: Koehn 2004).

Sentences are drawn with replacement, as many as there are, and the figure is computed again; the spread of many such
figures stands for the spread over texts of this kind.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SAMPLES = 1_000
"""Texts that are drawn."""

UNITS = 10_000
"""Sentences are drawn one by one up to this number, and in runs of neighbours where there are more."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where a perplexity lies, with the confidence given."""

    low: float
    high: float
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How one model's loss differs from another's on the same sentences."""

    loss: float
    """Mean loss of the first less that of the second, in nats per target; below 0 the first is better."""
    low: float
    high: float
    """Bounds of its 95 % interval."""
    p_value: float
    """Chance of a difference at least as far on the other side of 0, were there none: two-sided, never below
    2 / (samples + 1)."""


def perplexity_interval(
    sums_S: Floats, targets_S: Floats, *, confidence: float = 0.95, seed: int = 1, samples: int = SAMPLES
) -> Interval:
    """The percentile interval of exp(sum of losses / targets).

    Args:
        sums_S: Summed loss of each sentence, in nats.
        targets_S: Targets of each.
        confidence: Share of the samples inside.
        seed: Decides the samples.
        samples: How many.
    """
    sums_U, targets_U = _units(sums_S), _units(targets_S)
    losses = np.array([(times @ sums_U) / (times @ targets_U) for times in _draws(len(sums_U), seed, samples)])
    with np.errstate(over="ignore"):
        low, high = np.exp(np.quantile(losses, [(1 - confidence) / 2, (1 + confidence) / 2]))
    return Interval(low=float(low), high=float(high), confidence=confidence)


def paired_difference(
    first_S: Floats, second_S: Floats, targets_S: Floats, *, seed: int = 1, samples: int = SAMPLES
) -> Difference:
    """Compares two models on the same sentences, drawn together.

    Args:
        first_S: Summed loss of each sentence under one model, in nats.
        second_S: The same under the other.
        targets_S: What losses are divided by: targets, or bytes where vocabularies differ.
        seed: Decides the samples.
        samples: How many.
    """
    gaps_U, targets_U = _units(first_S - second_S), _units(targets_S)
    gaps = np.array([(times @ gaps_U) / (times @ targets_U) for times in _draws(len(gaps_U), seed, samples)])
    low, high = np.quantile(gaps, [0.025, 0.975])
    beyond = min((gaps <= 0).sum(), (gaps >= 0).sum())
    return Difference(
        loss=float((first_S - second_S).sum() / targets_S.sum()),
        low=float(low),
        high=float(high),
        p_value=min(1.0, 2 * (int(beyond) + 1) / (samples + 1)),
    )


def _units(values_S: Floats) -> Floats:
    if len(values_S) <= UNITS:
        return np.asarray(values_S, dtype=np.float64)
    begins = np.linspace(0, len(values_S), UNITS, endpoint=False).astype(np.int64)
    return np.add.reduceat(np.asarray(values_S, dtype=np.float64), begins)


def _draws(units: int, seed: int, samples: int) -> Iterator[Floats]:
    """How often each unit is drawn, text after text."""
    generator = np.random.default_rng(seed)
    for _ in range(samples):
        yield np.bincount(generator.integers(0, units, size=units), minlength=units).astype(np.float64)
