"""The softmax over the vocabulary that both directions share: sampled for training, full for evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from elmo_cli.device import sent
from elmo_cli.kernels.choice import steps_are_fused
from elmo_cli.model.precision import current_precision, product
from elmo_cli.model.sampler import Ids, Negatives
from elmo_cli.model.softmax_fused import FusedLosses, losses_by_blocks

CPU_BLOCK = (256, 1024)
"""Positions and classes of the logits that a full softmax holds at once on a CPU: 1 MiB stays in the cache, and is 2.6
times as fast as 64 MiB (8,192 positions, 13,778 classes, one core)."""

GPU_BLOCK = (16_384, 8_192)
"""The same on a GPU, which wants large products: 512 MiB."""

BLOCK, LEAST_POSITIONS = 1 << 24, 64
"""Logits that training holds at once, 64 MiB of float32, and positions of which it does so at least."""

KEPT = 1 << 31
"""Bytes of probabilities that sampled softmax keeps from its forward to its backward pass at most."""


class Softmax(nn.Module):
    """Class weights (V, D) and biases (V). Rows are gathered and updated by :class:`TouchedRows`."""

    def __init__(self, vocabulary_size: int, input_dim: int) -> None:
        super().__init__()
        self.weight_VD = nn.Parameter(torch.empty(vocabulary_size, input_dim))
        self.bias_V = nn.Parameter(torch.empty(vocabulary_size))

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Weights normal with deviation D^-1/2, biases 0."""
        with torch.no_grad():
            self.weight_VD.normal_(0, self.weight_VD.shape[1] ** -0.5, generator=generator)
            self.bias_V.zero_()


@dataclass(frozen=True)
class TouchedRows:
    """What one step of sampled softmax reads of the class weights, addressed compactly.

    Row r of the gathered weights belongs to class ``ids_R[r]``; positions and negatives point at such rows.
    """

    ids_R: Tensor
    """Distinct classes: every target and every negative of the step."""
    targets_N: Tensor
    """Each position's target, as a row number."""
    negatives_K: Tensor
    """Each negative, as a row number."""
    log_expected_R: Tensor
    """log expected count of each row's class, float32."""
    column_R: Tensor
    """Which negative a row is, or -1: where a position's own target turns up among the negatives."""

    @classmethod
    def of(cls, targets_N: Ids, negatives: Negatives, device: torch.device) -> "TouchedRows":
        """Finds the rows on the host, then moves the addresses to the device."""
        ids_R, rows = np.unique(np.concatenate([targets_N, negatives.ids_K]), return_inverse=True)
        negatives_K = rows[len(targets_N) :]
        column_R = np.full(len(ids_R), -1, dtype=np.int64)
        column_R[negatives_K] = np.arange(len(negatives_K))

        def move(array: np.ndarray) -> Tensor:
            return sent(array, device)

        log_expected_R = negatives.log_expected(ids_R).astype(np.float32)
        return cls(move(ids_R), move(rows[: len(targets_N)]), move(negatives_K), move(log_expected_R), move(column_R))


def sampled_losses(hidden_ND: Tensor, weight_RD: Tensor, bias_R: Tensor, rows: TouchedRows) -> Tensor:
    """Negative log-likelihood of each target among itself and the shared negatives.

    Logits are corrected by minus log expected count, for target and negatives alike, and a negative that equals a
    position's target does not count for it (reference/bilm-tf.md, 4.1): every position sees the negatives, and once
    its own target, whether that was drawn or not.

    Shape:
        - hidden_ND, weight_RD, bias_R -> losses_N, in nats
    """
    given = hidden_ND, weight_RD, bias_R - rows.log_expected_R, rows.targets_N, rows.column_R < 0
    if steps_are_fused(hidden_ND.device):
        return cast(Tensor, FusedLosses.apply(*given, KEPT))
    return cast(Tensor, _Losses.apply(*given))


def full_losses(hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor, targets_N: Tensor) -> Tensor:
    """Negative log-likelihood of each target among the whole vocabulary, with gradient.

    Shape:
        - hidden_ND, weight_VD, bias_V, targets_N -> losses_N, in nats
    """
    if steps_are_fused(hidden_ND.device):
        return cast(Tensor, FusedLosses.apply(hidden_ND, weight_VD, bias_V, targets_N, None, 0))
    return cast(Tensor, _Losses.apply(hidden_ND, weight_VD, bias_V, targets_N, None))


class _Losses(torch.autograd.Function):
    """Softmax and cross-entropy as one operation, some positions at a time.

    With p the probabilities of a position, the gradient of its loss by its logits is p - 1 at the target and p
    elsewhere. Sampled softmax keeps its logarithms of p from forward to backward where they have room in :data:`KEPT`;
    else, and always among the whole vocabulary, every block of them is computed once more.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, weight_RD: Tensor, bias_R: Tensor, targets_N: Tensor, absent_R: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(hidden_ND, weight_RD, bias_R, targets_N, absent_R)
        ctx.precision = current_precision()
        size = len(hidden_ND) * len(weight_RD) * hidden_ND.element_size()
        ctx.kept = [] if absent_R is not None and size <= KEPT else None
        losses = []
        for hidden, targets in _blocks(len(weight_RD), hidden_ND, targets_N):
            log_p = _log_probabilities(hidden, weight_RD, bias_R, targets, absent_R, ctx.precision)
            losses.append(-log_p.gather(1, targets.unsqueeze(1)).squeeze(1))
            if ctx.kept is not None:
                ctx.kept.append(log_p)
        return torch.cat(losses) if losses else hidden_ND.new_empty(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_N: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        hidden_ND, weight_RD, bias_R, targets_N, absent_R = ctx.saved_tensors
        grad_hidden_ND = torch.empty_like(hidden_ND, memory_format=torch.contiguous_format)
        grad_weight_RD = torch.zeros_like(weight_RD, memory_format=torch.contiguous_format)
        grad_bias_R = torch.zeros_like(bias_R)
        blocks = _blocks(len(weight_RD), hidden_ND, targets_N, grad_N, grad_hidden_ND)
        for number, (hidden, targets, grad, grad_hidden) in enumerate(blocks):
            if ctx.kept is not None:
                slopes = ctx.kept[number].exp()
            else:
                slopes = _log_probabilities(hidden, weight_RD, bias_R, targets, absent_R, ctx.precision).exp_()
            at = targets.unsqueeze(1)
            slopes.scatter_(1, at, slopes.gather(1, at) - 1).mul_(grad.unsqueeze(1))
            product(slopes, weight_RD, ctx.precision, out=grad_hidden)
            product(slopes.t(), hidden, ctx.precision, plus=grad_weight_RD, out=grad_weight_RD)
            grad_bias_R += slopes.sum(0)
        return grad_hidden_ND, grad_weight_RD, grad_bias_R, None, None


def _log_probabilities(
    hidden_ND: Tensor,
    weight_RD: Tensor,
    bias_R: Tensor,
    targets_N: Tensor,
    absent_R: Tensor | None,
    precision: str,
) -> Tensor:
    """Logarithms (N, R) of the probabilities of the classes, those that are absent left out but for the own target."""
    if absent_R is None:
        logits_NR = product(hidden_ND, weight_RD.t(), precision, plus=bias_R)
    else:
        logits_NR = product(hidden_ND, weight_RD.t(), precision, plus=bias_R.masked_fill(absent_R, float("-inf")))
        target_N = (hidden_ND * weight_RD[targets_N]).sum(1) + bias_R[targets_N]
        logits_NR.scatter_(1, targets_N.unsqueeze(1), target_N.unsqueeze(1))
    return torch.log_softmax(logits_NR, dim=1, out=logits_NR)


def _blocks(classes: int, *values_N: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Some positions at a time, so that their logits are about :data:`BLOCK` numbers."""
    return zip(*(values.split(max(LEAST_POSITIONS, BLOCK // classes)) for values in values_N), strict=True)


def full_losses_chunked(hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor, targets_N: Tensor) -> Tensor:
    """The same figures as :func:`full_losses` in bounded memory, without gradient.

    Classes are read block by block, keeping a running log-sum-exp of each position. On a GPU products have the current
    precision; on a CPU they are as their operands are.
    """
    if steps_are_fused(hidden_ND.device):
        return losses_by_blocks(hidden_ND, weight_VD, bias_V, targets_N, GPU_BLOCK)
    positions, classes = CPU_BLOCK
    total_N = hidden_ND.new_empty(len(hidden_ND))
    for hidden, total in zip(hidden_ND.split(positions), total_N.split(positions), strict=True):
        total.fill_(float("-inf"))
        for weight, bias in zip(weight_VD.split(classes), bias_V.split(classes), strict=True):
            logits = torch.addmm(bias, hidden, weight.t())
            torch.logaddexp(total, torch.logsumexp(logits, dim=1), out=total)
    target_N = (hidden_ND * weight_VD[targets_N]).sum(1) + bias_V[targets_N]
    return total_N - target_N
