"""An LSTM layer's weights made ready to multiply on a CPU, by precision.

``fp32`` multiplies with the weights as they are. ``bf16`` and ``int8`` keep rounded copies (:mod:`packed_matrices`), 16
and 8 bits for a weight. Whatever the precision, gate sums, cells and state are float32.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elmo_cli.model.packed_matrices import Bf16Matrices, Int8Matrices, PackedMatrices
from elmo_cli.model.recurrent_product import RecurrentProduct


class LayerWeights(NamedTuple):
    """A layer's parameters, in the shapes of :class:`elmo_cli.model.lstm.LstmLayer`."""

    kernel: Tensor
    bias: Tensor
    projection: Tensor | None

    @property
    def halves(self) -> tuple[Tensor, Tensor]:
        """The kernel's rows for inputs and those that recur."""
        wide, rows = self.kernel.shape[2] // 4, self.kernel.shape[1]
        inputs = rows - (wide if self.projection is None else self.projection.shape[2])
        return self.kernel[:, :inputs], self.kernel[:, inputs:]


class InferenceWeights(ABC):
    """Both directions' products of a layer."""

    worth_keeping: bool
    """Whether making this took long enough for the next sequences to use it again."""
    few_rows: int
    """Sequences below which several steps read their inputs together."""
    together: int
    """Positions that they read then, at most: more are a better product, and gate sums that fall out of the caches."""

    def __init__(self, weights: LayerWeights) -> None:
        wide = weights.kernel.shape[2] // 4
        self.bias_G14H = weights.bias.detach().unsqueeze(1).clone()
        """The forget gate's 1 in it."""
        self.bias_G14H[:, :, 2 * wide : 3 * wide] += 1.0

    @abstractmethod
    def read(self, inputs_GNI: Tensor, gates_GN4H: Tensor, *, biased: bool = True) -> None:
        """Writes the inputs' half of the gate sums, the bias included or not."""

    @abstractmethod
    def recur(self, output_GBD: Tensor, gates_GB4H: Tensor) -> None:
        """Adds the recurrent half."""

    @abstractmethod
    def project(self, hidden_GBH: Tensor) -> Tensor:
        """The projection (G, B, D) of hidden values, which are lost; themselves where there is none."""


class PlainWeights(InferenceWeights):
    """The parameters themselves.

    Args:
        weights: The parameters.
        batch_sizes: Sequences still going at each step, never rising.
    """

    worth_keeping = False
    few_rows, together = 256, 640

    def __init__(self, weights: LayerWeights, batch_sizes: Sequence[int]) -> None:
        super().__init__(weights)
        self.inputs, recurrent = weights.halves
        self.recurrent = RecurrentProduct(recurrent, batch_sizes, "fp32")
        self.projection = weights.projection

    def read(self, inputs_GNI: Tensor, gates_GN4H: Tensor, *, biased: bool = True) -> None:
        """See the class above."""
        if biased:
            torch.baddbmm(self.bias_G14H, inputs_GNI, self.inputs, out=gates_GN4H)
        else:
            torch.bmm(inputs_GNI, self.inputs, out=gates_GN4H)

    def recur(self, output_GBD: Tensor, gates_GB4H: Tensor) -> None:
        """See the class above."""
        self.recurrent.add_to(gates_GB4H, output_GBD)

    def project(self, hidden_GBH: Tensor) -> Tensor:
        """See the class above."""
        return hidden_GBH if self.projection is None else torch.bmm(hidden_GBH, self.projection)


class RoundedWeights(InferenceWeights):
    """Copies of fewer bits.

    Args:
        weights: The parameters.
        pack: What makes a copy of matrices.
    """

    worth_keeping = True
    few_rows, together = 64, 256

    def __init__(self, weights: LayerWeights, pack: Callable[[Tensor], PackedMatrices]) -> None:
        super().__init__(weights)
        self.inputs, self.recurrent = map(pack, weights.halves)
        self.projection = None if weights.projection is None else pack(weights.projection)

    def read(self, inputs_GNI: Tensor, gates_GN4H: Tensor, *, biased: bool = True) -> None:
        """See the class above."""
        self.inputs.multiply(inputs_GNI, self.bias_G14H if biased else None, out=gates_GN4H)

    def recur(self, output_GBD: Tensor, gates_GB4H: Tensor) -> None:
        """See the class above."""
        self.recurrent.multiply(output_GBD, gates_GB4H, out=gates_GB4H)

    def project(self, hidden_GBH: Tensor) -> Tensor:
        """See the class above."""
        if self.projection is None:
            return hidden_GBH
        result_GBD = hidden_GBH.new_empty(*hidden_GBH.shape[:2], self.projection.columns)
        return self.projection.multiply(hidden_GBH, None, out=result_GBD)


def prepare_weights(weights: LayerWeights, precision: str, batch_sizes: Sequence[int]) -> InferenceWeights:
    """What multiplies with a layer's weights in a precision that CPUs have.

    Args:
        weights: The parameters.
        precision: One of :data:`elmo_cli.config.INFERENCE_PRECISIONS`.
        batch_sizes: Sequences still going at each step.

    Raises:
        ConfigError: This torch or this processor has no such products.
    """
    if precision == "fp32" or weights.kernel.dtype != torch.float32:
        return PlainWeights(weights, batch_sizes)
    return RoundedWeights(weights, Int8Matrices if precision == "int8" else Bf16Matrices)
