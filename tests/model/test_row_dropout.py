"""Dropout by rows: whoever computes a row, it loses the same values."""

import itertools

import pytest
import torch

from elmo_cli.model import row_dropout
from elmo_cli.model.row_dropout import ROWS_AT_ONCE, RowDropout
from elmo_cli.seeds import derive_seed

STEPS, DIM = 3, 5


def by_rows(values_GND: torch.Tensor, rows: int) -> torch.Tensor:
    return values_GND.view(2, -1, rows, DIM)


@pytest.mark.parametrize(
    "bounds", [(0, 8, 19), (0, 5, 6, 19), tuple(range(20)), (0, 19), (0, 100, 200), (0, 13, 26, 27, 200)]
)
def test_parts_of_a_batch_lose_what_the_whole_loses(bounds: tuple[int, ...]) -> None:
    rows = bounds[-1]
    whole = RowDropout(0.4, 7, begin=0, end=rows, rows=rows)
    expected = [by_rows(whole(torch.ones(2, STEPS * rows, DIM)), rows) for _ in range(2)]
    for begin, end in itertools.pairwise(bounds):
        part = RowDropout(0.4, 7, begin=begin, end=end, rows=rows)
        for one in expected:
            found = by_rows(part(torch.ones(2, STEPS * (end - begin), DIM)), end - begin)
            assert torch.equal(found, one[:, :, begin:end])


def test_every_call_every_row_and_every_seed_have_their_own_mask() -> None:
    rows = 2 * ROWS_AT_ONCE
    drop = RowDropout(0.5, 1, begin=0, end=rows, rows=rows)
    first, second = (by_rows(drop(torch.ones(2, 40 * rows, DIM)), rows) for _ in range(2))
    other = by_rows(RowDropout(0.5, 2, begin=0, end=rows, rows=rows)(torch.ones(2, 40 * rows, DIM)), rows)
    masks = [mask[:, :, row] for mask in (first, second, other) for row in range(rows)]
    for number, mask in enumerate(masks):
        assert not any(torch.equal(mask, earlier) for earlier in masks[:number])


@pytest.mark.parametrize(("rows", "draws"), [(1, 1), (16, 2), (128, 16), (512, 16), (515, 16)])
def test_a_large_batch_takes_no_more_draws(rows: int, draws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def noted(*parts: int) -> int:
        seeds.append(derive_seed(*parts))
        return seeds[-1]

    monkeypatch.setattr(row_dropout, "derive_seed", noted)
    RowDropout(0.5, 1, begin=0, end=rows, rows=rows).mask(torch.ones(1), (2, rows, DIM))
    assert len(set(seeds)) == len(seeds) == draws


def test_the_mean_stays_and_the_gradient_passes_where_the_value_does() -> None:
    values = torch.ones(2, 100 * 16, 50, requires_grad=True)
    before = torch.get_rng_state()
    dropped = RowDropout(0.25, 3, begin=0, end=16, rows=16)(values)
    assert torch.equal(torch.get_rng_state(), before)
    assert dropped.detach().unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())
