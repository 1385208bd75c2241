"""Memory for weights: as torch would give it, but for its pages."""

import torch

from elmo_cli.model.large_pages import empty


def test_it_has_the_shape_and_type_that_torch_would_give() -> None:
    found = empty(3, 5)
    assert found.shape == (3, 5)
    assert found.dtype == torch.get_default_dtype()
    assert found.is_contiguous()


def test_another_device_or_type_that_is_set_counts() -> None:
    with torch.device("meta"):
        assert empty(2, 2).device.type == "meta"
    torch.set_default_dtype(torch.bfloat16)
    try:
        assert empty(2).dtype == torch.bfloat16
    finally:
        torch.set_default_dtype(torch.float32)
