"""The LSTM operation against the plain-torch form that defines it, forward and gradient, in float64."""

import pytest
import torch
from torch import Tensor

from elmo_cli.config import LstmConfig
from elmo_cli.model import lstm, recurrent_product, spaced_rows
from elmo_cli.model.lstm import LstmLayer, LstmState
from elmo_cli.model.recurrent_product import LEAST_STEPS


def plain_lstm(
    layer: LstmLayer,
    inputs_GNI: Tensor,
    cell_GBH: Tensor,
    output_GBD: Tensor,
    sizes: list[int],
    keep_N: Tensor | None,
    mask_GBD: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The cell's equations one step at a time, with autograd doing the rest."""
    config, begin, outputs = layer.config, 0, []
    cells, recurring = list(cell_GBH.unbind(1)), list(output_GBD.unbind(1))
    for size in sizes:
        cell, output = torch.stack(cells[:size], 1), torch.stack(recurring[:size], 1)
        if keep_N is not None:
            keep = keep_N[begin : begin + size][None, :, None]
            cell, output = cell * keep, output * keep
        recurring_in = output if mask_GBD is None else output * mask_GBD[:, :size]
        both = torch.cat([inputs_GNI[:, begin : begin + size], recurring_in], dim=2)
        i, j, f, o = (both @ layer.kernel + layer.bias[:, None]).chunk(4, dim=2)
        cell = torch.sigmoid(f + 1) * cell + torch.sigmoid(i) * torch.tanh(j)
        if config.cell_clip is not None:
            cell = cell.clamp(-config.cell_clip, config.cell_clip)
        output = torch.sigmoid(o) * torch.tanh(cell)
        if layer.projection is not None:
            output = output @ layer.projection
            if config.projection_clip is not None:
                output = output.clamp(-config.projection_clip, config.projection_clip)
        outputs.append(output)
        cells[:size], recurring[:size] = cell.unbind(1), output.unbind(1)
        begin += size
    return torch.cat(outputs, 1), torch.stack(cells, 1), torch.stack(recurring, 1)


CASES = {
    "clips that bind, with resets": (LstmConfig(cell_dim=7, projection_dim=3, cell_clip=0.5, projection_clip=0.3), 4),
    "clips off": (LstmConfig(cell_dim=7, projection_dim=3, cell_clip=None, projection_clip=None), 4),
    "no projection": (LstmConfig(cell_dim=5, projection_dim=5, cell_clip=0.4, projection_clip=0.1), 3),
    "one row": (LstmConfig(cell_dim=6, projection_dim=2, cell_clip=0.2, projection_clip=0.05), 1),
}


def random_case(
    config: LstmConfig, sizes: list[int], dtype: torch.dtype = torch.float64
) -> tuple[LstmLayer, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    layer = LstmLayer(config.projection_dim, config).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(generator=generator)
    layer.to(dtype)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    rows, steps = sizes[0], sum(sizes)
    inputs = draw(2, steps, config.projection_dim)
    return layer, inputs, draw(2, rows, config.cell_dim), draw(2, rows, config.projection_dim)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("lengths", ["equal", "ragged", "one step"])
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_outputs_and_gradients_are_those_of_the_plain_form(name: str, lengths: str, resets: bool, masked: bool) -> None:
    config, rows = CASES[name]
    falling = sorted((max(1, rows - t // 2) for t in range(5)), reverse=True)
    sizes = {"equal": [rows] * 5, "ragged": falling, "one step": [rows]}[lengths]
    layer, inputs, cell, output = random_case(config, sizes)
    keep_N = (torch.arange(sum(sizes)) % 3 != 1).double() if resets else None
    mask_GBD = (torch.arange(output.numel()).view_as(output) % 3).double() if masked else None

    fast = layer(inputs, cell, output, sizes, keep_N, mask_GBD)
    plain = plain_lstm(layer, inputs, cell, output, sizes, keep_N, mask_GBD)
    for got, expected in zip(fast, plain, strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)

    weights = [torch.linspace(-1, 1, part.numel(), dtype=torch.float64).view_as(part) for part in plain]
    leaves = [inputs, cell, output, *layer.parameters()]
    gradients = [
        torch.autograd.grad(sum((part * w).sum() for part, w in zip(parts, weights, strict=True)), leaves)  # type: ignore[arg-type]
        for parts in (fast, plain)
    ]
    for got, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-11)


def test_the_clips_of_this_suite_do_bind() -> None:
    config, _ = CASES["clips that bind, with resets"]
    layer, inputs, cell, output = random_case(config, [4] * 5)
    outputs, cells, _ = layer(inputs, cell, output, [4] * 5)
    assert (outputs.abs() == config.projection_clip).any()
    assert (cells.abs() == config.cell_clip).any()


def test_float32_gradients_agree_with_float64_to_1e_5() -> None:
    config = LstmConfig(cell_dim=33, projection_dim=9)
    sizes = [3] * 7
    gradients = []
    for dtype in (torch.float32, torch.float64):
        layer, inputs, cell, output = random_case(config, sizes, dtype)
        with torch.no_grad():
            layer.kernel.mul_(0.2)
        total = layer(inputs, cell, output, sizes)[0].square().mean()
        gradients.append(torch.autograd.grad(total, [inputs, *layer.parameters()]))
    for single, double in zip(*gradients, strict=True):
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("steps", [1, LEAST_STEPS + 3])
def test_in_float32_with_spaced_rows_outputs_and_gradients_are_those_of_the_plain_form(
    name: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("LARGE", "MANY_ROWS"):
        monkeypatch.setattr(recurrent_product, limit, 1)
    monkeypatch.setattr(spaced_rows, "PERIOD", 1)
    monkeypatch.setattr(lstm, "READ_TOGETHER", 10)
    config, rows = CASES[name]
    sizes = [rows] * steps
    results = []
    for form, dtype in ((LstmLayer.forward, torch.float32), (plain_lstm, torch.float64)):
        layer, inputs, cell, output = random_case(config, sizes, dtype)
        with torch.no_grad():
            layer.kernel.mul_(0.3)  # so that values near a clip do not fall on the other side of it
        parts = form(layer, inputs, cell, output, sizes, None)
        leaves = [inputs, cell, output, *layer.parameters()]
        total = sum((part * torch.linspace(-1, 1, part.numel()).view_as(part)).mean() for part in parts)
        results.append([*parts, *torch.autograd.grad(total, leaves)])
    for single, double in zip(*results, strict=True):
        torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-5)


@pytest.mark.parametrize("needs_gradient", [True, False])
def test_a_state_may_lie_in_memory_as_it_likes(needs_gradient: bool) -> None:
    config, rows = CASES["clips off"]
    layer, *given = random_case(config, [rows] * 3)
    turned = [part.transpose(1, 2).contiguous().transpose(1, 2) for part in given]
    found = []
    for inputs, cell, output in (given, turned):
        with torch.set_grad_enabled(needs_gradient):
            parts = layer(inputs, cell, output, [rows] * 3)
        gradients = torch.autograd.grad(parts[0].sum(), list(layer.parameters())) if needs_gradient else ()
        found.append([*parts, *gradients])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_a_sequence_read_in_two_pieces_ends_in_the_same_state() -> None:
    config, rows = CASES["clips off"]
    layer, inputs, cell, output = random_case(config, [rows] * 6)
    whole = layer(inputs, cell, output, [rows] * 6)
    first = layer(inputs[:, : 2 * rows], cell, output, [rows] * 2)
    second = layer(inputs[:, 2 * rows :], first[1], first[2], [rows] * 4)
    torch.testing.assert_close(torch.cat([first[0], second[0]], 1), whole[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(second[1], whole[1], rtol=0, atol=1e-12)


def test_fresh_weights_follow_the_reference() -> None:
    layer = LstmLayer(512, LstmConfig())
    layer.reset_parameters(torch.Generator().manual_seed(1))
    assert layer.projection is not None
    assert layer.kernel.abs().max().item() == pytest.approx(0.018565, rel=1e-3)  # sqrt(6 / (1024 + 16384))
    assert layer.projection.abs().max().item() == pytest.approx(0.036084, rel=1e-3)
    assert layer.bias.abs().max().item() == 0


def test_a_state_of_one_row_expands_to_many() -> None:
    state = LstmState.zeros(LstmConfig(cell_dim=4, projection_dim=2), 1, like=torch.zeros(1)).expand(5)
    assert state.cell.shape == (2, 2, 5, 4)
    assert state.output.shape == (2, 2, 5, 2)
