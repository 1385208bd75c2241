"""Triton's kernels, compiled, against the torch versions; on the CPU the torch versions stand in for both."""

import pytest
import torch

from elmo_cli.kernels.character_sums import character_sums
from elmo_cli.kernels.choice import TORCH, character_sums_kernel, step_kernels, triton_wanted
from elmo_cli.model.lstm import LstmLayer
from elmo_cli.model.lstm_fused import FusedLstm
from elmo_cli.model.precision import products_in
from tests.gpu.test_model import LAYERS, SIZES, assert_near, draw, randomise, slopes


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
