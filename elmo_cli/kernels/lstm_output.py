"""What happens to a step's output after its projection, in plain torch: what every faster version is held to.

::

    m = clip(h P)
    next step's product reads m * keep * mask

The outputs are in the type that is accumulated in; what a product reads may be in a narrower one.
"""

import torch
from torch import Tensor


def output_forward(
    projected_GBD: Tensor,
    clip: float | None,
    output_GBD: Tensor,
    keep_B: Tensor | None,
    mask_GBD: Tensor | None,
    recurring_GBD: Tensor | None,
) -> None:
    """One step's outputs, and what of them recurs.

    Args:
        projected_GBD: The projection's product; the hidden values where there is no projection.
        clip: Bound on the outputs; None for none.
        output_GBD: Where the outputs are written.
        keep_B: 0 where a row's output counts as zero for the next step, else 1; None for all 1.
        mask_GBD: What the outputs are multiplied by where they recur; None for all 1.
        recurring_GBD: Where the next step's product reads, with the rows that are still going; None after the last.
    """
    output_GBD.copy_(projected_GBD)
    if clip is not None:
        output_GBD.clamp_(-clip, clip)
    if recurring_GBD is not None:
        recurring_GBD.copy_(_scaled(output_GBD[:, : recurring_GBD.shape[1]], keep_B, mask_GBD))


def output_backward(
    grad_output_GBD: Tensor,
    grad_recurring_GBD: Tensor | None,
    keep_B: Tensor | None,
    mask_GBD: Tensor | None,
    output_GBD: Tensor,
    clip: float | None,
    grad_projected_GBD: Tensor,
) -> None:
    """The gradient of the projection's product. The clip's is zero where an output sits on the bound.

    Args:
        grad_output_GBD: Gradient of the outputs from outside the recurrence.
        grad_recurring_GBD: Gradient of what the next step read, with as many rows as it had; None after the last.
        keep_B: As given to :func:`output_forward`.
        mask_GBD: As given to :func:`output_forward`.
        output_GBD: Outputs.
        clip: As given to :func:`output_forward`.
        grad_projected_GBD: Where the gradient is written, in the type of the products.
    """
    gradient = grad_output_GBD.clone()
    if grad_recurring_GBD is not None:
        going = grad_recurring_GBD.shape[1]
        gradient[:, :going] += _scaled(grad_recurring_GBD.to(gradient.dtype), keep_B, mask_GBD)
    if clip is not None:
        gradient *= output_GBD.abs() < clip
    grad_projected_GBD.copy_(gradient)


def _scaled(values_GBD: Tensor, keep_B: Tensor | None, mask_GBD: Tensor | None) -> Tensor:
    going = values_GBD.shape[1]
    if keep_B is not None:
        values_GBD = values_GBD * keep_B[:going].unsqueeze(1)
    return values_GBD if mask_GBD is None else torch.mul(values_GBD, mask_GBD[:, :going])
