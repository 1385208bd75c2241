"""Products of 16 and 8 bits against NumPy, and what is said where a processor or a torch has none."""

import numpy as np
import pytest
import torch
from torch import Tensor

from elmo_cli.errors import ConfigError
from elmo_cli.model import packed_matrices
from elmo_cli.model.packed_matrices import Bf16Matrices, Int8Matrices, check_int8


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def rounded_to_8_bits(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    steps = np.abs(values).max(axis, keepdims=True) / 127
    return np.round(values / steps).astype(np.int64), steps


@pytest.mark.parametrize("plus", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 130])
def test_int8_multiplies_whole_numbers(rows: int, plus: bool) -> None:
    left, right, added = draw(2, rows, 70), draw(2, 70, 33) * 0.1, draw(2, rows, 33)
    lefts, left_steps = rounded_to_8_bits(left.numpy(), 2)
    rights, right_steps = rounded_to_8_bits(right.numpy(), 1)
    expected = (lefts @ rights) * left_steps.astype(np.float64) * right_steps + (added.numpy() if plus else 0)
    out = torch.empty(2, rows, 33)
    found = Int8Matrices(right).multiply(left.clone(), added if plus else None, out=out)
    assert found is out
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=2e-6)


def test_int8_adds_in_place_and_bears_rows_and_columns_of_zeros() -> None:
    left, right, sums = draw(2, 4, 16), draw(2, 16, 8), torch.ones(2, 4, 8)
    left[:, 1], right[:, :, 3] = 0, 0
    Int8Matrices(right).multiply(left, sums, out=sums)
    assert bool((sums[:, 1] == 1).all())
    assert bool((sums[:, :, 3] == 1).all())
    assert bool(sums.isfinite().all())


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("plus", [False, True])
def test_bf16_rounds_factors_and_product(packing: bool, plus: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not packing:
        monkeypatch.setattr(packed_matrices, "_has_bf16_packing", lambda: False)
    left, right, added = draw(2, 33, 300), draw(2, 300, 48), draw(2, 33, 48)
    product = left.bfloat16().double() @ right.bfloat16().double()
    out = torch.empty(2, 33, 48)
    found = Bf16Matrices(right).multiply(left, added if plus else None, out=out)
    exact = product + (added.double() if plus else 0)
    assert ((found - exact).abs() <= product.abs() * 2**-8 + 1e-4).all()
    assert (found - exact).abs().max() > 1e-4


@pytest.fixture
def unchecked():
    check_int8.cache_clear()
    yield
    check_int8.cache_clear()


def test_a_torch_without_the_operator_is_named(unchecked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> Tensor:
        raise AttributeError("'_OpNamespace' 'onednn' object has no attribute 'qlinear_pointwise'")

    monkeypatch.setattr(packed_matrices, "_linear_int8", absent)
    with pytest.raises(ConfigError, match=r"precision int8: torch .* has no products of it on this processor") as error:
        check_int8()
    assert error.value.hint == "take --precision fp32, or --precision bf16"


def test_a_processor_whose_sums_overflow_is_refused(unchecked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    real = packed_matrices._linear_int8
    largest = 32 * (2**15 - 1) * 0.9  # less than the 64 products of 127 with 127 come to
    monkeypatch.setattr(packed_matrices, "_linear_int8", lambda *given: real(*given).clamp(max=largest))
    with pytest.raises(ConfigError, match="precision int8: this processor adds its products in too few bits"):
        check_int8()


def test_a_torch_without_packing_multiplies_bf16_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> Tensor:
        raise NotImplementedError("mkldnn::_reorder_linear_weight")

    monkeypatch.setattr(packed_matrices, "_pack_bf16", absent)
    packed_matrices._has_bf16_packing.cache_clear()
    try:
        assert not packed_matrices._has_bf16_packing()
    finally:
        packed_matrices._has_bf16_packing.cache_clear()
