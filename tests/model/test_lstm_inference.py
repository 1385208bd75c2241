"""The LSTM without gradient against the one that is trained, and what makes it its own: blocks, precisions, reuse."""

import pytest
import torch
from torch import Tensor

from elmo_cli.config import LstmConfig
from elmo_cli.model.lstm import LstmLayer
from elmo_cli.model.precision import products_in

CASES = {
    "clips that bind": LstmConfig(cell_dim=40, projection_dim=12, cell_clip=0.5, projection_clip=0.3),
    "clips off": LstmConfig(cell_dim=40, projection_dim=12, cell_clip=None, projection_clip=None),
    "no projection": LstmConfig(cell_dim=16, projection_dim=16, cell_clip=0.4, projection_clip=0.1),
}
LENGTHS = {
    "one step of one row": [1],
    "one row": [1] * 9,
    "few rows, several blocks": [60, 60, 60, 60, 60, 31, 2, 1, 1],
    "many rows, then few": [90, 80, 64, 63, 63, 40],
}


def random_layer(config: LstmConfig, dtype: torch.dtype = torch.float32) -> LstmLayer:
    layer = LstmLayer(config.projection_dim, config).double()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0, 0.4, generator=generator)
    return layer.to(dtype)


def random_inputs(config: LstmConfig, sizes: list[int], dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(5)
    wide, narrow = config.cell_dim, config.projection_dim
    shapes = [(2, sum(sizes), narrow), (2, sizes[0], wide), (2, sizes[0], narrow)]
    return tuple(torch.randn(shape, generator=generator, dtype=torch.float64).mul_(0.5).to(dtype) for shape in shapes)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-6), (torch.float64, 1e-13)])
def test_it_gives_what_the_trained_form_gives(name: str, lengths: str, dtype: torch.dtype, bound: float) -> None:
    layer, sizes = random_layer(CASES[name], dtype), LENGTHS[lengths]
    inputs = random_inputs(CASES[name], sizes, dtype)
    given = [part.clone() for part in inputs]
    trained = layer(*inputs, sizes)
    assert trained[0].requires_grad
    with torch.no_grad():
        found = layer(*inputs, sizes)
        again = layer(*inputs, sizes)
    assert not found[0].requires_grad
    for one, other, same in zip(found, trained, again, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=bound)
        assert torch.equal(one, same)
    for before, after in zip(given, inputs, strict=True):
        assert torch.equal(before, after), "what is given stays as it was"


def test_frozen_weights_need_no_gradient_either() -> None:
    layer, sizes = random_layer(CASES["clips off"]).requires_grad_(False), [3, 2]
    inputs = random_inputs(CASES["clips off"], sizes)
    assert not layer(*inputs, sizes)[0].requires_grad
    assert layer(inputs[0].requires_grad_(), *inputs[1:], sizes)[0].requires_grad


@pytest.mark.parametrize(("precision", "bound"), [("fp32", 1e-6), ("bf16", 0.02), ("int8", 0.03)])
def test_a_sequence_does_not_depend_on_its_company(precision: str, bound: float) -> None:
    config, sizes = CASES["clips that bind"], [70, 70, 66, 5]
    layer = random_layer(config).requires_grad_(False)
    inputs, cell, output = random_inputs(config, sizes)
    alone = torch.stack([inputs[:, begin + 4] for begin in (0, 70, 140, 206)], dim=1)
    with products_in(precision):
        together = layer(inputs, cell, output, sizes)[0]
        single = layer(alone, cell[:, 4:5], output[:, 4:5], [1] * 4)[0]
    torch.testing.assert_close(
        torch.stack([together[:, begin + 4] for begin in (0, 70, 140, 206)], dim=1), single, rtol=0, atol=bound
    )


@pytest.mark.parametrize(("precision", "bound"), [("bf16", 0.03), ("int8", 0.05)])
@pytest.mark.parametrize("name", CASES)
def test_a_lower_precision_is_near_and_is_not_float32(name: str, precision: str, bound: float) -> None:
    config, sizes = CASES[name], LENGTHS["many rows, then few"]
    layer, inputs = random_layer(config).requires_grad_(False), random_inputs(config, sizes)
    exact = layer(*inputs, sizes)
    with products_in(precision):
        found = layer(*inputs, sizes)
        again = layer(*inputs, sizes)
    assert torch.equal(found[0], again[0])
    assert all(part.dtype == torch.float32 for part in found)
    differences = [float((one - other).abs().max()) for one, other in zip(found, exact, strict=True)]
    assert max(differences) < bound * max(1, float(exact[1].abs().max()))
    assert min(differences) > 1e-5, "nothing was rounded"


def test_weights_that_change_are_prepared_again() -> None:
    config, sizes = CASES["clips off"], [4, 2]
    layer, inputs = random_layer(config).requires_grad_(False), random_inputs(config, sizes)
    with products_in("int8"):
        before = layer(*inputs, sizes)[0]
        layer.kernel.mul_(0.5)
        after = layer(*inputs, sizes)[0]
    with products_in("fp32"):
        exact = layer(*inputs, sizes)[0]
    assert (after - exact).abs().max() < 0.05
    assert (before - after).abs().max() > 0.1
