"""The negatives' law: log-uniform, without repetition, with known inclusion probabilities."""

import numpy as np
import pytest

from elmo_cli.model.sampler import draw_negatives, expected_counts, probabilities


def test_probabilities_are_log_uniform_and_sum_to_one() -> None:
    ids = np.arange(793_471)
    p = probabilities(ids, len(ids))
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert p[0] == pytest.approx(np.log(2) / np.log(793_472))
    # At the rare end the naive form in float32 is off by percents (reference/allennlp.md, 6.2).
    assert p[-1] * np.log(793_472) == pytest.approx(1 / 793_471.5, rel=1e-9)


@pytest.mark.parametrize(("V", "K"), [(1000, 50), (10_003, 512), (40, 30)])
def test_draws_are_distinct_in_range_and_a_function_of_the_seed(V: int, K: int) -> None:
    negatives = draw_negatives(K, V, seed=7)
    assert len(np.unique(negatives.ids_K)) == K
    assert negatives.ids_K.min() >= 0
    assert negatives.ids_K.max() < V
    assert negatives.tries >= K
    again = draw_negatives(K, V, seed=7)
    assert np.array_equal(again.ids_K, negatives.ids_K)
    assert again.tries == negatives.tries
    assert not np.array_equal(draw_negatives(K, V, seed=8).ids_K, negatives.ids_K)


@pytest.mark.parametrize(
    ("V", "K", "tries"), [(793_471, 8192, 16_050), (100_000, 8192, 21_300), (10_003, 8192, 80_000)]
)
def test_the_number_of_tries_is_the_references(V: int, K: int, tries: int) -> None:
    measured = np.mean([draw_negatives(K, V, seed).tries for seed in range(10)])
    assert measured == pytest.approx(tries, rel=0.02)


def test_inclusion_frequencies_are_the_expected_counts() -> None:
    V, K, draws = 500, 60, 4000
    included = np.zeros(V)
    expected = np.zeros(V)
    ids = np.arange(V)
    for seed in range(draws):
        negatives = draw_negatives(K, V, seed)
        included[negatives.ids_K] += 1
        expected += expected_counts(ids, negatives.tries, V)
    assert expected.sum() == pytest.approx(draws * K, rel=0.005)
    # Counts of a class over independent draws are binomial; four and a half deviations for any of 500 classes.
    deviation = np.sqrt(expected * (1 - expected / draws)) + 1
    assert (np.abs(included - expected) < 4.5 * deviation).all()


def test_log_expected_is_the_logarithm_of_the_inclusion_probability() -> None:
    negatives = draw_negatives(60, 500, seed=1)
    p = probabilities(np.array([0, 17, 499]), 500)
    expected = np.log(1 - (1 - p) ** negatives.tries)
    np.testing.assert_allclose(negatives.log_expected(np.array([0, 17, 499])), expected, rtol=1e-9)


@pytest.mark.parametrize("K", [0, 500, 501])
def test_asking_for_none_or_for_all_is_an_error(K: int) -> None:
    with pytest.raises(ValueError, match="can draw from 1 to 499 distinct ids of 500"):
        draw_negatives(K, 500, seed=1)
