"""A step of Adagrad: torch's version by hand, Triton's against torch's."""

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from torch import Tensor

from elmo_cli.kernels import adagrad_step
from tests.kernels.interpreted import interpreted

FACTORS = {"no factor": None, "a factor": torch.tensor(0.3)}
SHAPES = {"fewer than a stretch": (3, 5), "more": (7, 300), "biases": (1500,)}


@pytest.fixture(scope="module")
def triton_module() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        yield interpreted("adagrad_step_triton", patch)


def draw(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def example(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """A parameter, its accumulator and its gradient."""
    return draw(shape, 1, dtype), 1 + draw(shape, 2, dtype).abs(), draw(shape, 3, dtype)


@pytest.mark.parametrize("name", FACTORS)
def test_the_torch_version_is_the_formula(name: str) -> None:
    value, total, gradient = example((3, 5), torch.float64)
    g = gradient * (1.0 if FACTORS[name] is None else 0.3)
    a = total + g * g
    v = value - 0.2 * g / a.sqrt()
    kept = gradient.clone()
    factor = None if FACTORS[name] is None else FACTORS[name].double() * 0 + 0.3
    adagrad_step.whole(value, total, gradient, factor, 0.2)
    torch.testing.assert_close([value, total], [v, a], rtol=0, atol=1e-12)
    assert torch.equal(gradient, kept)


@pytest.mark.parametrize("name", FACTORS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_triton_changes_whole_parameters_as_torch_does(
    triton_module: ModuleType, shape: tuple[int, ...], name: str
) -> None:
    results = []
    for module in (triton_module, adagrad_step):
        value, total, gradient = example(shape)
        module.whole(value, total, gradient.clone(), FACTORS[name], 0.2)
        results.append([value, total])
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", FACTORS)
@pytest.mark.parametrize("shape", [(9, 4), (9, 300), (2000,)], ids=str)
def test_triton_changes_rows_as_torch_does_and_no_others(
    triton_module: ModuleType, shape: tuple[int, ...], name: str
) -> None:
    ids_R = torch.randperm(shape[0], generator=torch.Generator().manual_seed(4))[: shape[0] * 2 // 3]
    results = []
    for module in (triton_module, adagrad_step):
        value, total, gradient = example(shape)
        module.rows(value, total, ids_R, gradient[: len(ids_R)], FACTORS[name], 0.2)
        results.append([value, total])
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-7)
    others = torch.ones(shape[0], dtype=torch.bool).index_fill(0, ids_R, 0)
    assert torch.equal(results[0][0][others], example(shape)[0][others])


def test_gradients_and_parameters_may_lie_otherwise(triton_module: ModuleType) -> None:
    results = []
    for module in (triton_module, adagrad_step):
        value, total, gradient = example((4, 6))
        module.whole(value, total, draw((6, 4), 5).t(), None, 0.2)
        turned = [value.t(), total.t()]
        module.whole(*turned, gradient.t(), None, 0.2)
        module.rows(*turned, torch.tensor([5, 1]), draw((2, 4), 6), None, 0.2)
        results.append([value, total])
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-7)


def test_double_precision_keeps_its_digits(triton_module: ModuleType) -> None:
    results = []
    for module in (triton_module, adagrad_step):
        value, total, gradient = example((4, 6), torch.float64)
        module.whole(value, total, gradient, None, 0.1)
        results.append([value, total])
    torch.testing.assert_close(*results, rtol=0, atol=1e-15)
