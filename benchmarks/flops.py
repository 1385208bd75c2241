"""The matrix products of every part: what the arithmetic cannot do without, and the yardstick of every share.

A product of (m, k) and (k, n) is ``2 m n k`` floating-point operations. Its two gradients are products of the same
size, so training takes three times the operations of the forward pass. One part takes less: maximum pooling lets
gradient through to one window per word and filter, so a convolution's gradient is a few small products for the whole
batch (``elmo_cli/model/char_cnn.py``). Element-wise work counts for nothing here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from elmo_cli.config import CharCnnConfig, LstmConfig
from elmo_cli.model.char_cnn import CHARACTERS

DIRECTIONS = 2


@dataclass(frozen=True)
class Product:
    """A product of (m, k) and (k, n), done ``batch`` at a time and ``times`` times with the same right factor."""

    m: int
    k: int
    n: int
    times: int = 1
    batch: int = 1

    @property
    def flops(self) -> int:
        """Floating-point operations of all of it.

        Example:
            >>> Product(2, 3, 4, times=5).flops
            240
        """
        return 2 * self.m * self.k * self.n * self.times * self.batch

    def gradients(self) -> list["Product"]:
        """The products that give both factors' gradients; the right factor's is one product over all times.

        Example:
            >>> Product(2, 3, 4, times=5).gradients()
            [Product(m=2, k=4, n=3, times=5, batch=1), Product(m=3, k=10, n=4, times=1, batch=1)]
        """
        left = Product(self.m, self.n, self.k, self.times, self.batch)
        return [left, Product(self.k, self.m * self.times, self.n, 1, self.batch)]


Products = list[Product]


def total_flops(products: Iterable[Product]) -> int:
    """Operations of all products together."""
    return sum(product.flops for product in products)


def gradients(products: Iterable[Product]) -> Products:
    """What the backward pass of these products takes: twice their operations."""
    return [gradient for product in products for gradient in product.gradients()]


def convolutions(config: CharCnnConfig, types: int, columns: int) -> Products:
    """Every filter at every position, as one product per filter width.

    Args:
        config: The filters.
        types: U.
        columns: Characters per word that are computed: W, or what trimming leaves of it.
    """
    return [
        Product(types * (columns - width + 1), width * config.embedding_dim, count) for width, count in config.filters
    ]


def convolution_gradients(config: CharCnnConfig) -> Products:
    """From the table of gradients per filter column and character: of the kernels, and of the embedding."""
    return [
        product
        for width, count in config.filters
        for product in (
            Product(config.embedding_dim, CHARACTERS, count, batch=width),
            Product(CHARACTERS, count, config.embedding_dim, batch=width),
        )
    ]


def highways_and_projection(config: CharCnnConfig, types: int, output_dim: int) -> Products:
    """Two square products per highway, and the projection where there is one."""
    filters = config.total_filters
    products = [Product(types, filters, filters)] * (2 * config.highways)
    return products + ([Product(types, filters, output_dim)] if filters != output_dim else [])


def encoder(config: CharCnnConfig, types: int, columns: int, output_dim: int) -> Products:
    """The character CNN's forward pass over U word types."""
    return convolutions(config, types, columns) + highways_and_projection(config, types, output_dim)


def encoder_gradients(config: CharCnnConfig, types: int, output_dim: int) -> Products:
    """The character CNN's backward pass."""
    return gradients(highways_and_projection(config, types, output_dim)) + convolution_gradients(config)


def lstm(config: LstmConfig, batch_sizes: Sequence[int]) -> Products:
    """All layers in both directions: the inputs' half of the gates at once, the recurrent half and projection by step.

    Args:
        config: Sizes.
        batch_sizes: Sequences still going at each step.
    """
    wide, narrow = config.cell_dim, config.projection_dim
    layer = [Product(sum(batch_sizes), narrow, 4 * wide, batch=DIRECTIONS)]
    for size, steps in Counter(batch_sizes).items():
        layer.append(Product(size, narrow, 4 * wide, times=steps, batch=DIRECTIONS))
        if config.projected:
            layer.append(Product(size, wide, narrow, times=steps, batch=DIRECTIONS))
    return layer * config.layers


def softmax(positions: int, width: int, classes: int) -> Products:
    """Logits of both directions: over K sampled classes in training, over V in evaluation.

    Args:
        positions: Of one direction.
        width: D.
        classes: K or V.
    """
    return [Product(DIRECTIONS * positions, width, classes)]
