"""A step of Adagrad with the clip's factor in it, in plain torch: what the faster version is held to.

::

    g = factor * gradient
    a += g^2
    v -= rate * g / sqrt(a)
"""

import torch
from torch import Tensor


def whole(value: Tensor, total: Tensor, gradient: Tensor, factor: Tensor | None, rate: float) -> None:
    """A step on a parameter.

    Args:
        value: The parameter; changed.
        total: Its accumulator; changed.
        gradient: Its gradient.
        factor: What the gradient is multiplied by, without dimensions; None for 1.
        rate: The learning rate.
    """
    gradient = _scaled(gradient, factor)
    total.addcmul_(gradient, gradient)
    value.addcdiv_(gradient, total.sqrt(), value=-rate)


def rows(value: Tensor, total: Tensor, ids_R: Tensor, gradient: Tensor, factor: Tensor | None, rate: float) -> None:
    """The same on some rows.

    Args:
        value: The parameter; changed.
        total: Its accumulator; changed.
        ids_R: Which rows, all different.
        gradient: One row each, in the same order.
        factor: As for :func:`whole`.
        rate: The learning rate.
    """
    gradient = _scaled(gradient, factor)
    sums = total[ids_R].addcmul_(gradient, gradient)
    total[ids_R] = sums
    value.index_add_(0, ids_R, gradient / sums.sqrt_(), alpha=-rate)


def _scaled(gradient: Tensor, factor: Tensor | None) -> Tensor:
    return gradient if factor is None else torch.mul(gradient, factor)
