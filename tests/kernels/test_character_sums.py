"""Sums of gradient by character: torch's version against a plain count, Triton's against torch's."""

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from torch import Tensor

from elmo_cli.kernels.character_sums import character_sums
from tests.kernels.interpreted import interpreted

ALPHABET = 35


@pytest.fixture(scope="module")
def triton_module() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        yield interpreted("character_sums_triton", patch)


def words(types: int, filters: int, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Random spellings of nine characters, windows in them, and gradients."""
    generator = torch.Generator().manual_seed(types + filters)
    chars_UW = torch.randint(0, ALPHABET, (types, 9), generator=generator)
    at_UF = torch.randint(0, 10 - width, (types, filters), generator=generator)
    return chars_UW, at_UF, torch.randn(types, filters, generator=generator, dtype=torch.float64).to(dtype)


def test_the_torch_version_is_a_plain_count() -> None:
    chars_UW, at_UF, grad_UF = words(5, 3, 2, torch.float64)
    expected = torch.zeros(2, ALPHABET, 3, dtype=torch.float64)
    for u in range(5):
        for f in range(3):
            for j in range(2):
                expected[j, chars_UW[u, at_UF[u, f] + j], f] += grad_UF[u, f]
    torch.testing.assert_close(character_sums(chars_UW, at_UF, grad_UF, 2, ALPHABET), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-9), (torch.float32, 1e-5)], ids=str)
@pytest.mark.parametrize(("types", "filters", "width"), [(0, 3, 2), (1, 1, 1), (11, 5, 3), (19, 33, 2)])
@pytest.mark.parametrize("parts", [1, 3])
def test_triton_computes_what_torch_computes(
    triton_module: ModuleType,
    parts: int,
    types: int,
    filters: int,
    width: int,
    dtype: torch.dtype,
    bound: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(triton_module, "COLUMNS_AT_ONCE", filters * width * parts)
    given = (*words(types, filters, width, dtype), width, ALPHABET)
    torch.testing.assert_close(triton_module.character_sums(*given), character_sums(*given), rtol=0, atol=bound)


def test_additions_come_in_the_order_of_the_words_and_then_of_the_parts(
    triton_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triton_module, "COLUMNS_AT_ONCE", 2)
    grad_UF = torch.tensor([1.0, 2.0**24, -(2.0**24), 1.0, 1.0, 2.0**24, -(2.0**24)]).unsqueeze(1)
    chars_UW, at_UF = torch.zeros(7, 1, dtype=torch.long), torch.zeros(7, 1, dtype=torch.long)
    found = triton_module.character_sums(chars_UW, at_UF, grad_UF, 1, 1)
    # 1 + 2^24 rounds to 2^24: four words leave the second 1 of theirs, the other three nothing.
    assert found.item() == 1.0
