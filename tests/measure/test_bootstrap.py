"""Intervals that contain what they should, as often as they should."""

import math

import numpy as np
import pytest

from elmo_cli.measure.bootstrap import UNITS, paired_difference, perplexity_interval


def _text(seed: int, sentences: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    targets = generator.integers(2, 40, size=sentences).astype(float)
    return targets * generator.normal(5.0, 0.8, size=sentences), targets


def test_the_interval_is_as_wide_as_the_theory_of_ratios_says() -> None:
    sums, targets = _text(1, 2_000)
    mean = sums.sum() / targets.sum()
    error = np.sqrt(((sums - mean * targets) ** 2).sum()) / targets.sum()
    interval = perplexity_interval(sums, targets)
    assert interval.low < math.exp(mean) < interval.high
    assert math.log(interval.high / interval.low) == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_it_covers_the_truth_in_about_95_of_100_texts() -> None:
    covered = 0
    for seed in range(100):
        sums, targets = _text(seed, 150)
        interval = perplexity_interval(sums, targets, samples=300)
        covered += interval.low <= math.exp(5.0) <= interval.high
    assert 88 <= covered <= 100


def test_it_is_the_same_every_time_and_another_by_another_seed() -> None:
    sums, targets = _text(2, 100)
    assert perplexity_interval(sums, targets) == perplexity_interval(sums, targets)
    assert perplexity_interval(sums, targets) != perplexity_interval(sums, targets, seed=2)


def test_long_texts_are_drawn_in_runs_of_sentences() -> None:
    sums, targets = _text(3, 3 * UNITS + 7)
    mean = sums.sum() / targets.sum()
    interval = perplexity_interval(sums, targets, samples=200)
    assert interval.low < math.exp(mean) < interval.high < math.exp(mean + 0.05)


def test_paired_sentences_tell_small_differences_apart() -> None:
    sums, targets = _text(4, 500)
    noise = np.random.default_rng(5).normal(0, 0.02, size=500) * targets
    better = sums - 0.01 * targets + noise
    difference = paired_difference(better, sums, targets)
    assert difference.loss == pytest.approx(((better - sums).sum()) / targets.sum())
    assert difference.low < difference.loss < difference.high < 0
    assert difference.p_value < 0.01
    # Unpaired, their intervals are one.
    first, second = perplexity_interval(better, targets), perplexity_interval(sums, targets)
    assert first.low < second.low < first.high


def test_equal_models_do_not_differ() -> None:
    sums, targets = _text(6, 400)
    noise = np.random.default_rng(7).normal(0, 0.02, size=400) * targets
    assert paired_difference(sums, sums, targets).p_value == 1.0
    assert paired_difference(sums + noise - noise.sum() / 400, sums, targets).p_value > 0.05
