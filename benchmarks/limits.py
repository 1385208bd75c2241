"""What the device reaches when it does nothing but multiply matrices, measured in the same run.

A product is measured alone, with contiguous factors that stay in place, as one batched product and as separate ones, at
a few places in memory, and the fastest counts: where a large matrix lies can double the time of a product of few rows.
"""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import torch
from torch import Tensor

from benchmarks.flops import Product, Products
from benchmarks.timing import Timing, measure
from elmo_cli.model.precision import products_in

LARGE = Product(640, 512, 16384)
"""The large product that shares are given of: one window of 32 rows through the gates of the ``original`` model."""

PLACES = 3
"""Places in memory that each product is measured at."""
MOST_ELEMENTS = 1 << 25
"""Elements of the largest matrix that is measured."""
MOST_FLOPS = 1 << 35
"""Operations of the largest product that is measured. A larger one is taken to run at the same rate."""


class ProductLimits:
    """Measures products, each shape once.

    Args:
        device: Where.
        seconds: Time to spend on the large product; the many other shapes get a tenth of it each.
        precision: Of the products; in bf16, factors and result are bfloat16.
    """

    def __init__(self, device: torch.device, seconds: float, precision: str = "fp32") -> None:
        self.device = device
        self.precision = precision
        self._others: dict[str, ProductLimits] = {precision: self}
        self._seconds = seconds / 10
        self._measured = {LARGE: self._time(LARGE, seconds)}
        self.large_rate = LARGE.flops / self.timing(LARGE).median
        """Operations per second of :data:`LARGE`."""

    def of(self, precision: str) -> "ProductLimits":
        """What the device reaches in another precision."""
        if precision not in self._others:
            self._others[precision] = ProductLimits(self.device, 10 * self._seconds, precision)
        return self._others[precision]

    def seconds(self, products: Products, pick: Callable[[Sequence[float]], float] = median) -> float:
        """Time that the products alone would take, at the rates of their own (rounded) shapes.

        Args:
            products: All of them.
            pick: Which of the readings of a shape counts: the median, ``max`` or ``min``.
        """
        total = 0.0
        for product in products:
            shape = measured_shape(product)
            total += product.flops / shape.flops * pick(self.timing(shape).seconds)
        return total

    def rates(self, products: Products, units: float) -> tuple[float, float, float]:
        """Units a second if nothing but the products were computed: the median, and at the slowest and fastest."""
        slow, fast = (units / self.seconds(products, pick) for pick in (max, min))
        return units / self.seconds(products), slow, fast

    def timing(self, product: Product) -> Timing:
        """Seconds of one product of exactly this shape, or of one batch of them."""
        if product not in self._measured:
            self._measured[product] = self._time(product, self._seconds)
        return self._measured[product]

    def _time(self, product: Product, seconds: float) -> Timing:
        generator = torch.Generator(self.device).manual_seed(1)
        kind = torch.bfloat16 if self.precision == "bf16" else torch.float32
        timings, places = [], []
        for _ in range(PLACES):
            left = torch.randn(product.batch, product.m, product.k, device=self.device, generator=generator).to(kind)
            right = torch.randn(product.batch, product.k, product.n, device=self.device, generator=generator).to(kind)
            out = left.new_empty(product.batch, product.m, product.n)
            places.append((left, right, out))  # kept, or the next ones would lie where these do
            with products_in(self.precision):
                timings.append(measure(partial(_multiply_each, left, right, out), self.device, seconds / PLACES))
                if product.batch > 1:
                    timings.append(measure(partial(torch.bmm, left, right, out=out), self.device, seconds / PLACES))
        return min(timings, key=lambda timing: timing.median)


def _multiply_each(left: Tensor, right: Tensor, out: Tensor) -> None:
    for one, other, result in zip(left, right, out, strict=True):
        torch.mm(one, other, out=result)


def measured_shape(product: Product) -> Product:
    """One product of nearly this shape, so that few have to be measured.

    The rows m are rounded to two steps per doubling (1, 2, 3, 4, 6, 8, 12, ...), and the longest side is halved until
    the product is within :data:`MOST_ELEMENTS` and :data:`MOST_FLOPS`.

    Example:
        >>> measured_shape(Product(37, 512, 16384, times=20, batch=2))
        Product(m=32, k=512, n=16384, times=1, batch=2)
    """
    shape = Product(_round(product.m), product.k, product.n, batch=product.batch)
    while _elements(shape) > MOST_ELEMENTS or shape.flops > MOST_FLOPS:
        longest = max(shape.m, shape.k, shape.n)
        m, k, n = (_half(side) if side == longest else side for side in (shape.m, shape.k, shape.n))
        shape = Product(m, k, n, batch=shape.batch)
    return shape


def _half(side: int) -> int:
    # Odd sides are slow on a GPU; half of one must not be slower than the whole.
    return side // 128 * 64 if side >= 128 else side // 2


def _elements(shape: Product) -> int:
    return shape.batch * max(shape.m * shape.k, shape.k * shape.n, shape.m * shape.n)


def _round(rows: int) -> int:
    power = 1 << (rows.bit_length() - 1)
    return min((power, max(1, power * 3 // 2), power * 2), key=lambda step: abs(step - rows))
