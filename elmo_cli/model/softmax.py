"""The softmax over the vocabulary that both directions share: sampled for training, full for evaluation."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from elmo_cli.model.sampler import Ids, Negatives

CPU_BLOCK = (256, 1024)
"""Positions and classes of the logits that a full softmax holds at once on a CPU: 1 MiB stays in the cache, and is 2.6
times as fast as 64 MiB (8,192 positions, 13,778 classes, one core)."""

GPU_BLOCK = (16_384, 8_192)
"""The same on a GPU, which wants large products: 512 MiB."""


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
            return torch.from_numpy(array).to(device, non_blocking=True)

        log_expected_R = negatives.log_expected(ids_R).astype(np.float32)
        return cls(move(ids_R), move(rows[: len(targets_N)]), move(negatives_K), move(log_expected_R), move(column_R))


def sampled_losses(hidden_ND: Tensor, weight_RD: Tensor, bias_R: Tensor, rows: TouchedRows) -> Tensor:
    """Negative log-likelihood of each target among itself and the shared negatives.

    Logits are corrected by minus log expected count, for target and negatives alike, and a negative that equals a
    position's target does not count for it (reference/bilm-tf.md, 4.1).

    Shape:
        - hidden_ND, weight_RD, bias_R -> losses_N, in nats
    """
    corrected_R = bias_R - rows.log_expected_R
    target_N = (hidden_ND * weight_RD[rows.targets_N]).sum(1) + corrected_R[rows.targets_N]
    logits_NK = torch.addmm(corrected_R[rows.negatives_K], hidden_ND, weight_RD[rows.negatives_K].t())
    hits_N = rows.column_R[rows.targets_N]
    is_hit = hits_N >= 0
    # A scatter of one number per position; where there is no hit, column 0 gets its own value back.
    at = hits_N.clamp(min=0).unsqueeze(1)
    logits_NK = logits_NK.scatter(1, at, logits_NK.gather(1, at).masked_fill(is_hit.unsqueeze(1), float("-inf")))
    return torch.logaddexp(torch.logsumexp(logits_NK, dim=1), target_N) - target_N


def full_losses(hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor, targets_N: Tensor) -> Tensor:
    """Negative log-likelihood of each target among the whole vocabulary, with gradient; holds (N, V) logits.

    Shape:
        - hidden_ND, weight_VD, bias_V, targets_N -> losses_N, in nats
    """
    logits_NV = torch.addmm(bias_V, hidden_ND, weight_VD.t())
    return functional.cross_entropy(logits_NV, targets_N, reduction="none")


def full_losses_chunked(hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor, targets_N: Tensor) -> Tensor:
    """The same figures as :func:`full_losses` in bounded memory, without gradient.

    Classes are read block by block, keeping a running log-sum-exp of each position.
    """
    positions, classes = GPU_BLOCK if hidden_ND.is_cuda else CPU_BLOCK
    total_N = hidden_ND.new_empty(len(hidden_ND))
    for hidden, total in zip(hidden_ND.split(positions), total_N.split(positions), strict=True):
        total.fill_(float("-inf"))
        for weight, bias in zip(weight_VD.split(classes), bias_V.split(classes), strict=True):
            logits = torch.addmm(bias, hidden, weight.t())
            torch.logaddexp(total, torch.logsumexp(logits, dim=1), out=total)
    target_N = (hidden_ND * weight_VD[targets_N]).sum(1) + bias_V[targets_N]
    return total_N - target_N
