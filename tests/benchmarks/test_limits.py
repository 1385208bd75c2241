"""The products that stand for others."""

import pytest
import torch

from benchmarks.flops import Product
from benchmarks.limits import LARGE, MOST_ELEMENTS, MOST_FLOPS, ProductLimits, measured_shape


@pytest.mark.parametrize(("rows", "rounded"), [(1, 1), (2, 2), (3, 3), (5, 4), (7, 6), (10, 8), (37, 32), (1280, 1024)])
def test_rows_are_rounded_to_two_steps_per_doubling(rows: int, rounded: int) -> None:
    assert measured_shape(Product(rows, 8, 8, times=20)) == Product(rounded, 8, 8)


@pytest.mark.parametrize("product", [Product(8192, 512, 793_471), Product(512, 100_000, 16_384, batch=2), LARGE])
def test_no_product_is_too_large_to_measure(product: Product) -> None:
    shape = measured_shape(product)
    assert shape.batch * max(shape.m * shape.k, shape.k * shape.n, shape.m * shape.n) <= MOST_ELEMENTS
    assert shape.flops <= MOST_FLOPS
    assert all(side % 64 == 0 for side in (shape.m, shape.k, shape.n))


def test_the_large_product_stands_for_itself_as_nearly_as_shapes_are_rounded() -> None:
    shape = measured_shape(LARGE)
    assert (shape.k, shape.n) == (512, 16384)
    assert 0.75 <= shape.m / LARGE.m <= 1.25


def test_time_grows_with_the_number_of_products() -> None:
    limits = ProductLimits(torch.device("cpu"), 0.0)
    one, ten = Product(4, 16, 16, batch=2), Product(4, 16, 16, times=10, batch=2)
    assert limits.seconds([ten]) == pytest.approx(10 * limits.seconds([one]))
    assert limits.seconds([one, one]) == pytest.approx(2 * limits.seconds([one]))
    assert limits.seconds([one], min) <= limits.seconds([one]) <= limits.seconds([one], max)
