"""ELMo's layers to one vector per token."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elmo_cli.errors import ConfigError


class ScalarMix(nn.Module):
    """Collapses ELMo's layers into one vector per token.

    Computes ``gamma * sum_l softmax(s)_l * layer_l``, equation 1 of Peters et al. (2018). A fresh mix is the plain
    average: every ``s`` is 0 and gamma is 1. The parameters have AllenNLP's names, ``gamma`` and
    ``scalar_parameters.0`` and so on, of one element each, so that its state dicts load.

    Args:
        mixture_size: L, the token layer included (3 for the released models).
        do_layer_norm: Whether each layer is normalised first, with one mean and one variance over all unmasked
            positions and all dimensions of the batch. A sentence's vectors then depend on the rest of its batch.
        initial_scalar_parameters: The ``s`` to begin with, before the softmax; None for zeros. ``[-9e10, 1, -9e10]``
            picks layer 1 of three.
        trainable: Whether weights and gamma may learn.

    Shape:
        - tensors, L times (..., T, E), and mask (..., T), which layer norm needs -> (..., T, E)

    Raises:
        ConfigError: There are not as many initial parameters as layers.
        ValueError: When called: there are not as many tensors as layers, or layer norm lacks the mask.

    Example:
        >>> mix = ScalarMix(2, initial_scalar_parameters=[0.0, 0.0])
        >>> mix([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])]).tolist()
        [[2.0, 3.0]]
    """

    def __init__(
        self,
        mixture_size: int,
        do_layer_norm: bool = False,
        initial_scalar_parameters: Sequence[float] | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__()
        self.mixture_size = mixture_size
        self.do_layer_norm = do_layer_norm
        initial = [0.0] * mixture_size if initial_scalar_parameters is None else list(initial_scalar_parameters)
        if len(initial) != mixture_size:
            raise ConfigError(
                f"scalar mix: expected {mixture_size} initial parameters, one per layer, found {len(initial)}"
            )
        self.scalar_parameters = nn.ParameterList(
            nn.Parameter(torch.tensor([value], dtype=torch.get_default_dtype()), requires_grad=trainable)
            for value in initial
        )
        self.gamma = nn.Parameter(torch.ones(1), requires_grad=trainable)

    def forward(self, tensors: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        """See the class."""
        if len(tensors) != self.mixture_size:
            raise ValueError(f"scalar mix: expected {self.mixture_size} tensors, one per layer, found {len(tensors)}")
        if self.do_layer_norm:
            if mask is None:
                raise ValueError("scalar mix: layer norm needs the mask, and none was given")
            tensors = [_layer_norm(tensor, mask) for tensor in tensors]
        weights_L = torch.softmax(torch.cat(list(self.scalar_parameters)), dim=0)
        return self.gamma * sum(weight * tensor for weight, tensor in zip(weights_L, tensors, strict=True))


def _layer_norm(values: Tensor, mask: Tensor) -> Tensor:
    """``(x - mean) / sqrt(var + tiny)``, mean and biased variance of everything unmasked (AllenNLP, scalar_mix.py)."""
    unmasked = mask.unsqueeze(-1).to(values.dtype)
    count = mask.sum() * values.shape[-1]
    mean = (values * unmasked).sum() / count
    variance = (((values - mean) * unmasked) ** 2).sum() / count
    # Below the smallest step of a half-precision number 1e-13 would be no bound at all.
    tiny = 1e-4 if values.dtype in (torch.float16, torch.bfloat16) else 1e-13
    return (values - mean) / torch.sqrt(variance + tiny)
