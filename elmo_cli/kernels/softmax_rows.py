"""What a softmax does to the rows of its logits, in plain torch: what the faster version is held to.

The target of each row has a logit of its own, computed apart, which stands in its column whatever lies there. So a
class that is absent for all rows, its bias minus infinity, is still there for the rows whose target it is.
"""

import torch
from torch import Tensor


def target_logits(hidden_ND: Tensor, weight_RD: Tensor, bias_R: Tensor, targets_N: Tensor) -> Tensor:
    """Each row's logit (N,) of its own target."""
    return (hidden_ND * weight_RD[targets_N]).sum(1) + bias_R[targets_N]


def losses(
    logits_NR: Tensor,
    bias_R: Tensor,
    targets_N: Tensor,
    target_logits_N: Tensor,
    losses_N: Tensor,
    slopes_NR: Tensor | None,
) -> None:
    """Negative log-likelihood of each row's target, and its gradient by the logits.

    Args:
        logits_NR: Logits without their bias.
        bias_R: Added to them; minus infinity for a class that counts for no row but those whose target it is.
        targets_N: Columns of the targets.
        target_logits_N: The targets' logits, bias included.
        losses_N: Where the losses are written.
        slopes_NR: Where the gradients are written, the probabilities less 1 at the target, in any type; the logits'
            own place may be given. None where nobody wants them.
    """
    at = targets_N.unsqueeze(1)
    log_p = torch.log_softmax((logits_NR + bias_R).scatter_(1, at, target_logits_N.unsqueeze(1)), dim=1)
    losses_N.copy_(-log_p.gather(1, at).squeeze(1))
    if slopes_NR is not None:
        slopes = log_p.exp_()
        slopes_NR.copy_(slopes.scatter_(1, at, slopes.gather(1, at) - 1))


def add_to_sums(
    logits_NR: Tensor, bias_R: Tensor, targets_N: Tensor, first: int, largest_N: Tensor, total_N: Tensor
) -> None:
    """Takes some classes into a running log-sum-exp, ``largest + log(total)``; each row's own target is passed over.

    Args:
        logits_NR: Logits of these classes without their bias.
        bias_R: Added to them.
        targets_N: Numbers of the targets among all classes.
        first: Number of the first of these classes.
        largest_N: The largest logit so far; changed.
        total_N: Sum of ``exp(logit - largest)`` so far; changed.
    """
    columns_R = torch.arange(first, first + logits_NR.shape[1], device=logits_NR.device)
    logits_NR = (logits_NR + bias_R).masked_fill_(columns_R == targets_N.unsqueeze(1), float("-inf"))
    largest = torch.maximum(largest_N, logits_NR.amax(1))
    total_N.mul_(torch.exp(largest_N - largest)).add_(logits_NR.sub_(largest.unsqueeze(1)).exp_().sum(1))
    largest_N.copy_(largest)


def column_sums(values_NR: Tensor, weights_N: Tensor) -> Tensor:
    """Sums (R,) over the rows, each times its weight, in the type of the weights."""
    return torch.mv(values_NR.t().to(weights_N.dtype), weights_N)
