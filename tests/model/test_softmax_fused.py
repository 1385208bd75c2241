"""The GPU's order of the softmax against the plain form, with torch's kernels and with interpreted Triton's."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from elmo_cli.kernels import softmax_rows
from elmo_cli.kernels.choice import SoftmaxKernels
from elmo_cli.model import softmax, softmax_fused
from elmo_cli.model.precision import products_in
from elmo_cli.model.sampler import draw_negatives
from elmo_cli.model.softmax import TouchedRows, full_losses, full_losses_chunked, sampled_losses
from tests.kernels.interpreted import interpreted
from tests.model.test_softmax import (
    CPU,
    K,
    LargestTensor,
    V,
    assert_losses_and_gradients_are_plain,
    example,
    plain_sampled_losses,
)


@pytest.fixture(scope="module", params=["torch", "triton"])
def kernels(request: pytest.FixtureRequest) -> Iterator[SoftmaxKernels]:
    with pytest.MonkeyPatch.context() as patch:
        module = softmax_rows if request.param == "torch" else interpreted("softmax_rows_triton", patch)
        yield SoftmaxKernels.of(module)


@pytest.fixture
def fused(kernels: SoftmaxKernels, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU takes the GPU's order."""
    monkeypatch.setattr(softmax, "steps_are_fused", lambda _: True)
    monkeypatch.setattr(softmax_fused, "softmax_kernels", lambda _: kernels)
    monkeypatch.setattr(softmax_fused, "MULTIPLE", 1)


@pytest.fixture
def rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in bf16 are a GPU's: of rounded numbers, summed and stored in float32."""

    def product(a: Tensor, b: Tensor, precision: str, *, plus: Tensor | None = None, out: Tensor | None = None) -> Any:
        if precision == "bf16":
            a, b = a.bfloat16().float(), b.bfloat16().float()
        return torch.mm(a, b, out=out) if plus is None else torch.addmm(plus, a, b, out=out)

    monkeypatch.setattr(softmax_fused, "product", product)
    monkeypatch.setattr(softmax_fused, "operand", lambda a, precision: a.bfloat16() if precision == "bf16" else a)


@pytest.mark.usefixtures("fused")
@pytest.mark.parametrize("block", [1, 5 * V, 1 << 24], ids=["single positions", "blocks", "one block"])
@pytest.mark.parametrize("kept", [0, 1 << 30], ids=["computed again", "kept"])
@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "full"])
def test_losses_and_gradients_are_those_of_the_plain_form(
    block: int, kept: int, sampled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax_fused, "BLOCK", block)
    monkeypatch.setattr(softmax, "KEPT", kept)
    got = assert_losses_and_gradients_are_plain(sampled, positions=3 if block == 1 else 9)
    assert got.grad_fn is not None
    assert (got.grad_fn.kept is not None) == bool(sampled and kept)


@pytest.mark.usefixtures("fused", "rounding")
@pytest.mark.parametrize("kept", [0, 1 << 30], ids=["computed again", "kept"])
@pytest.mark.parametrize(("precision", "bound"), [("fp32", 1e-6), ("bf16", 5e-3)])
def test_gradients_in_a_precision_stay_near_float64(
    precision: str, bound: float, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax, "KEPT", kept)
    hidden, targets, weight, bias = example()
    rows = TouchedRows.of(targets, draw_negatives(K, V, seed=3), CPU)
    exact = [value.requires_grad_() for value in (hidden, weight[rows.ids_R], bias[rows.ids_R])]
    single = [value.detach().float().requires_grad_() for value in exact]
    expected = torch.autograd.grad(plain_sampled_losses(*exact, rows).mean(), exact)
    with products_in(precision):
        loss = sampled_losses(*single, rows).mean()
    assert loss.grad_fn is not None
    for found, wanted in zip(torch.autograd.grad(loss, single), expected, strict=True):
        assert found.dtype == torch.float32
        assert (found.double() - wanted).norm() < bound * wanted.norm()


@pytest.mark.usefixtures("fused", "rounding")
@pytest.mark.parametrize("full", [False, True], ids=["sampled", "by blocks"])
@pytest.mark.parametrize(("precision", "bound"), [("fp32", 1e-6), ("bf16", 1e-3)])
def test_losses_in_a_precision_stay_near_float64(
    precision: str, bound: float, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax, "GPU_BLOCK", (24, 64))
    generator = torch.Generator().manual_seed(1)
    hidden, weight = (torch.randn(count, 512, generator=generator).double() for count in (30, 120))
    weight, bias = weight * (3 / 512**0.5), torch.linspace(1, -6, 120).double()
    targets = torch.arange(30) * 3 % 120
    rows = TouchedRows.of(targets.numpy(), draw_negatives(40, 120, seed=1), CPU)
    if not full:
        weight, bias = weight[rows.ids_R], bias[rows.ids_R]
    single = [value.float() for value in (hidden, weight, bias)]
    with products_in(precision):
        if full:
            exact = torch.nn.functional.cross_entropy(hidden @ weight.t() + bias, targets, reduction="none")
            losses = full_losses_chunked(*single, targets)
        else:
            exact = plain_sampled_losses(hidden, weight, bias, rows)
            losses = sampled_losses(*single, rows)
    assert losses.dtype == torch.float32
    assert (losses.double() - exact).norm() < bound * exact.norm()
    assert losses.double().mean().item() == pytest.approx(exact.mean().item(), rel=bound)


@pytest.mark.usefixtures("fused")
@pytest.mark.parametrize("block", [(7, 29), (1000, 1000)])
def test_the_chunked_softmax_is_the_whole_one(block: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, targets, weight, bias = example()
    hidden, targets = hidden[:9], targets[:9]
    monkeypatch.setattr(softmax, "GPU_BLOCK", block)
    found = full_losses_chunked(hidden, weight, bias, torch.from_numpy(targets))
    expected = torch.nn.functional.cross_entropy(
        hidden @ weight.t() + bias, torch.from_numpy(targets), reduction="none"
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("fused")
def test_the_backward_has_no_float32_numbers_for_all_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bf16, products read what the forward has stored in bfloat16."""
    leaves = [torch.randn(30, 4), torch.randn(20, 4), torch.zeros(20)]
    for leaf in leaves:
        leaf.requires_grad_()
    sums = softmax_fused.softmax_kernels(CPU)._replace(column_sums=lambda values, weights: torch.zeros(20))
    monkeypatch.setattr(softmax_fused, "softmax_kernels", lambda _: sums)
    with products_in("bf16"):
        losses = softmax_fused.FusedLosses.apply(*leaves, torch.arange(30) % 20, None, 1 << 20)
    assert losses.grad_fn.kept.dtype == torch.bfloat16
    with LargestOfFloat32() as largest:
        losses.mean().backward()
    assert 0 < largest.numbers < 30 * 20


class LargestOfFloat32(LargestTensor):
    """The same among results in float32."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = self.numbers
        result = super().__torch_dispatch__(function, types, args, kwargs)
        if isinstance(result, Tensor) and result.dtype != torch.float32:
            self.numbers = before
        return result


@pytest.mark.usefixtures("fused")
def test_no_positions_have_no_losses_and_no_gradient() -> None:
    leaves = [torch.zeros(0, 4), torch.randn(6, 4), torch.randn(6)]
    for leaf in leaves:
        leaf.requires_grad_()
    losses = full_losses(*leaves, torch.zeros(0, dtype=torch.long))
    assert losses.shape == (0,)
    hidden, weight, bias = torch.autograd.grad(losses.sum(), leaves)
    assert hidden.shape == (0, 4)
    assert not weight.any() and not bias.any()


def test_a_cpu_keeps_its_own_order() -> None:
    hidden, targets, weight, bias = example()
    losses = full_losses(hidden.requires_grad_(), weight, bias, torch.from_numpy(targets))
    assert "Fused" not in type(losses.grad_fn).__name__
