"""LSTM and character CNN on every device against the plain forms in float64 on the CPU, forward and gradient."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from elmo_cli.config import CharCnnConfig, LstmConfig
from elmo_cli.model.char_cnn import CharCnn
from elmo_cli.model.lstm import LstmLayer
from tests.model.test_char_cnn import dense, spell
from tests.model.test_lstm import plain_lstm

BOUNDS = {torch.float64: 1e-9, torch.float32: 1e-5}
"""Largest difference allowed, relative to the largest value of each tensor or to 1."""

LAYERS = {
    "clips that bind": LstmConfig(cell_dim=33, projection_dim=9, cell_clip=0.3, projection_clip=0.1),
    "clips off": LstmConfig(cell_dim=33, projection_dim=9, cell_clip=None, projection_clip=None),
    "no projection": LstmConfig(cell_dim=9, projection_dim=9, cell_clip=0.3),
}
SIZES = {"equal": [5] * 7, "ragged": [5, 5, 3, 2, 2, 1], "one step": [3], "one row": [1] * 6}


def randomise(module: nn.Module, deviation: float, seed: int = 2) -> None:
    """The same weights whatever the type."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(deviation * drawn)


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slopes(outputs: Sequence[Tensor], leaves: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of a fixed weighting of all outputs."""
    total = sum(
        (output * torch.linspace(-1, 1, output.numel(), dtype=torch.float64).view_as(output).to(output)).sum()
        for output in outputs
    )
    assert isinstance(total, Tensor)
    return list(torch.autograd.grad(total, leaves))


def assert_near(found: Sequence[Tensor], expected: Sequence[Tensor], bound: float) -> None:
    for one, other in zip(found, expected, strict=True):
        limit = bound * max(1.0, other.abs().max().item())
        torch.testing.assert_close(one.detach().cpu().double(), other.detach(), rtol=0, atol=limit)


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("resets", [False, True], ids=["no resets", "resets"])
@pytest.mark.parametrize("lengths", SIZES)
@pytest.mark.parametrize("name", LAYERS)
def test_an_lstm_layer_is_the_plain_one(
    device: torch.device, name: str, lengths: str, resets: bool, dtype: torch.dtype
) -> None:
    config, sizes = LAYERS[name], SIZES[lengths]

    def compute(place: torch.device, number: torch.dtype, plain: bool) -> tuple[list[Tensor], list[Tensor]]:
        layer = LstmLayer(config.projection_dim, config).to(place, number)
        randomise(layer, 0.2)
        inputs = draw(2, sum(sizes), config.projection_dim, seed=3).to(place, number).requires_grad_()
        cell = draw(2, sizes[0], config.cell_dim, seed=4).to(place, number).requires_grad_()
        output = draw(2, sizes[0], config.projection_dim, seed=5).to(place, number).requires_grad_()
        keep_N = (torch.arange(sum(sizes)) % 3 != 1).to(place, number) if resets else None
        form: Any = plain_lstm if plain else LstmLayer.__call__
        outputs = list(form(layer, inputs, cell, output, sizes, keep_N))
        return outputs, slopes(outputs, [inputs, cell, output, *layer.parameters()])

    expected_outputs, expected_slopes = compute(torch.device("cpu"), torch.float64, plain=True)
    outputs, gradients = compute(device, dtype, plain=False)
    assert {part.device.type for part in [*outputs, *gradients]} == {device.type}
    assert_near(outputs, expected_outputs, BOUNDS[dtype])
    assert_near(gradients, expected_slopes, BOUNDS[dtype])


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    "lengths", [[3], [3, 12, 4], [50, 2, 44], list(range(2, 51))], ids=lambda lengths: len(lengths)
)
def test_the_character_cnn_is_the_dense_one(
    device: torch.device, activation: str, lengths: list[int], dtype: torch.dtype
) -> None:
    config = CharCnnConfig(embedding_dim=6, filters=((1, 7), (3, 9), (7, 17)), highways=2, activation=activation)
    chars_UW = spell(lengths)

    def compute(place: torch.device, number: torch.dtype, plain: bool) -> tuple[list[Tensor], list[Tensor]]:
        encoder = CharCnn(config, 5).to(place, number)
        randomise(encoder, 0.3)
        spelled = chars_UW.to(place)
        vectors = [dense(encoder, spelled) if plain else encoder(spelled)]
        return vectors, slopes(vectors, list(encoder.parameters()))

    expected_vectors, expected_slopes = compute(torch.device("cpu"), torch.float64, plain=True)
    vectors, gradients = compute(device, dtype, plain=False)
    assert vectors[0].device.type == device.type
    assert_near(vectors, expected_vectors, BOUNDS[dtype])
    assert_near(gradients, expected_slopes, BOUNDS[dtype])
