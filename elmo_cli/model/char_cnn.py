"""Spellings to vectors: the character CNN, its highways and its projection.

It runs once per distinct word type, never per token. Two savings change no result (ARCHITECTURE.md, Character CNN):
columns that hold nothing but padding for every word are cut away, and the maximum over positions passes gradient to one
window per word and filter, so the backward scatters single numbers instead of convolving.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from elmo_cli.config import CharCnnConfig
from elmo_cli.kernels.choice import character_sums_kernel
from elmo_cli.model.precision import current_precision, linear, product, rounded

CHARACTERS = 261
"""Rows of the character table: 256 bytes, begin and end of sentence, begin and end of word, padding."""
PADDING = 260
"""The character id that fills a word up to its full width. It has a vector of its own and takes part."""

GROUP = 64
"""Word types of about the same length that a CPU computes together: their values stay in its cache."""


class CharCnn(nn.Module):
    """Word vectors from character ids.

    Per filter width: convolution, maximum over all positions, activation. Then the highways
    ``g * relu(x W_t + b_t) + (1 - g) * x`` with ``g = sigmoid(x W_c + b_c)``, and the projection where F differs from D
    (reference/bilm-tf.md, 3.2 to 3.4).

    Args:
        config: Filters and sizes.
        output_dim: D.
        characters: Rows of the character table.
        padding: The character id that fills a word up to its full width.

    Shape:
        - chars_UW, integers from 0 to 260 (below ``characters``) -> vectors_UD
    """

    def __init__(
        self, config: CharCnnConfig, output_dim: int, *, characters: int = CHARACTERS, padding: int = PADDING
    ) -> None:
        super().__init__()
        self.config = config
        self.padding = padding
        filters = config.total_filters
        self.embedding = nn.Parameter(torch.empty(characters, config.embedding_dim))
        self.kernels = nn.ParameterList(
            torch.empty(width, config.embedding_dim, count) for width, count in config.filters
        )
        self.biases = nn.ParameterList(torch.empty(count) for _, count in config.filters)
        self.highways = cast(Sequence[Highway], nn.ModuleList(Highway(filters) for _ in range(config.highways)))
        self.projection = Projection(filters, output_dim) if filters != output_dim else None

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """The reference's initialisers (reference/bilm-tf.md, 3.7)."""
        with torch.no_grad():
            self.embedding.uniform_(-1, 1, generator=generator)
            for kernel, bias in zip(self.kernels, self.biases, strict=True):
                if self.config.activation == "relu":
                    kernel.uniform_(-0.05, 0.05, generator=generator)
                else:
                    deviation = (kernel.shape[0] * kernel.shape[1]) ** -0.5
                    kernel.normal_(0, deviation, generator=generator)
                bias.zero_()
        for highway in self.highways:
            highway.reset_parameters(generator)
        if self.projection is not None:
            self.projection.reset_parameters(generator)

    def trim(self, chars_UW: Tensor) -> Tensor:
        """Cuts the columns that change nothing; see :func:`trim_columns`."""
        return trim_columns(chars_UW, max(width for width, _ in self.config.filters), self.padding)

    def forward(self, chars_UW: Tensor, *, trimmed: bool = False) -> Tensor:
        """See the class; ``trimmed`` where the caller has cut the columns, which on a GPU would wait for the device."""
        chars_UW = (chars_UW if trimmed else self.trim(chars_UW)).long()
        groups = _length_groups(chars_UW, self.padding) if chars_UW.device.type == "cpu" else None
        wanted = torch.is_grad_enabled()
        pooled = [_MaxConvolution.apply(chars_UW, self.embedding, kernel, groups, wanted) for kernel in self.kernels]
        vectors_UF = torch.cat(pooled, dim=1) + torch.cat(list(self.biases))
        vectors = torch.relu(vectors_UF) if self.config.activation == "relu" else torch.tanh(vectors_UF)
        for highway in self.highways:
            vectors = highway(vectors)
        return vectors if self.projection is None else self.projection(vectors)


class Highway(nn.Module):
    """Gated mix of a layer's ReLU and its input; the gate called "carry" multiplies the transformed branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.carry_weight = nn.Parameter(torch.empty(width, width))
        self.carry_bias = nn.Parameter(torch.empty(width))
        self.transform_weight = nn.Parameter(torch.empty(width, width))
        self.transform_bias = nn.Parameter(torch.empty(width))

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Weights normal with deviation F^-1/2; the gate's bias -2, so that it mostly passes its input through."""
        with torch.no_grad():
            deviation = self.carry_weight.shape[0] ** -0.5
            self.carry_weight.normal_(0, deviation, generator=generator)
            self.transform_weight.normal_(0, deviation, generator=generator)
            self.carry_bias.fill_(-2.0)
            self.transform_bias.zero_()

    def forward(self, inputs_UF: Tensor) -> Tensor:
        """(U, F) -> (U, F)."""
        gate = torch.sigmoid(linear(inputs_UF, self.carry_weight, self.carry_bias))
        transformed = torch.relu(linear(inputs_UF, self.transform_weight, self.transform_bias))
        return torch.lerp(inputs_UF, transformed, gate)


class Projection(nn.Module):
    """Linear map from the filters to one direction's width."""

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(input_dim, output_dim))
        self.bias = nn.Parameter(torch.empty(output_dim))

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Normal with deviation F^-1/2; bias 0."""
        with torch.no_grad():
            self.weight.normal_(0, self.weight.shape[0] ** -0.5, generator=generator)
            self.bias.zero_()

    def forward(self, inputs_UF: Tensor) -> Tensor:
        """(U, F) -> (U, D)."""
        return linear(inputs_UF, self.weight, self.bias)


def trim_columns(chars_UW: Tensor, widest: int, padding: int = PADDING) -> Tensor:
    """Cuts columns that change no maximum.

    All windows that lie wholly in padding give the same value, so one of them per filter is enough: the longest
    spelling and as many columns of padding as the widest filter has.

    Shape:
        - (U, W) -> (U, W') with W' <= W
    """
    if chars_UW.shape[0] == 0:
        return chars_UW
    longest = int((chars_UW != padding).sum(1).max())
    return chars_UW[:, : longest + widest]


class _MaxConvolution(torch.autograd.Function):
    """Convolution over characters and maximum over positions, as one operation with a sparse backward.

    With ``T_j = embedding @ kernel_j`` a window's value is ``sum_j T_j[char_j]``, so a gradient that reaches one window
    per (word, filter) is a scatter of single numbers into those tables; two small products then give the gradients of
    kernel and embedding. Exactly the dense convolution's gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        chars_UW: Tensor,
        embedding_AC: Tensor,
        kernel: Tensor,
        groups: list[tuple[Tensor, int]] | None,
        wants_gradient: bool,
    ) -> Tensor:
        if groups is None:
            best_UF, at_UF = _best_windows(chars_UW, embedding_AC, kernel, wants_gradient)
        else:
            best_UF = embedding_AC.new_empty(len(chars_UW), kernel.shape[2])
            at_UF = torch.empty(best_UF.shape, dtype=torch.long) if wants_gradient else None
            for rows, longest in groups:
                # One window that lies wholly in padding, where the spellings leave room for it.
                chars = chars_UW[rows, : longest + kernel.shape[0]]
                best, at = _best_windows(chars, embedding_AC, kernel, wants_gradient)
                best_UF[rows] = best
                if at is not None and at_UF is not None:
                    at_UF[rows] = at
        ctx.save_for_backward(chars_UW, embedding_AC, kernel, at_UF)
        return best_UF

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_UF: Tensor) -> tuple[None, Tensor, Tensor, None, None]:
        chars_UW, embedding_AC, kernel, at_UF = ctx.saved_tensors
        sums = character_sums_kernel(grad_UF.device)
        grad_tables = sums(chars_UW, at_UF, grad_UF, kernel.shape[0], embedding_AC.shape[0])
        grad_kernel = torch.matmul(embedding_AC.t(), grad_tables)
        grad_embedding = torch.matmul(grad_tables, kernel.transpose(1, 2)).sum(0)
        return None, grad_embedding, grad_kernel, None, None


def _best_windows(
    chars_UW: Tensor, embedding_AC: Tensor, kernel: Tensor, wants_places: bool
) -> tuple[Tensor, Tensor | None]:
    """The maximum over positions (U, F), and where wanted the first position that has it."""
    width, char_dim, count = kernel.shape
    types, columns = chars_UW.shape
    positions = columns - width + 1
    precision = current_precision()
    characters = rounded(embedding_AC, precision)[chars_UW]
    windows = characters.as_strided(
        (types, positions, width * char_dim), (columns * char_dim, char_dim, 1), characters.storage_offset()
    )
    flat = windows.reshape(types * positions, width * char_dim)
    values = product(flat, kernel.view(width * char_dim, count), precision).view(types, positions, count)
    if not wants_places:
        return values.amax(dim=1), None
    if values.device.type != "cpu":
        best_UF, at_UF = values.max(dim=1)
        return best_UF, at_UF
    # A CPU finds a maximum sixteen times as fast as a maximum with its place: so it looks for the value afterwards.
    best_UF = values.amax(dim=1)
    from_end = torch.arange(positions, 0, -1, dtype=values.dtype)
    hits = values.eq_(best_UF.unsqueeze(1)).mul_(from_end.view(1, -1, 1)).amax(dim=1)
    return best_UF, (positions - hits).long().clamp_(max=positions - 1)  # without a hit, the value is no number


def _length_groups(chars_UW: Tensor, padding: int) -> list[tuple[Tensor, int]]:
    """Types of about the same length, as rows and their longest spelling, so that few compute another one's padding."""
    if not len(chars_UW):
        return []
    lengths_U, order_U = (chars_UW != padding).sum(1).sort(stable=True)
    return [
        (rows, int(lengths[-1])) for rows, lengths in zip(order_U.split(GROUP), lengths_U.split(GROUP), strict=True)
    ]
