"""Class weights without training: from those of other classes, or from the states in which words were predicted."""

from dataclasses import dataclass

import torch
from torch import Tensor

RIDGE = 10.0
"""Strength of the regression, in examples."""
USUAL_PRIOR = 10.0
"""Occurrences of a word at which it counts half as much as a frequent one in the regression."""


def fit_ridge(inputs_NX: Tensor, outputs_NY: Tensor, weights_N: Tensor, strength: float) -> Tensor:
    """The matrix (X + 1, Y) of the linear map with intercept that predicts outputs from inputs, by ridge regression.

    Minimises ``sum_n weights_n |inputs_n M + m - outputs_n|^2 + strength * weight per example * |M|^2`` after inputs
    were brought to variance 1, so ``strength`` counts examples. Solved in float64.

    Example:
        >>> inputs, outputs = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[1.0], [3.0], [5.0]])
        >>> matrix = fit_ridge(inputs, outputs, torch.ones(3), 0)
        >>> matrix.round(decimals=6).tolist()
        [[2.0], [1.0]]
    """
    x, y, w = inputs_NX.double(), outputs_NY.double(), weights_N.double().unsqueeze(1)
    total = w.sum()
    mean_x, mean_y = (w * x).sum(0) / total, (w * y).sum(0) / total
    x, y = x - mean_x, y - mean_y
    scale = ((w * x * x).sum(0) / total).sqrt().clamp(min=1e-12)
    x = x / scale
    penalty = (strength * total / len(x) + 1e-9 * total) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    slope = torch.linalg.solve(x.t() @ (w * x) + penalty, x.t() @ (w * y)) / scale.unsqueeze(1)
    return torch.cat([slope, (mean_y - mean_x @ slope).unsqueeze(0)])


def apply_ridge(matrix: Tensor, inputs_NX: Tensor) -> Tensor:
    """What :func:`fit_ridge`'s map predicts, in float64."""
    return inputs_NX.double() @ matrix[:-1] + matrix[-1]


@dataclass
class ClassMeans:
    """Sums over the top layer's outputs, by the class that was to be predicted there; float64."""

    sums_VD: Tensor
    counts_V: Tensor
    products_DD: Tensor

    @classmethod
    def empty(cls, classes: int, width: int, device: torch.device) -> "ClassMeans":
        """Of nothing."""
        shapes = (classes, width), (classes,), (width, width)
        return cls(*(torch.zeros(shape, dtype=torch.float64, device=device) for shape in shapes))

    def add(self, hidden_ND: Tensor, targets_N: Tensor) -> None:
        """Takes in positions: outputs, and the classes to predict from them."""
        hidden_ND = hidden_ND.double()
        self.sums_VD.index_add_(0, targets_N, hidden_ND)
        self.counts_V.index_add_(0, targets_N, torch.ones_like(hidden_ND[:, 0]))
        self.products_DD += hidden_ND.t() @ hidden_ND

    def softmax(self, tokens_VD: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (V, D) and biases (V) of the classifier to which these sums lead: linear discriminant analysis.

        Outputs are taken to be normal around a mean of each class, with one covariance for all. A class's mean is told
        from its word's vector by ridge regression over all classes and from what was seen of it, each weighed by how
        far it is usually off. Biases are those beside the logarithms of the classes' shares.

        Args:
            tokens_VD: The token encoder's vector for each class's word.
        """
        total, counts_V1 = self.counts_V.sum(), self.counts_V.unsqueeze(1)
        mean_D = self.sums_VD.sum(0) / total
        seen_V = self.counts_V > 0
        means_VD = torch.where(counts_V1 > 0, self.sums_VD / counts_V1.clamp(min=1) - mean_D, 0.0)
        products_DD = self.products_DD - total * torch.outer(mean_D, mean_D)
        # Of one output around its class's mean; a class that was seen once tells nothing of it.
        within = (products_DD.trace() - (counts_V1 * means_VD**2).sum()) / (total - seen_V.sum()).clamp(min=1)
        weigh_V = self.counts_V / (self.counts_V + USUAL_PRIOR)
        matrix = fit_ridge(tokens_VD[seen_V], means_VD[seen_V], weigh_V[seen_V], RIDGE)
        expected_VD = apply_ridge(matrix, tokens_VD)
        off_V = ((means_VD - expected_VD) ** 2).sum(1) - within / self.counts_V.clamp(min=1)
        between = (weigh_V * off_V).sum() / weigh_V.sum()
        prior = within / between.clamp(min=1e-3 * within)
        centres_VD = expected_VD + counts_V1 / (counts_V1 + prior) * (means_VD - expected_VD)
        # Around these centres, not around the means: rare classes would otherwise explain themselves.
        crossed_DD = centres_VD.t() @ (counts_V1 * means_VD)
        around_DD = products_DD - crossed_DD - crossed_DD.t() + centres_VD.t() @ (counts_V1 * centres_VD)
        around_DD = around_DD / total + 1e-3 * within / len(mean_D) * torch.eye(len(mean_D)).to(around_DD)
        weight_VD = torch.linalg.solve(around_DD, centres_VD.t()).t()
        return weight_VD, -(weight_VD * (centres_VD / 2 + mean_D)).sum(1)
