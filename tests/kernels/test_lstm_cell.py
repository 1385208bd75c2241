"""The cell's Triton kernels against the torch version, which is held against autograd."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from elmo_cli.kernels.choice import TORCH, StepKernels
from tests.kernels.interpreted import interpreted_step_kernels

BOUNDS = {torch.float64: 1e-9, torch.float32: 1e-5}
WIDTHS = [1, 5, 8]
"""Below, off and on a power of two."""


@pytest.fixture(scope="module")
def triton_kernels() -> Iterator[StepKernels]:
    yield from interpreted_step_kernels()


def draw(*shape: int, seed: int, dtype: torch.dtype) -> Tensor:
    """A tensor that lies with gaps between its rows and directions, as a step's part of a window does."""
    whole = torch.randn(shape[0], shape[1] + 2, shape[2], generator=torch.Generator().manual_seed(seed)).to(dtype)
    return whole[:, 1:-1]


def run_cell(
    kernels: StepKernels,
    width: int,
    *,
    clip: float | None,
    keep: bool,
    bias: bool,
    dtype: torch.dtype = torch.float64,
    narrow: torch.dtype | None = None,
) -> list[Tensor]:
    """All that forward and backward leave, on random values; places to write begin as NaN."""
    narrow = narrow or dtype
    gates, old_cell = draw(2, 3, 4 * width, seed=1, dtype=narrow), draw(2, 3, width, seed=2, dtype=dtype)
    keep_B = torch.tensor([1.0, 0.0, 1.0], dtype=dtype) if keep else None
    bias_G4H = draw(2, 2, 4 * width, seed=3, dtype=dtype)[:, 0].contiguous() if bias else None
    cell, hidden = torch.full_like(old_cell, torch.nan), torch.full_like(gates[:, :, :width], torch.nan)
    kernels.cell_forward(gates, old_cell, keep_B, clip, cell, hidden, bias_G4H)
    grad_hidden, grad_cell = draw(2, 3, width, seed=4, dtype=narrow), draw(2, 3, width, seed=5, dtype=dtype)
    grad_gates, again = torch.full_like(gates, torch.nan), torch.full_like(hidden, torch.nan)
    kernels.cell_backward(gates, old_cell, cell, keep_B, clip, grad_hidden, grad_cell, grad_gates, again)
    return [gates, cell, hidden, grad_cell, grad_gates, again]


@pytest.mark.parametrize("bias", [False, True], ids=["sums whole", "bias apart"])
@pytest.mark.parametrize("keep", [False, True], ids=["no resets", "resets"])
@pytest.mark.parametrize("clip", [None, 0.3])
def test_the_torch_version_is_the_equations_and_their_gradient(clip: float | None, keep: bool, bias: bool) -> None:
    width, dtype = 5, torch.float64
    _, cell, hidden, grad_cell, grad_gates, again = run_cell(TORCH, width, clip=clip, keep=keep, bias=bias)
    gates = draw(2, 3, 4 * width, seed=1, dtype=dtype).clone().requires_grad_()
    old_cell = draw(2, 3, width, seed=2, dtype=dtype).clone().requires_grad_()
    sums = gates + draw(2, 2, 4 * width, seed=3, dtype=dtype)[:, :1] if bias else gates
    i, j, f, o = sums.chunk(4, dim=2)
    kept = old_cell * torch.tensor([1.0, 0.0, 1.0], dtype=dtype)[:, None] if keep else old_cell
    c = torch.sigmoid(f) * kept + torch.sigmoid(i) * torch.tanh(j)
    c = c if clip is None else c.clamp(-clip, clip)
    h = torch.sigmoid(o) * torch.tanh(c)
    total = (h * draw(2, 3, width, seed=4, dtype=dtype)).sum() + (c * draw(2, 3, width, seed=5, dtype=dtype)).sum()
    slopes = torch.autograd.grad(total, [old_cell, gates])
    for found, expected in zip([cell, hidden, again, grad_cell, grad_gates], [c, h, h, *slopes], strict=True):
        torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-12)
    assert clip is None or (cell.abs() == clip).any()


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("clip", "keep", "bias"), [(None, False, False), (0.3, True, True), (0.3, False, True), (None, True, False)]
)
def test_triton_computes_what_torch_computes(
    triton_kernels: StepKernels, width: int, clip: float | None, keep: bool, bias: bool, dtype: torch.dtype
) -> None:
    found, expected = (
        run_cell(kernels, width, clip=clip, keep=keep, bias=bias, dtype=dtype) for kernels in (triton_kernels, TORCH)
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=BOUNDS[dtype])


def test_a_row_longer_than_a_program_s_stretch_is_computed_whole(triton_kernels: StepKernels) -> None:
    found, expected = (run_cell(kernels, 1030, clip=0.3, keep=True, bias=True) for kernels in (triton_kernels, TORCH))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


def test_narrow_gates_are_computed_in_the_cells_type_and_rounded_once(triton_kernels: StepKernels) -> None:
    ours, torchs = (
        run_cell(kernels, 5, clip=0.3, keep=True, bias=True, dtype=torch.float32, narrow=torch.bfloat16)
        for kernels in (triton_kernels, TORCH)
    )
    assert [part.dtype for part in ours] == [part.dtype for part in torchs]
    torch.testing.assert_close(ours[1], torchs[1], rtol=0, atol=1e-6)
    for one, other in zip(ours, torchs, strict=True):
        # The interpreter cuts where a GPU rounds, so what is computed from stored gates differs by their last bit.
        torch.testing.assert_close(one.float(), other.float(), rtol=2.0**-6, atol=0.01)
    whole = run_cell(TORCH, 5, clip=0.3, keep=True, bias=True, dtype=torch.float32)
    torch.testing.assert_close(torchs[1], whole[1], rtol=0, atol=0.02)


def test_a_cell_that_is_no_number_stays_so(triton_kernels: StepKernels) -> None:
    for kernels in (triton_kernels, TORCH):
        gates = torch.full((1, 1, 4), torch.nan)
        cell, hidden = torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)
        kernels.cell_forward(gates, torch.zeros(1, 1, 1), None, 0.3, cell, hidden)
        assert cell.isnan().all() and hidden.isnan().all()
