"""The token encoder of ELMoForManyLangs: a word's own vector beside that of its characters, projected together."""

import torch
from torch import Tensor, nn

from elmo_cli.config import CharCnnConfig, OwnListsConfig
from elmo_cli.model.char_cnn import CharCnn, Projection


class OwnListsEncoder(nn.Module):
    """Token vectors ``[word, highways(char_cnn(characters))] W + b``; the model has one of the two parts, or both.

    The character part is :class:`~elmo_cli.model.char_cnn.CharCnn` over another table. The highways there let the gate
    multiply the transformed branch, those of ELMoForManyLangs the input: the same function with the gate's sign turned,
    which the reader of the files does. There is always a projection, also between equal widths.

    Args:
        config: Rows and widths of the tables.
        char_cnn: Filters of the character part, where there is one.
        output_dim: D.

    Shape:
        - ids_UX -> vectors_UD; X is the word id, if words have vectors, and then the W character ids, if it reads them
    """

    def __init__(self, config: OwnListsConfig, char_cnn: CharCnnConfig | None, output_dim: int) -> None:
        super().__init__()
        self.word_table: nn.Parameter | None = None
        self.char_cnn: CharCnn | None = None
        width = config.word_dim
        if config.words:
            self.word_table = nn.Parameter(torch.empty(config.words, config.word_dim))
        if char_cnn is not None:
            filters = char_cnn.total_filters
            self.char_cnn = CharCnn(char_cnn, filters, characters=config.characters, padding=config.padding)
            width += filters
        self.projection = Projection(width, output_dim)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Words uniform within a quarter of 0, as ELMoForManyLangs draws them; the rest as in published models."""
        if self.word_table is not None:
            with torch.no_grad():
                self.word_table.uniform_(-0.25, 0.25, generator=generator)
        if self.char_cnn is not None:
            self.char_cnn.reset_parameters(generator)
        self.projection.reset_parameters(generator)

    def forward(self, ids_UX: Tensor) -> Tensor:
        """See the class."""
        parts, chars_UW = [], ids_UX
        if self.word_table is not None:
            parts.append(self.word_table[ids_UX[:, 0].long()])
            chars_UW = ids_UX[:, 1:]
        if self.char_cnn is not None:
            parts.append(self.char_cnn(chars_UW))
        return self.projection(torch.cat(parts, dim=1))
