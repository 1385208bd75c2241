"""Random numbers that are functions of names and numbers."""

import numpy as np

from elmo_cli.seeds import derive_seed, uniform_at


def test_seeds_differ_in_every_part() -> None:
    seeds = [
        derive_seed(*parts) for parts in ((1, "a", 2), (1, "a", 3), (1, "b", 2), (2, "a", 2), (12, "a"), (1, "2a"))
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_uniform_numbers_are_uniform_and_the_same_in_any_company() -> None:
    numbers = np.arange(100_000)
    values = uniform_at(numbers, seed=5)
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, bins=20, range=(0, 1))[0]
    assert np.abs(counts - 5000).max() < 5 * 5000**0.5
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.02
    assert uniform_at(numbers[7:8], seed=5)[0] == values[7]
    assert uniform_at(numbers[:50], seed=6).tolist() != values[:50].tolist()
