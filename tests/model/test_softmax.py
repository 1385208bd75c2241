"""Sampled and full softmax against the NumPy reference, and the one against the other."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from elmo_cli.model import softmax
from elmo_cli.model.sampler import Negatives, draw_negatives
from elmo_cli.model.softmax import Softmax, TouchedRows, full_losses, full_losses_chunked, sampled_losses
from tests import numpy_elmo as reference

CPU = torch.device("cpu")
V, D, N, K = 50, 6, 40, 12


def example() -> tuple[torch.Tensor, np.ndarray, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(1)
    hidden, weight, bias = rng.normal(size=(N, D)), rng.normal(size=(V, D)), rng.normal(size=V)
    targets = rng.integers(0, V, size=N)
    return torch.from_numpy(hidden), targets, torch.from_numpy(weight), torch.from_numpy(bias)


def test_sampled_losses_are_those_of_the_numpy_reference_accidental_hits_removed() -> None:
    hidden, targets, weight, bias = example()
    negatives = draw_negatives(K, V, seed=3)
    assert np.isin(targets, negatives.ids_K).any(), "the example must contain hits"
    rows = TouchedRows.of(targets, negatives, CPU)
    got = sampled_losses(hidden, weight[rows.ids_R], bias[rows.ids_R], rows)
    expected = reference.sampled_losses(
        hidden.numpy(),
        targets,
        weight.numpy(),
        bias.numpy(),
        sampled_K=negatives.ids_K,
        expected_V=reference.expected_counts(V, negatives.tries),
    )
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=1e-5)  # log expected counts travel in float32


def plain_sampled_losses(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, rows: TouchedRows
) -> torch.Tensor:
    """Step by step, with autograd doing the rest."""
    corrected = bias - rows.log_expected_R
    target = (hidden * weight[rows.targets_N]).sum(1) + corrected[rows.targets_N]
    logits = hidden @ weight[rows.negatives_K].t() + corrected[rows.negatives_K]
    hits = rows.targets_N.unsqueeze(1) == rows.negatives_K
    others = logits.masked_fill(hits, float("-inf"))
    return torch.logsumexp(torch.cat([target.unsqueeze(1), others], dim=1), dim=1) - target


def assert_losses_and_gradients_are_plain(sampled: bool, positions: int) -> torch.Tensor:
    """Compares the operation with torch's own on the first positions of the example; gives its losses."""
    hidden, targets, weight, bias = example()
    hidden, targets = hidden[:positions], targets[:positions]
    rows = TouchedRows.of(targets, draw_negatives(K, V, seed=3), CPU)
    if sampled:
        weight, bias = weight[rows.ids_R], bias[rows.ids_R]
    leaves = [value.clone().requires_grad_() for value in (hidden, weight, bias)]
    if sampled:
        got, expected = sampled_losses(*leaves, rows), plain_sampled_losses(*leaves, rows)
    else:
        at = torch.from_numpy(targets)
        got = full_losses(*leaves, at)
        expected = torch.nn.functional.cross_entropy(leaves[0] @ leaves[1].t() + leaves[2], at, reduction="none")
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    slope = torch.linspace(-1, 2, positions, dtype=torch.float64)
    for _ in range(2):  # what was kept must outlive a first gradient
        gradients = torch.autograd.grad(got, leaves, slope, retain_graph=True)
    for gradient, plain in zip(gradients, torch.autograd.grad(expected, leaves, slope), strict=True):
        torch.testing.assert_close(gradient, plain, rtol=0, atol=1e-12)
    return got


@pytest.mark.parametrize("block", [1, 7 * V, 1 << 24])
@pytest.mark.parametrize("kept", [0, 1 << 30])
@pytest.mark.parametrize("sampled", [True, False])
def test_losses_and_gradients_are_those_of_the_plain_form(
    block: int, kept: int, sampled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax, "BLOCK", block)
    monkeypatch.setattr(softmax, "LEAST_POSITIONS", 3)
    monkeypatch.setattr(softmax, "KEPT", kept)
    assert_losses_and_gradients_are_plain(sampled, N)


def test_the_full_softmax_never_holds_positions_times_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax, "BLOCK", 1 << 14)
    positions, classes = 2048, 256
    hidden = torch.randn(positions, 4, requires_grad=True)
    weight, bias = torch.randn(classes, 4, requires_grad=True), torch.zeros(classes, requires_grad=True)
    targets = torch.arange(positions) % classes
    with LargestTensor() as largest:
        losses = full_losses(hidden, weight, bias, targets)
        losses.mean().backward()
    assert 0 < largest.numbers <= 1 << 14
    assert losses.grad_fn is not None
    assert losses.grad_fn.kept is None
    with LargestTensor() as largest, torch.no_grad():
        monkeypatch.setattr(softmax, "CPU_BLOCK", (64, 64))
        full_losses_chunked(hidden, weight, bias, targets)
    assert 0 < largest.numbers <= hidden.numel()


class LargestTensor(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that any operation gives."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else [result]:
            if isinstance(value, torch.Tensor):
                self.numbers = max(self.numbers, value.numel())
        return result


def test_touched_rows_are_targets_and_negatives_each_once() -> None:
    targets = np.array([4, 9, 4])
    rows = TouchedRows.of(targets, Negatives(np.array([9, 0, 7]), 5, V), CPU)
    assert rows.ids_R.tolist() == [0, 4, 7, 9]
    assert rows.ids_R[rows.targets_N].tolist() == [4, 9, 4]
    assert rows.ids_R[rows.negatives_K].tolist() == [9, 0, 7]
    assert rows.column_R.tolist() == [1, -1, 2, 0]


def test_the_mean_sampled_gradient_approaches_the_full_one_as_the_sample_grows() -> None:
    hidden, targets, weight, bias = example()
    hidden.requires_grad_()
    full = torch.autograd.grad(full_losses(hidden, weight, bias, torch.from_numpy(targets)).mean(), hidden)[0]

    def distance(count: int, draws: int) -> float:
        total = torch.zeros_like(hidden)
        for seed in range(draws):
            rows = TouchedRows.of(targets, draw_negatives(count, V, seed), CPU)
            losses = sampled_losses(hidden, weight[rows.ids_R], bias[rows.ids_R], rows)
            total += torch.autograd.grad(losses.mean(), hidden)[0]
        return float((total / draws - full).norm() / full.norm())

    few, many, most = distance(12, 400), distance(30, 400), distance(46, 400)
    assert many < few
    assert most < many / 3
    assert most < 0.03


@pytest.mark.parametrize("block", [(1, 1), (7, 9), (N, V), (1000, 1000)])
def test_chunked_and_whole_softmax_agree(block: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, targets, weight, bias = example()
    monkeypatch.setattr(softmax, "CPU_BLOCK", block)
    got = full_losses_chunked(hidden, weight, bias, torch.from_numpy(targets))
    whole = full_losses(hidden, weight, bias, torch.from_numpy(targets))
    torch.testing.assert_close(got, whole, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        whole.numpy(),
        reference.full_losses(hidden.numpy(), targets, weight.numpy(), bias.numpy()),
        rtol=0,
        atol=1e-12,
    )


def test_fresh_class_weights_follow_the_reference() -> None:
    fresh = Softmax(4000, 64)
    fresh.reset_parameters(torch.Generator().manual_seed(1))
    assert fresh.weight_VD.std().item() == pytest.approx(0.125, rel=0.01)
    assert not fresh.bias_V.any()
