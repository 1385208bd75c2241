"""Products of rounded operands, held against float64 on the same rounded numbers."""

import pytest
import torch
from torch import Tensor

from elmo_cli.errors import ConfigError
from elmo_cli.model import precision
from elmo_cli.model import precision as precision_module
from elmo_cli.model.precision import (
    check_inference_precision,
    check_precision,
    current_precision,
    linear,
    operand,
    product,
    products_in,
    slow_precision,
)

CPU = torch.device("cpu")


@pytest.fixture
def rounds_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small matrices are rounded as well."""
    monkeypatch.setattr(precision_module, "SMALL_MATRIX", 0)
    monkeypatch.setattr(precision_module, "SMALL_PRODUCT", 0)


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def rounds_operands() -> bool:
    """Whether this torch, on this processor, rounds float32 operands to bfloat16 where it may; torch 2.11 does not."""
    a, before = draw(33, 700), torch.get_float32_matmul_precision()
    plain = a @ a.t()
    torch.set_float32_matmul_precision("medium")
    try:
        return not torch.equal(a @ a.t(), plain)
    finally:
        torch.set_float32_matmul_precision(before)


def exact(a: Tensor, b: Tensor) -> Tensor:
    return a.bfloat16().double() @ b.bfloat16().double()


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("plus", [False, True])
def test_fp32_is_torchs_own_product_to_the_bit(batch: tuple[int, ...], plus: bool) -> None:
    a, b, c = draw(*batch, 33, 70), draw(*batch, 70, 50), draw(*batch, 33, 50)
    expected = (a @ b) if not plus else torch.addmm(c, a, b) if not batch else torch.baddbmm(c, a, b)
    assert torch.equal(product(a, b, "fp32", plus=c if plus else None), expected)


@pytest.mark.usefixtures("rounds_all")
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("plus", [False, True])
@pytest.mark.parametrize("prepared", [False, True])
def test_bf16_multiplies_rounded_numbers_and_sums_them_in_float32(
    batch: tuple[int, ...], plus: bool, prepared: bool
) -> None:
    a, b, c = draw(*batch, 33, 700), draw(*batch, 700, 50), draw(*batch, 33, 50)
    expected = exact(a, b) + (c if plus else 0)
    out = torch.empty_like(c)
    found = product(a, operand(b, "bf16") if prepared else b, "bf16", plus=c if plus else None, out=out)
    assert found is out
    assert found.dtype == torch.float32
    bound = torch.full(expected.shape, 1e-4, dtype=torch.float64)
    if prepared:
        bound += exact(a, b).abs() * 2**-8  # one more rounding, of the result, to 8 bits
    elif not rounds_operands():
        bound += (a.abs() @ b.abs()).double() * 2**-7  # torch may leave such products as they are there
    assert ((found - expected).abs() <= bound).all()


@pytest.mark.usefixtures("rounds_all")
def test_a_sum_may_go_where_it_came_from() -> None:
    a, b, c = draw(2, 33, 70), draw(2, 70, 50), draw(2, 33, 50)
    expected = exact(a, b) + c
    product(a, operand(b, "bf16"), "bf16", plus=c, out=c)
    torch.testing.assert_close(c.double(), expected, rtol=2**-7, atol=2**-4)


def widening(a: Tensor, b: Tensor, *, out_dtype: torch.dtype, out: Tensor | None = None) -> Tensor:
    """A product of bfloat16 with a float32 result, which a CPU has not."""
    assert (a.dtype, b.dtype, out_dtype) == (torch.bfloat16, torch.bfloat16, torch.float32)
    made = torch.matmul(a.float(), b.float())
    return made if out is None else out.copy_(made)


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("rows", [1, 2, 300])
@pytest.mark.parametrize("kind", ["by column", "whole", "its own place"])
def test_on_a_gpu_a_sum_is_made_of_a_product_and_an_addition(
    batch: tuple[int, ...], rows: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mm", "bmm"):
        monkeypatch.setattr(torch, name, widening)
    a, b = draw(*batch, rows, 70).bfloat16(), draw(*batch, 70, 50).bfloat16()
    plus = draw(50) if kind == "by column" else draw(*batch, rows, 50)
    expected = exact(a, b) + plus
    out = plus if kind == "its own place" else torch.empty(*batch, rows, 50)
    assert precision_module._widened(a, b, plus, out) is out
    torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=1e-4)


def test_small_matrices_stay_float32_on_a_cpu_whatever_the_batch() -> None:
    small, large = draw(2, 64, 1024), draw(2, 128, 1024)
    assert operand(small, "bf16") is small
    assert operand(large, "bf16").dtype == torch.bfloat16
    assert operand(large, "fp32") is large
    a = draw(2, 16, 64)
    assert torch.equal(product(a, small, "bf16"), torch.bmm(a, small))


def test_float64_is_never_rounded() -> None:
    a, b = draw(3, 4).double(), draw(4, 5).double()
    assert torch.equal(product(a, operand(b, "bf16"), "bf16"), a @ b)


@pytest.mark.usefixtures("rounds_all")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_linear_map_has_the_gradient_of_its_precision(precision: str) -> None:
    inputs, weight, bias = (values.requires_grad_() for values in (draw(40, 64), draw(64, 48), draw(48)))
    slope = draw(40, 48)
    with products_in(precision):
        result = linear(inputs, weight, bias)
    result.backward(slope)  # outside: the gradient remembers its precision
    exact_ones = [values.detach().double().requires_grad_() for values in (inputs, weight, bias)]
    (exact_ones[0] @ exact_ones[1] + exact_ones[2]).backward(slope.double())
    bound = 1e-4 if precision == "fp32" else 0.2
    for found, expected in zip((inputs, weight, bias), exact_ones, strict=True):
        assert found.grad is not None and expected.grad is not None
        assert (found.grad - expected.grad).abs().max() < bound
    rounded = precision == "bf16" and rounds_operands()
    assert rounded != torch.equal(result, torch.addmm(bias, inputs, weight))


def test_the_precision_of_the_moment_ends_with_its_block() -> None:
    before = torch.get_float32_matmul_precision()
    with products_in("bf16"):
        assert current_precision() == "bf16"
        with products_in("fp32"):
            assert current_precision() == "fp32"
        assert current_precision() == "bf16"
    assert current_precision() == "fp32"
    assert torch.get_float32_matmul_precision() == before


def test_int8_is_for_cpus_and_for_inference() -> None:
    check_inference_precision("int8", CPU)
    check_inference_precision("bf16", CPU)
    with pytest.raises(ConfigError, match="precision int8: its products are for CPUs"):
        check_inference_precision("int8", torch.device("cuda"))
    with pytest.raises(ConfigError, match="precision half: expected fp32, tf32, bf16, int8"):
        check_inference_precision("half", CPU)
    with pytest.raises(ConfigError, match="precision tf32: CPUs have no such products"):
        check_inference_precision("tf32", CPU)


def test_only_bf16_without_units_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_fast_bf16", lambda device: False)
    assert slow_precision("bf16", CPU) is not None
    assert slow_precision("fp32", CPU) is None
    monkeypatch.setattr(precision, "has_fast_bf16", lambda device: True)
    assert slow_precision("bf16", CPU) is None


def test_cpus_have_no_tf32() -> None:
    with pytest.raises(ConfigError, match="precision tf32: CPUs have no such products") as error:
        check_precision("tf32", CPU)
    assert error.value.hint is not None and "--precision bf16" in error.value.hint
    check_precision("bf16", CPU)
    check_precision("fp32", CPU)
