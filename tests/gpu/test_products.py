"""Products in bf16 on every device, against float64 on the same rounded numbers."""

import pytest
import torch

from elmo_cli.model.precision import operand, product
from tests.gpu.test_model import draw


@pytest.mark.parametrize("batch", [(), (2,)], ids=["one", "two at once"])
@pytest.mark.parametrize("rows", [1, 2, 300])
@pytest.mark.parametrize("summand", [None, "by column", "whole", "its own place"])
@pytest.mark.parametrize("prepared", [False, True])
def test_a_product_in_bf16_is_that_of_rounded_numbers(
    device: torch.device, batch: tuple[int, ...], rows: int, summand: str | None, prepared: bool
) -> None:
    a, b = draw(*batch, rows, 700, seed=1).float(), draw(*batch, 700, 96, seed=2).float()
    expected = a.bfloat16().double() @ b.bfloat16().double()
    plus = None if summand is None else draw(*(() if summand == "by column" else (*batch, rows)), 96, seed=3).float()
    if plus is not None:
        expected += plus
        plus = plus.to(device)
    right = operand(b.to(device), "bf16") if prepared else b.to(device)
    out = plus if summand == "its own place" else torch.empty(*batch, rows, 96, device=device)
    found = product(a.to(device), right, "bf16", plus=plus, out=out)
    assert found is out
    assert found.dtype == torch.float32
    # A CPU leaves small factors as they are, and rounds results of factors that were rounded beforehand.
    bound = 1e-3 if device.type == "cuda" else 2.0**-7 * float((a.abs() @ b.abs()).max())
    assert (found.cpu().double() - expected).abs().max() < bound
