"""Rows of a softmax: torch's version against autograd, Triton's against torch's."""

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from torch import Tensor

from elmo_cli.kernels import softmax_rows
from tests.kernels.interpreted import interpreted

BOUNDS = {torch.float64: 1e-12, torch.float32: 1e-5}
ROWS, CLASSES, WIDTH = 5, 13, 6


@pytest.fixture(scope="module")
def triton_module() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        yield interpreted("softmax_rows_triton", patch)


def draw(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def example(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits with gaps between their rows, biases of which some are absent, targets of both kinds, and their logits."""
    logits_NR = (3 * draw(ROWS, CLASSES + 3, seed=1, dtype=dtype))[:, :CLASSES]
    bias_R = draw(CLASSES, seed=2, dtype=dtype)
    bias_R[[2, 7]] = -torch.inf
    target_logits_N = draw(ROWS, seed=3, dtype=dtype)
    target_logits_N[4] = 25.0  # nearly certain
    return logits_NR, bias_R, torch.tensor([0, 2, 12, 7, 5]), target_logits_N


def run_losses(module: ModuleType, dtype: torch.dtype, slopes: Tensor | None) -> list[Tensor]:
    """Losses, and slopes where they are wanted; places to write begin as NaN."""
    losses_N = torch.full((ROWS,), torch.nan, dtype=dtype)
    module.losses(*example(dtype), losses_N, slopes)
    return [losses_N] if slopes is None else [losses_N, slopes]


def test_the_torch_version_is_cross_entropy_and_its_gradient() -> None:
    logits, bias, targets, own = example(torch.float64)
    losses_N, slopes_NR = run_losses(softmax_rows, torch.float64, torch.full((ROWS, CLASSES), torch.nan).double())
    x = (logits + bias).scatter(1, targets.unsqueeze(1), own.unsqueeze(1)).requires_grad_()
    expected = torch.nn.functional.cross_entropy(x, targets, reduction="none")
    torch.testing.assert_close(losses_N, expected.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(slopes_NR, torch.autograd.grad(expected.sum(), x)[0], rtol=0, atol=1e-12)
    assert not slopes_NR[0, [2, 7]].any()
    assert slopes_NR[1, 2] < 0


def test_the_torch_version_of_a_target_s_logit_is_a_product() -> None:
    hidden, weight, bias = draw(ROWS, WIDTH, seed=4), draw(CLASSES, WIDTH, seed=5), draw(CLASSES, seed=6)
    targets = torch.tensor([0, 2, 12, 7, 7])
    expected = (hidden @ weight.t() + bias)[torch.arange(ROWS), targets]
    torch.testing.assert_close(softmax_rows.target_logits(hidden, weight, bias, targets), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("whole", [16, 4], ids=["whole rows", "rows in stretches"])
@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
def test_triton_s_losses_and_slopes_are_torch_s(
    triton_module: ModuleType, dtype: torch.dtype, whole: int, in_place: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triton_module, "WHOLE", whole)
    monkeypatch.setattr(triton_module, "STRETCH", 4)
    expected = run_losses(softmax_rows, dtype, torch.full((ROWS, CLASSES), torch.nan, dtype=dtype))
    given = list(example(dtype))
    slopes_NR = given[0] if in_place else torch.full_like(given[0], torch.nan)
    losses_N = torch.full((ROWS,), torch.nan, dtype=dtype)
    triton_module.losses(*given, losses_N, slopes_NR)
    for one, other in zip([losses_N, slopes_NR], expected, strict=True):
        torch.testing.assert_close(one, other, rtol=BOUNDS[dtype], atol=BOUNDS[dtype])
    (alone,) = run_losses(triton_module, dtype, None)
    assert torch.equal(alone, losses_N)


def test_slopes_may_be_narrower_than_what_they_are_computed_in(triton_module: ModuleType) -> None:
    exact = run_losses(softmax_rows, torch.float64, torch.empty(ROWS, CLASSES, dtype=torch.float64))
    for module in (softmax_rows, triton_module):
        losses_N, slopes_NR = run_losses(module, torch.float32, torch.empty(ROWS, CLASSES, dtype=torch.bfloat16))
        torch.testing.assert_close(losses_N.double(), exact[0], rtol=0, atol=1e-5)
        # The interpreter cuts where a GPU rounds.
        torch.testing.assert_close(slopes_NR.double(), exact[1], rtol=2.0**-7, atol=1e-9)


def test_a_nearly_certain_target_keeps_the_digits_of_its_gradient(triton_module: ModuleType) -> None:
    exact = run_losses(softmax_rows, torch.float64, torch.empty(ROWS, CLASSES, dtype=torch.float64))[1][4, 5]
    slopes_NR = run_losses(triton_module, torch.float32, torch.empty(ROWS, CLASSES))[1]
    assert -1e-6 < exact < 0
    assert slopes_NR[4, 5].item() == pytest.approx(exact.item(), rel=1e-3)


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
def test_triton_s_targets_logits_are_torch_s(triton_module: ModuleType, dtype: torch.dtype) -> None:
    hidden = draw(ROWS, WIDTH + 2, seed=4, dtype=dtype)[:, :WIDTH]
    weight, bias = draw(CLASSES, WIDTH, seed=5, dtype=dtype), draw(CLASSES, seed=6, dtype=dtype)
    given = hidden, weight, bias, torch.tensor([0, 2, 12, 7, 7])
    found, expected = triton_module.target_logits(*given), softmax_rows.target_logits(*given)
    torch.testing.assert_close(found, expected, rtol=0, atol=BOUNDS[dtype])


def run_sums(module: ModuleType, dtype: torch.dtype, block: int) -> Tensor:
    """Losses by way of a running sum over blocks of classes."""
    logits, bias, targets, own = example(dtype)
    largest, total = own.clone(), torch.ones_like(own)
    for first in range(0, CLASSES, block):
        part = slice(first, first + block)
        module.add_to_sums(logits[:, part], bias[part].contiguous(), targets, first, largest, total)
    return largest + total.log() - own


@pytest.mark.parametrize("block", [1, 5, 100])
@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
def test_a_running_sum_ends_in_the_losses(
    triton_module: ModuleType, dtype: torch.dtype, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triton_module, "BLOCK", 8)
    (expected,) = run_losses(softmax_rows, torch.float64, None)
    for module in (softmax_rows, triton_module):
        found = run_sums(module, dtype, block)
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), expected, rtol=BOUNDS[dtype], atol=BOUNDS[dtype])


@pytest.mark.parametrize("rows", [1, 9, 50])
@pytest.mark.parametrize(
    ("stored", "dtype"),
    [(torch.float64, torch.float64), (torch.float32, torch.float32), (torch.bfloat16, torch.float32)],
    ids=str,
)
def test_sums_over_rows_are_a_product_with_the_weights(
    triton_module: ModuleType, rows: int, stored: torch.dtype, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triton_module, "COLUMNS", 8)
    monkeypatch.setattr(triton_module, "PARTS", 3)
    values = draw(rows, 14, seed=1).to(stored)[:, :CLASSES]
    weights = draw(rows, seed=2, dtype=dtype)
    expected = weights.double() @ values.double()
    for module in (softmax_rows, triton_module):
        found = module.column_sums(values, weights)
        assert found.dtype == dtype
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=BOUNDS[dtype] * rows)


def test_a_loss_that_is_no_number_stays_so(triton_module: ModuleType) -> None:
    for module in (softmax_rows, triton_module):
        for place in (0, 1):
            logits, losses_N = torch.zeros(1, 3), torch.zeros(1)
            logits[0, place] = torch.nan
            own = torch.full((1,), torch.nan) if place == 0 else torch.zeros(1)
            module.losses(logits, torch.zeros(3), torch.tensor([0]), own, losses_N, None)
            assert losses_N.isnan().all()
