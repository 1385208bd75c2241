"""The search for the largest number of rows, on made-up memories."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.flows.pretraining.fit_rows import MOST_TRIALS, Search, search_rows

Memory = Callable[[int], int | None]


def search(memory: Memory, *, start: int, most: int, budget: int) -> Search:
    def attempt(rows: int) -> Iterator[int]:
        yield from ()
        return memory(rows)

    flow = search_rows(attempt, start=start, most=most, budget=budget)
    while True:
        try:
            next(flow)
        except StopIteration as end:
            return end.value


def test_a_line_is_found_at_once() -> None:
    found = search(lambda rows: 1000 + 50 * rows, start=32, most=10_000, budget=11_000)
    assert found.rows == 200
    assert found.trials == [(8, 1400), (16, 1800), (200, 11_000)]
    assert found.line == (1000, 50)


def test_less_than_a_line_is_gone_on_from() -> None:
    found = search(lambda rows: 1000 + round(400 * rows**0.8), start=32, most=10_000, budget=100_000)
    assert 0.93 * 100_000 <= 1000 + 400 * found.rows**0.8 <= 100_000


def test_more_than_a_line_is_taken_back() -> None:
    found = search(lambda rows: 1000 + rows**2, start=32, most=10_000, budget=11_000)
    assert 1000 + found.rows**2 <= 11_000
    assert found.rows >= 60


def test_running_out_of_memory_says_where_it_ends() -> None:
    found = search(lambda rows: None if rows > 150 else 1000 + 50 * rows, start=32, most=10_000, budget=50_000)
    assert 100 <= found.rows <= 150
    assert any(taken is None for _, taken in found.trials)


def test_the_text_may_be_what_ends_first() -> None:
    found = search(lambda rows: 1000 + 50 * rows, start=64, most=24, budget=10**9)
    assert found.rows == 24
    assert all(rows <= 24 for rows, _ in found.trials)


def test_a_line_is_not_trusted_far_beyond_what_was_tried() -> None:
    found = search(lambda rows: 1000 if rows < 100 else 1000 + 50 * rows, start=8, most=10**6, budget=10**5)
    tried = [rows for rows, _ in found.trials]
    assert all(later <= 16 * max(tried[: place + 1]) for place, later in enumerate(tried[1:]))
    assert 1500 <= found.rows <= 1980


@pytest.mark.parametrize("start", [1, 2, 64])
def test_where_nothing_fits_nothing_is_found(start: int) -> None:
    assert search(lambda rows: 1000 + 50 * rows, start=start, most=64, budget=900).rows == 0
    assert search(lambda rows: None, start=start, most=64, budget=900).rows == 0


@given(
    st.integers(0, 10**9),
    st.integers(1, 10**8),
    st.floats(0.5, 1.5),
    st.integers(1, 4096),
    st.integers(1, 4096),
    st.integers(1, 10**11),
)
def test_what_is_found_was_tried_and_fitted(
    fixed: int, per_row: int, power: float, start: int, most: int, budget: int
) -> None:
    found = search(lambda rows: fixed + int(per_row * rows**power), start=start, most=most, budget=budget)
    assert len(found.trials) <= MOST_TRIALS
    assert all(1 <= rows <= most for rows, _ in found.trials)
    if found.rows:
        assert dict(found.trials)[found.rows] <= budget
