"""The bidirectional language model: token encoder and LSTM stacks, without its softmax."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from elmo_cli.config import ModelConfig
from elmo_cli.model.char_cnn import CharCnn
from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.model.lstm import LstmLayer, LstmState
from elmo_cli.model.own_lists import OwnListsEncoder

Dropout = Callable[[Tensor], Tensor]


class BiLM(nn.Module):
    """ELMo's network. The two directions have LSTMs of their own and share the token encoder.

    Args:
        config: Architecture.
        vocabulary_size: V, needed only by a model without character CNN.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int | None = None) -> None:
        super().__init__()
        self.config = config
        narrow = config.lstm.projection_dim
        self.token_encoder: CharCnn | WordTable | OwnListsEncoder
        if config.own_lists is not None:
            self.token_encoder = OwnListsEncoder(config.own_lists, config.char_cnn, narrow)
        elif config.char_cnn is not None:
            self.token_encoder = CharCnn(config.char_cnn, narrow)
        else:
            if vocabulary_size is None:
                raise ValueError("a model without character CNN needs vocabulary_size")
            self.token_encoder = WordTable(vocabulary_size, narrow)
        layers = nn.ModuleList(LstmLayer(narrow, config.lstm) for _ in range(config.lstm.layers))
        self.layers = cast(Sequence[LstmLayer], layers)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Fresh weights by the reference's initialisers."""
        self.token_encoder.reset_parameters(generator)
        for layer in self.layers:
            layer.reset_parameters(generator)

    def forward(
        self,
        tokens: Tensor | DistinctTokens,
        batch_sizes: Sequence[int],
        state: LstmState,
        *,
        keep_N: Tensor | None = None,
        dropout: Dropout | None = None,
        recurrent_dropout: Dropout | None = None,
    ) -> tuple[list[Tensor], LstmState]:
        """Runs both stacks over packed sequences (see :mod:`elmo_cli.model.lstm`).

        Dropout stands where the reference has it: on every layer's input, in the residual too, and on the top output
        (reference/bilm-tf.md, 3.5).

        Args:
            tokens: Token vectors (G, N, D), or by type, each direction in its own reading order.
            batch_sizes: Sequences still going at each step.
            state: Where the sequences begin.
            keep_N: 0 at positions before which the state is put back to zero, else 1; None for all 1.
            dropout: Applied in training; None to leave it out.
            recurrent_dropout: Makes each layer's mask on what recurs, one per row for all steps of this call; None to
                leave it out.

        Returns:
            Every layer's output (G, N, D), the top one last, and the state after each sequence's last step.
        """
        outputs: list[Tensor] = []
        cells, recurring = [], []
        for number, layer in enumerate(self.layers):
            below = outputs[-1] if outputs else tokens
            inputs = below if dropout is None else dropout(below if isinstance(below, Tensor) else below.spread())
            first_cell, first_output = state.cell[number], state.output[number]
            mask_GBD = recurrent_dropout(torch.ones_like(first_output)) if recurrent_dropout is not None else None
            hidden, cell, output = layer(inputs, first_cell, first_output, batch_sizes, keep_N, mask_GBD)
            residual = number > 0 and self.config.lstm.residual and isinstance(inputs, Tensor)
            outputs.append(hidden + inputs if residual else hidden)
            cells.append(cell)
            recurring.append(output)
        if dropout is not None:
            outputs[-1] = dropout(outputs[-1])
        return outputs, LstmState(torch.stack(cells), torch.stack(recurring))


class WordTable(nn.Module):
    """Token vectors by vocabulary id, for models without characters.

    Shape:
        - ids_U1, integers from 0 to V - 1 -> vectors_UD
    """

    def __init__(self, vocabulary_size: int, output_dim: int) -> None:
        super().__init__()
        self.table_VD = nn.Parameter(torch.empty(vocabulary_size, output_dim))

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Glorot uniform."""
        limit = (6 / sum(self.table_VD.shape)) ** 0.5
        with torch.no_grad():
            self.table_VD.uniform_(-limit, limit, generator=generator)

    def forward(self, ids_U1: Tensor) -> Tensor:
        """See the class."""
        return self.table_VD[ids_U1[:, 0].long()]
