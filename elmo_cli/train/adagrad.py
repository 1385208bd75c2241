"""Adagrad as bilm-tf runs it: accumulators from 1, no epsilon, and only the touched rows of the softmax."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from elmo_cli.kernels.choice import adagrad_kernels
from elmo_cli.train.gradients import multiply


class Adagrad:
    """Updates ``a += g^2; v -= rate * g / sqrt(a)`` (Duchi et al., 2011), in place.

    Updating only touched rows gives the same result as updating all: a zero gradient changes nothing.

    Args:
        parameters: By name; the names address the accumulators in a checkpoint.
        initial_accumulator: Where every ``a`` starts. There is no epsilon, so it must be above 0.
    """

    def __init__(self, parameters: Mapping[str, Tensor], *, initial_accumulator: float) -> None:
        self.parameters = dict(parameters)
        self.accumulators = {
            name: torch.full_like(parameter, initial_accumulator, requires_grad=False)
            for name, parameter in self.parameters.items()
        }

    @torch.no_grad()
    def update(
        self, gradients: Mapping[str, Tensor], rate: float, _step: int = 0, factor: Tensor | None = None
    ) -> None:
        """One step on whole parameters, the same at any step of a run.

        Args:
            gradients: By parameter name; parameters without one stay as they are. They may be overwritten.
            rate: The learning rate.
            factor: What the gradients are multiplied by first, without dimensions; None for 1.
        """
        if not gradients:
            return
        values = [self.parameters[name] for name in gradients]
        sums = [self.accumulators[name] for name in gradients]
        slopes = list(gradients.values())
        kernels = adagrad_kernels(values[0].device)
        if kernels is not None:
            for value, total, slope in zip(values, sums, slopes, strict=True):
                kernels.whole(value, total, slope, factor, rate)
            return
        multiply(slopes, factor)
        if all(value.device.type == "cpu" for value in values):
            _update_in_one_pass(values, sums, slopes, rate)
            return
        torch._foreach_addcmul_(sums, slopes, slopes)
        torch._foreach_addcdiv_(values, slopes, torch._foreach_sqrt(sums), value=-rate)

    @torch.no_grad()
    def update_rows(
        self,
        name: str,
        ids_R: Tensor,
        gradient: Tensor,
        rate: float,
        _step: int = 0,
        factor: Tensor | None = None,
    ) -> None:
        """One step on some rows of a parameter.

        Args:
            ids_R: Which rows, all different.
            gradient: One row each, in the same order; it may be overwritten.
            rate: The learning rate.
            factor: As for :meth:`update`.
        """
        kernels = adagrad_kernels(gradient.device)
        if kernels is not None:
            kernels.rows(self.parameters[name], self.accumulators[name], ids_R, gradient, factor, rate)
            return
        multiply([gradient], factor)
        sums = self.accumulators[name][ids_R].addcmul_(gradient, gradient)
        self.accumulators[name][ids_R] = sums
        self.parameters[name].index_add_(0, ids_R, gradient / sums.sqrt_(), alpha=-rate)

    def tensors(self) -> dict[str, Any]:
        """Everything a checkpoint has to keep."""
        return {"accumulators": self.accumulators}

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Takes up where :meth:`tensors` was called."""
        for name, values in tensors["accumulators"].items():
            self.accumulators[name].copy_(values)


def _update_in_one_pass(values: list[Tensor], sums: list[Tensor], slopes: list[Tensor], rate: float) -> None:
    """The same arithmetic by torch's fused kernel: every number is read and written once, and no root is stored."""
    # The kernel goes by addresses, whatever the strides are; without decay of the rate it has no use for the step.
    slopes = [slope.contiguous() for slope in slopes]
    step = torch.zeros(())
    torch._fused_adagrad_(
        values, slopes, sums, [step] * len(values), lr=rate, lr_decay=0.0, weight_decay=0.0, eps=0.0, maximize=False
    )
