"""The outputs' Triton kernels against the torch version, which is held against autograd."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from elmo_cli.kernels.choice import TORCH, StepKernels
from tests.kernels.interpreted import interpreted_step_kernels
from tests.kernels.test_lstm_cell import BOUNDS, draw

CASES = {
    "clip, resets and mask": (0.3, True, True, 2),
    "clip alone": (0.3, False, False, 4),
    "all rows end": (0.3, True, True, 0),
    "nothing": (None, False, False, 3),
}
KEEP_B = torch.tensor([1.0, 0.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def triton_kernels() -> Iterator[StepKernels]:
    yield from interpreted_step_kernels()


def run_output(
    kernels: StepKernels, name: str, width: int, dtype: torch.dtype, narrow: torch.dtype | None = None
) -> list[Tensor | None]:
    clip, keep, masked, going = CASES[name]
    narrow = narrow or dtype
    projected = draw(2, 4, width, seed=1, dtype=dtype)
    keep_B = KEEP_B.to(dtype) if keep else None
    mask = draw(2, 4, width, seed=2, dtype=dtype) if masked else None
    output = torch.full_like(projected, torch.nan)
    recurring = torch.full_like(projected[:, :going], torch.nan, dtype=narrow) if going else None
    kernels.output_forward(projected, clip, output, keep_B, mask, recurring)
    grad_output = draw(2, 4, width, seed=3, dtype=dtype)
    grad_recurring = draw(2, 4, width, seed=4, dtype=dtype)[:, :going] if going else None
    grad_projected = torch.full_like(projected, torch.nan, dtype=narrow)
    kernels.output_backward(grad_output, grad_recurring, keep_B, mask, output, clip, grad_projected)
    return [output, recurring, grad_projected]


@pytest.mark.parametrize("name", CASES)
def test_the_torch_version_is_the_equations_and_their_gradient(name: str) -> None:
    clip, keep, masked, going = CASES[name]
    dtype, width = torch.float64, 5
    found = run_output(TORCH, name, width, dtype)
    projected = draw(2, 4, width, seed=1, dtype=dtype).clone().requires_grad_()
    output = projected if clip is None else projected.clamp(-clip, clip)
    recurring = output[:, :going]
    if keep:
        recurring = recurring * KEEP_B[:going, None]
    if masked:
        recurring = recurring * draw(2, 4, width, seed=2, dtype=dtype)[:, :going]
    total = (output * draw(2, 4, width, seed=3, dtype=dtype)).sum()
    total = total + (recurring * draw(2, 4, width, seed=4, dtype=dtype)[:, :going]).sum()
    (slope,) = torch.autograd.grad(total, [projected])
    for one, other in zip(found, [output, recurring if going else None, slope], strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("width", [1, 5, 8])
@pytest.mark.parametrize("name", CASES)
def test_triton_computes_what_torch_computes(
    triton_kernels: StepKernels, name: str, width: int, dtype: torch.dtype
) -> None:
    found, expected = (run_output(kernels, name, width, dtype) for kernels in (triton_kernels, TORCH))
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=0, atol=BOUNDS[dtype])


def test_what_products_read_is_rounded_and_the_outputs_are_not(triton_kernels: StepKernels) -> None:
    found, expected = (
        run_output(kernels, "clip, resets and mask", 5, torch.float32, torch.bfloat16)
        for kernels in (triton_kernels, TORCH)
    )
    for one, other in zip(found, expected, strict=True):
        assert one is not None and other is not None and one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=2.0**-7 if one.dtype == torch.bfloat16 else 0, atol=1e-6)
