"""The GPU's order of the LSTM against the plain form in float64, with torch's kernels and with interpreted Triton's."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from elmo_cli.config import LstmConfig
from elmo_cli.kernels.choice import TORCH, StepKernels
from elmo_cli.model import lstm_fused
from elmo_cli.model.lstm_fused import FusedLstm
from elmo_cli.model.precision import products_in
from tests.kernels.interpreted import interpreted_step_kernels
from tests.model.test_lstm import CASES, plain_lstm, random_case

SIZES = {"equal": [3] * 3, "ragged": [3, 2, 2, 1], "one step": [3], "one row": [1] * 3}


@pytest.fixture(scope="module", params=["torch", "triton"])
def kernels(request: pytest.FixtureRequest) -> Iterator[StepKernels]:
    if request.param == "torch":
        yield TORCH
    else:
        yield from interpreted_step_kernels()


def run(
    form: Any, config: LstmConfig, sizes: list[int], resets: bool, masked: bool, dtype: torch.dtype = torch.float64
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and gradients."""
    layer, inputs, cell, output = random_case(config, sizes, dtype)
    keep_N = (torch.arange(sum(sizes)) % 3 != 1).to(dtype) if resets else None
    mask_GBD = (torch.arange(output.numel()).view_as(output) % 3).to(dtype) if masked else None
    if form is FusedLstm:
        limit = config.projection_clip if config.projected else None
        weights = (layer.kernel, layer.bias, layer.projection)
        outputs = FusedLstm.apply(
            inputs, *weights, cell, output, tuple(sizes), keep_N, mask_GBD, config.cell_clip, limit
        )
    else:
        outputs = form(layer, inputs, cell, output, sizes, keep_N, mask_GBD)
    weighting = [torch.linspace(-1, 1, part.numel(), dtype=dtype).view_as(part) for part in outputs]
    total = sum((part * w).sum() for part, w in zip(outputs, weighting, strict=True))
    assert isinstance(total, Tensor)
    return list(outputs), list(torch.autograd.grad(total, [inputs, cell, output, *layer.parameters()]))


@pytest.mark.parametrize("lengths", SIZES)
@pytest.mark.parametrize(("resets", "masked"), [(False, False), (True, True)])
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_the_plain_form(
    monkeypatch: pytest.MonkeyPatch, kernels: StepKernels, name: str, lengths: str, resets: bool, masked: bool
) -> None:
    monkeypatch.setattr(lstm_fused, "step_kernels", lambda _: kernels)
    found, expected = (run(form, CASES[name][0], SIZES[lengths], resets, masked) for form in (FusedLstm, plain_lstm))
    for got, wanted in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-9)


def test_float32_agrees_with_float64_to_1e_5(monkeypatch: pytest.MonkeyPatch, kernels: StepKernels) -> None:
    monkeypatch.setattr(lstm_fused, "step_kernels", lambda _: kernels)
    config = LstmConfig(cell_dim=9, projection_dim=4, cell_clip=0.5, projection_clip=0.3)
    single = run(FusedLstm, config, [3] * 4, True, True, torch.float32)
    double = run(plain_lstm, config, [3] * 4, True, True)
    for got, wanted in zip([*single[0], *single[1]], [*double[0], *double[1]], strict=True):
        torch.testing.assert_close(got.double(), wanted, rtol=0, atol=1e-5 * max(1.0, wanted.abs().max().item()))


def test_bf16_keeps_cells_and_outputs_in_float32_and_stays_near(
    monkeypatch: pytest.MonkeyPatch, kernels: StepKernels
) -> None:
    monkeypatch.setattr(lstm_fused, "step_kernels", lambda _: kernels)
    config = LstmConfig(cell_dim=9, projection_dim=4, cell_clip=None, projection_clip=None)
    with products_in("bf16"):
        found = run(FusedLstm, config, [3] * 4, True, False, torch.float32)
    expected = run(plain_lstm, config, [3] * 4, True, False)
    for got, wanted in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        assert got.dtype == torch.float32
        assert (got.double() - wanted).norm() < 0.05 * wanted.norm()
    assert any((got.bfloat16().float() != got).any() for got in found[0])


def test_a_projection_less_layer_works_in_bf16(monkeypatch: pytest.MonkeyPatch, kernels: StepKernels) -> None:
    monkeypatch.setattr(lstm_fused, "step_kernels", lambda _: kernels)
    config = LstmConfig(cell_dim=5, projection_dim=5, cell_clip=None)
    with products_in("bf16"):
        found = run(FusedLstm, config, [2, 2, 1], False, True, torch.float32)
    expected = run(plain_lstm, config, [2, 2, 1], False, True)
    for got, wanted in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        assert (got.double() - wanted).norm() < 0.05 * wanted.norm()
