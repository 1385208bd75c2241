"""The softmax for a GPU: one look at every logit, and no pass over them in the backward but its products'.

The same operation as in :mod:`elmo_cli.model.softmax`, of which it is another order. The product of a block of
positions is stored as it comes; a kernel adds the bias, takes loss and probabilities out of a row while it is in
registers, and writes the gradient by the logits in the type that the backward's products read: bfloat16 in bf16, else
where the logits were. The loss's own gradient is a factor per position, which goes to the narrow side of both products.
Every target's logit is computed apart, in float32 whatever the precision. Nothing waits for the device.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from elmo_cli.kernels.choice import softmax_kernels
from elmo_cli.model.precision import current_precision, operand, product

BLOCK, MULTIPLE = 1 << 24, 128
"""Logits that training holds at once, about, 64 MiB of float32; positions come in multiples, as products' tiles do."""


class FusedLosses(torch.autograd.Function):
    """Negative log-likelihoods (N,) of targets among the classes of some rows."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_RD: Tensor,
        bias_R: Tensor,
        targets_N: Tensor,
        absent_R: Tensor | None,
        keeps: int,
    ) -> Tensor:
        """Computes the losses.

        Args:
            hidden_ND: What predicts.
            weight_RD: Class weights.
            bias_R: Class biases.
            targets_N: Numbers of the classes to predict.
            absent_R: Which classes count for no position but those whose target they are; None for none.
            keeps: Bytes of the logits' gradient that may be kept for the backward; of more, every block is computed
                once more.
        """
        hidden_ND, weight_RD = hidden_ND.contiguous(), weight_RD.contiguous()
        ctx.precision = precision = current_precision()
        own_N = softmax_kernels(hidden_ND.device).target_logits(hidden_ND, weight_RD, bias_R, targets_N)
        others_R = bias_R.clone() if absent_R is None else bias_R.masked_fill(absent_R, float("-inf"))
        read_ND, read_RD = operand(hidden_ND, precision), operand(weight_RD, precision)
        ctx.save_for_backward(hidden_ND, read_ND, read_RD, others_R, targets_N, own_N)
        logits = _Logits(read_ND, read_RD, others_R, targets_N, own_N, precision)
        has_room = len(hidden_ND) * len(weight_RD) * logits.narrow.itemsize <= keeps
        ctx.kept = logits.place(len(hidden_ND), logits.narrow) if has_room else None
        place_NR, losses_N = logits.place(logits.step, own_N.dtype), torch.empty_like(own_N)
        for block in logits.blocks():
            logits.compute(block, place_NR, losses_N[block], ctx.kept[block] if has_room else None)
        return losses_N

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_N: Tensor) -> tuple[Tensor, Tensor | None, Tensor, None, None, None]:
        """Gradients of what predicts, weights and biases."""
        hidden_ND, read_ND, read_RD, others_R, targets_N, own_N = ctx.saved_tensors
        logits = _Logits(read_ND, read_RD, others_R, targets_N, own_N, ctx.precision)
        column_sums = softmax_kernels(hidden_ND.device).column_sums
        grad_hidden_ND, grad_bias_R = torch.empty_like(hidden_ND), torch.zeros_like(logits.others_R)
        grad_weight_RD = None
        scaled_ND = operand(hidden_ND * grad_N.unsqueeze(1), ctx.precision)
        for block, slopes in logits.slopes(ctx.kept):
            product(slopes, logits.weight_RD, ctx.precision, out=grad_hidden_ND[block])
            grad_weight_RD = product(
                slopes.t(), scaled_ND[block], ctx.precision, plus=grad_weight_RD, out=grad_weight_RD
            )
            grad_bias_R += column_sums(slopes, grad_N[block])
        return grad_hidden_ND.mul_(grad_N.unsqueeze(1)), grad_weight_RD, grad_bias_R, None, None, None


class _Logits(NamedTuple):
    """What logits are made of."""

    hidden_ND: Tensor
    """As products read it, and so the weights."""
    weight_RD: Tensor
    others_R: Tensor
    """Biases; minus infinity where a class is absent."""
    targets_N: Tensor
    own_N: Tensor
    """The targets' logits."""

    precision: str

    @property
    def narrow(self) -> torch.dtype:
        """The type in which the backward's products read the gradient by the logits."""
        return torch.bfloat16 if self.precision == "bf16" and self.own_N.dtype == torch.float32 else self.own_N.dtype

    @property
    def step(self) -> int:
        """Positions of a block."""
        tiles = max(1, round(BLOCK / len(self.weight_RD) / MULTIPLE))
        return min(len(self.hidden_ND), tiles * MULTIPLE)

    def blocks(self) -> Iterator[slice]:
        """All positions, block by block."""
        for first in range(0, len(self.hidden_ND), max(1, self.step)):
            yield slice(first, min(first + self.step, len(self.hidden_ND)))

    def place(self, positions: int, number: torch.dtype) -> Tensor:
        """Memory for as many numbers as there are logits of these positions."""
        return self.own_N.new_empty(positions, len(self.weight_RD), dtype=number)

    def compute(self, block: slice, place_NR: Tensor, losses_N: Tensor, slopes_NR: Tensor | None) -> None:
        """Losses of a block, and the gradients by its logits where they have a place."""
        if slopes_NR is not None and self.narrow == self.own_N.dtype:
            place_NR = slopes_NR
        place_NR = place_NR[: block.stop - block.start]
        product(self.hidden_ND[block], self.weight_RD.t(), self.precision, out=place_NR)
        kernels = softmax_kernels(self.own_N.device)
        kernels.losses(place_NR, self.others_R, self.targets_N[block], self.own_N[block], losses_N, slopes_NR)

    def slopes(self, kept_NR: Tensor | None) -> Iterator[tuple[slice, Tensor]]:
        """Gradients by the logits: all at once where they were kept, else block by block, each in place of the last."""
        if kept_NR is not None:
            yield slice(0, len(kept_NR)), kept_NR
            return
        place_NR, losses_N = self.place(self.step, self.own_N.dtype), torch.empty_like(self.own_N)
        slopes_NR = self.place(self.step, self.narrow)
        for block in self.blocks():
            slopes = slopes_NR[: block.stop - block.start]
            self.compute(block, place_NR, losses_N[block], slopes)
            yield block, slopes


def losses_by_blocks(
    hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor, targets_N: Tensor, size: tuple[int, int]
) -> Tensor:
    """The same losses in bounded memory, without gradient: ``size`` positions and classes of the logits at once.

    Of all that stands in bfloat16 in bf16, logits do not: near 16 they would be 1/16 apart.
    """
    hidden_ND = hidden_ND.contiguous()
    precision, kernels = current_precision(), softmax_kernels(hidden_ND.device)
    positions, classes = min(size[0], len(hidden_ND)), min(size[1], len(weight_VD))
    own_N = kernels.target_logits(hidden_ND, weight_VD, bias_V, targets_N)
    largest_N, total_N = own_N.clone(), torch.ones_like(own_N)
    read_ND, place = operand(hidden_ND, precision), own_N.new_empty(positions * classes)
    for first in range(0, len(weight_VD), classes):
        # Classes go outside, so that their weights are rounded once.
        weight, bias = operand(weight_VD[first : first + classes], precision), bias_V[first : first + classes]
        for begin in range(0, len(hidden_ND), positions):
            block = slice(begin, begin + positions)
            hidden = read_ND[block]
            logits = place[: len(hidden) * len(weight)].view(len(hidden), len(weight))
            product(hidden, weight.t(), precision, out=logits)
            kernels.add_to_sums(logits, bias, targets_N[block], first, largest_N[block], total_N[block])
    return largest_N + total_N.log() - own_N
