"""Triton's kernels, compiled, against the torch versions; on the CPU the torch versions stand in for both."""

import pytest
import torch

from elmo_cli.kernels import adagrad_step, softmax_rows
from elmo_cli.kernels.character_sums import character_sums
from elmo_cli.kernels.choice import (
    TORCH,
    SoftmaxKernels,
    adagrad_kernels,
    character_sums_kernel,
    softmax_kernels,
    step_kernels,
    triton_wanted,
)
from elmo_cli.model.lstm import LstmLayer
from elmo_cli.model.lstm_fused import FusedLstm
from elmo_cli.model.precision import products_in
from elmo_cli.model.sampler import draw_negatives
from elmo_cli.model.softmax import TouchedRows, full_losses_chunked, sampled_losses
from tests.gpu.test_model import LAYERS, SIZES, assert_near, draw, randomise, slopes
from tests.model.test_softmax import plain_sampled_losses


def test_a_gpu_has_triton_s_kernels(device: torch.device) -> None:
    assert triton_wanted(device) == (device.type == "cuda")


@pytest.mark.parametrize("narrow", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("width", [1, 33, 4096])
@pytest.mark.parametrize("clip", [None, 0.3])
def test_the_cell_is_torch_s(device: torch.device, clip: float | None, width: int, narrow: torch.dtype) -> None:
    wide = torch.float64 if narrow == torch.float64 else torch.float32
    results = []
    for kernels, place in ((step_kernels(device), device), (TORCH, torch.device("cpu"))):
        gates = draw(2, 5, 4 * width, seed=1).to(place, narrow)
        old_cell, bias = draw(2, 5, width, seed=2).to(place, wide), draw(2, 4 * width, seed=3).to(place, wide)
        keep_B = (torch.arange(5) % 3 != 1).to(place, wide)
        cell, hidden = torch.empty_like(old_cell), torch.empty_like(gates[:, :, :width])
        kernels.cell_forward(gates, old_cell, keep_B, clip, cell, hidden, bias)
        grad_hidden, grad_cell = draw(2, 5, width, seed=4).to(place, narrow), draw(2, 5, width, seed=5).to(place, wide)
        grad_gates, again = torch.empty_like(gates), torch.empty_like(hidden)
        kernels.cell_backward(gates, old_cell, cell, keep_B, clip, grad_hidden, grad_cell, grad_gates, again)
        results.append([part.cpu() for part in (gates, cell, hidden, grad_cell, grad_gates, again)])
    bound = {torch.float64: 1e-9, torch.float32: 1e-5, torch.bfloat16: 2.0**-6}[narrow]
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=bound, atol=bound)


@pytest.mark.parametrize("lengths", SIZES)
@pytest.mark.parametrize("name", LAYERS)
def test_bf16_stays_near_float64_and_keeps_float32(device: torch.device, name: str, lengths: str) -> None:
    config, sizes = LAYERS[name], SIZES[lengths]
    results = []
    for dtype, precision in ((torch.float32, "bf16"), (torch.float64, "fp32")):
        layer = LstmLayer(config.projection_dim, config).to(device, dtype)
        randomise(layer, 0.2)
        inputs = draw(2, sum(sizes), config.projection_dim, seed=3).to(device, dtype).requires_grad_()
        state = [draw(2, sizes[0], dim, seed=4).to(device, dtype) for dim in (config.cell_dim, config.projection_dim)]
        with products_in(precision):
            outputs = FusedLstm.apply(
                inputs, layer.kernel, layer.bias, layer.projection, *state, tuple(sizes), None, None, None, None
            )
            gradients = slopes(outputs, [inputs, *layer.parameters()])
        results.append([*outputs, *gradients])
    for narrow, exact in zip(*results, strict=True):
        assert narrow.dtype == torch.float32
        assert (narrow.double() - exact).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize(("types", "filters", "width"), [(1, 1, 1), (300, 70, 3), (1000, 256, 7)])
def test_sums_by_character_are_torch_s(device: torch.device, types: int, filters: int, width: int) -> None:
    generator = torch.Generator().manual_seed(types)
    chars_UW = torch.randint(0, 261, (types, 30), generator=generator)
    at_UF = torch.randint(0, 31 - width, (types, filters), generator=generator)
    grad_UF = draw(types, filters, seed=1)
    expected = character_sums(chars_UW, at_UF, grad_UF, width, 261)
    sums = character_sums_kernel(device)
    found = sums(chars_UW.to(device), at_UF.to(device), grad_UF.to(device), width, 261)
    assert_near([found], [expected], 1e-9)
    single = sums(chars_UW.to(device), at_UF.to(device), grad_UF.to(device, torch.float32), width, 261)
    assert_near([single], [expected], 1e-5)
    again = sums(chars_UW.to(device), at_UF.to(device), grad_UF.to(device, torch.float32), width, 261)
    assert torch.equal(single, again)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("classes", [1, 300, 13_312, 33_000])
def test_losses_by_rows_are_torch_s(device: torch.device, classes: int, dtype: torch.dtype) -> None:
    results = []
    kinds = [(softmax_kernels(device), device, dtype), (SoftmaxKernels.of(softmax_rows), "cpu", torch.float64)]
    for kernels, place, number in kinds:
        logits, bias, own = (draw(*shape, seed=1).to(place, number) for shape in ((5, classes), (classes,), (5,)))
        bias[1::3] = -torch.inf
        targets = (torch.arange(5) * 7 % classes).to(place)
        slopes, losses = torch.empty_like(logits), torch.empty_like(own)
        kernels.losses(logits, bias, targets, own, losses, slopes)
        largest, total = own.clone(), torch.ones_like(own)
        kernels.add_to_sums(logits, bias, targets, 0, largest, total)
        targets_logits = kernels.target_logits(logits, logits, bias.nan_to_num(neginf=0.0), targets % 5)
        results.append([losses, slopes, largest + total.log() - own, kernels.column_sums(logits, own), targets_logits])
    bound = {torch.float64: 1e-9, torch.float32: 1e-4}[dtype]
    assert_near(results[0], [part.double() for part in results[1]], bound)


@pytest.mark.parametrize(("precision", "bound"), [("fp32", 1e-5), ("bf16", 0.01)])
def test_the_sampled_softmax_is_the_plain_one(device: torch.device, precision: str, bound: float) -> None:
    positions, classes, width = 300, 2000, 64
    targets = torch.arange(positions).numpy() * 5 % classes
    negatives = draw_negatives(500, classes, seed=1)
    cpu_rows = TouchedRows.of(targets, negatives, torch.device("cpu"))
    hidden, weight, bias = draw(positions, width, seed=1), draw(len(cpu_rows.ids_R), width, seed=2), None
    bias = draw(len(cpu_rows.ids_R), seed=3)
    exact = [value.clone().requires_grad_() for value in (hidden, weight / 4, bias)]
    expected = plain_sampled_losses(*exact, cpu_rows)
    single = [value.detach().to(device, torch.float32).requires_grad_() for value in exact]
    with products_in(precision):
        losses = sampled_losses(*single, TouchedRows.of(targets, negatives, device))
    found = [losses, *torch.autograd.grad(losses.mean(), single)]
    for one, other in zip(found, [expected, *torch.autograd.grad(expected.mean(), exact)], strict=True):
        assert (one.detach().cpu().double() - other.detach()).norm() < bound * other.norm()


@pytest.mark.parametrize(("precision", "bound"), [("fp32", 1e-6), ("bf16", 2e-3)])
def test_the_chunked_softmax_has_the_precision_that_was_asked_for(
    device: torch.device, precision: str, bound: float
) -> None:
    hidden, weight, bias = draw(300, 512, seed=1), draw(9000, 512, seed=2) / 8, draw(9000, seed=3)
    targets = torch.arange(300) * 29
    exact = torch.nn.functional.cross_entropy(hidden @ weight.t() + bias, targets, reduction="none")
    with products_in(precision):
        found = full_losses_chunked(*(value.float().to(device) for value in (hidden, weight, bias)), targets.to(device))
    difference = (found.cpu().double() - exact).norm()
    assert difference < bound * exact.norm()
    if device.type == "cuda" and precision == "bf16":
        assert difference > 1e-6 * exact.norm()


@pytest.mark.parametrize("shape", [(5,), (3000, 512), (70, 9)], ids=str)
def test_a_step_of_adagrad_is_torch_s(device: torch.device, shape: tuple[int, ...]) -> None:
    results = []
    for kernels, place in ((adagrad_kernels(device) or adagrad_step, device), (adagrad_step, torch.device("cpu"))):
        value, total, gradient = (draw(*shape, seed=seed).float().to(place) for seed in (1, 2, 3))
        total, factor = total.abs() + 1, torch.tensor(0.3, device=place)
        kernels.whole(value, total, gradient, factor, 0.2)
        ids_R = (torch.arange(shape[0] // 2) * 2).to(place)
        kernels.rows(value, total, ids_R, gradient[: len(ids_R)], factor, 0.2)
        results.append([value.cpu(), total.cpu()])
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-6)
