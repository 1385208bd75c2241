"""What the model's products read on a GPU that is not there."""

import pytest
import torch

from elmo_cli.model.char_cnn import CharCnn
from elmo_cli.model.precision import products_in, rounded
from tests.fake_cuda import CUDA, fake_cuda
from tests.gpu.small import MODEL


@pytest.mark.parametrize(("precision", "expected"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_only_bf16_on_cuda_rounds_what_single_products_read(precision: str, expected: torch.dtype) -> None:
    here = torch.zeros(3, 4)
    assert rounded(here, precision) is here
    with fake_cuda():
        assert rounded(torch.zeros(3, 4, device=CUDA), precision).dtype == expected


def test_windows_of_characters_are_made_of_rounded_characters() -> None:
    """So that no window is rounded, of which there are as many as letters for each filter width."""
    with fake_cuda() as watch:
        assert MODEL.char_cnn is not None
        encoder = CharCnn(MODEL.char_cnn, 12).to(CUDA)
        watch.clear()
        with products_in("bf16"):
            encoder(torch.zeros(5, 20, dtype=torch.long, device=CUDA), trimmed=True)
    assert {read for read, _, _ in watch.products} == {torch.bfloat16}
    products = sum(watch.products.values())
    casts = sum(number for name, number in watch.launches.items() if name.startswith("_to_copy"))
    assert casts == 2 * products, "each product's weights, and its inputs or the table of characters"
