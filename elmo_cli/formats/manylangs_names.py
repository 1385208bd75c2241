"""The tensors of ELMoForManyLangs, and the way from them to the published datasets.

``token_embedder.pkl`` and ``encoder.pkl`` hold modules of PyTorch: matrices multiply from the left, gates come in the
order i, f, j, o, nothing is added to the forget gate's bias at run time, and a highway's gate multiplies its input.
"""

from dataclasses import dataclass

import numpy as np

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ConfigError, ModelError
from elmo_cli.formats.allennlp_names import DIRECTIONS, Shapes, fill_cells, fill_spelling, number_of, shape_of
from elmo_cli.formats.side_by_side import room_for
from elmo_cli.formats.weights import expected_datasets

WORDS, CHARACTERS = "word_emb_layer.embedding.weight", "char_emb_layer.embedding.weight"


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a model of ELMoForManyLangs is built as; how long its lists are is another matter."""

    char_cnn: CharCnnConfig | None
    """None for a model that reads no characters."""
    word_dim: int
    """Width of a word's own vector; 0 where words have none."""
    lstm: LstmConfig
    max_characters: int
    """W; words are cut to W - 2 characters before they are looked up, as words too."""

    @property
    def token_dim(self) -> int:
        """Width of what goes into the projection."""
        return self.word_dim + (self.char_cnn.total_filters if self.char_cnn else 0)


def deduce_architecture(tokens: Shapes, stack: Shapes) -> Architecture:
    """The architecture that the tensors' shapes tell.

    What they do not tell is as in all published models: clips at 3, ReLU, 50 characters.

    Raises:
        ModelError: They are not the shapes of such a model.
    """
    projection_dim, cell_dim = shape_of(stack, "forward_layer_0.state_projection.weight", 2)
    layers = number_of(stack, "forward_layer_{}.state_projection.weight")
    if projection_dim >= cell_dim:
        raise ModelError(f"expected a projection to fewer than {cell_dim} numbers, found one to {projection_dim}")
    char_cnn = None
    try:
        if CHARACTERS in tokens:
            filters = []
            for i in range(max(1, number_of(tokens, "convolutions.{}.weight"))):
                count, _, width = shape_of(tokens, f"convolutions.{i}.weight", 3)
                filters.append((width, count))
            char_cnn = CharCnnConfig(
                embedding_dim=shape_of(tokens, CHARACTERS, 2)[1],
                filters=tuple(filters),
                highways=number_of(tokens, "highways._layers.{}.weight"),
            )
        return Architecture(
            char_cnn=char_cnn,
            word_dim=shape_of(tokens, WORDS, 2)[1] if WORDS in tokens or char_cnn is None else 0,
            lstm=LstmConfig(cell_dim=cell_dim, projection_dim=projection_dim, layers=layers),
            max_characters=CharCnnConfig().max_characters,
        )
    except ConfigError as error:
        raise ModelError(f"not the tensors of an ELMo: {error.message}") from error


def expected_tokens(architecture: Architecture, characters: int, words: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of ``token_embedder.pkl``.

    Args:
        characters: How many are listed.
        words: How many are listed.
    """
    cnn, D = architecture.char_cnn, architecture.lstm.projection_dim
    shapes: dict[str, tuple[int, ...]] = {}
    if architecture.word_dim:
        shapes[WORDS] = (words, architecture.word_dim)
    if cnn is not None:
        F = cnn.total_filters
        shapes[CHARACTERS] = (characters, cnn.embedding_dim)
        for i, (width, count) in enumerate(cnn.filters):
            shapes[f"convolutions.{i}.weight"] = (count, cnn.embedding_dim, width)
            shapes[f"convolutions.{i}.bias"] = (count,)
        for k in range(cnn.highways):
            shapes[f"highways._layers.{k}.weight"] = (2 * F, F)
            shapes[f"highways._layers.{k}.bias"] = (2 * F,)
    shapes["projection.weight"] = (D, architecture.token_dim)
    shapes["projection.bias"] = (D,)
    return shapes


def expected_stack(lstm: LstmConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of ``encoder.pkl``."""
    D, H = lstm.projection_dim, lstm.cell_dim
    shapes: dict[str, tuple[int, ...]] = {}
    for direction in DIRECTIONS:
        for layer in range(lstm.layers):
            cell = f"{direction}_layer_{layer}"
            shapes[f"{cell}.input_linearity.weight"] = (4 * H, D)
            shapes[f"{cell}.state_linearity.weight"] = (4 * H, D)
            shapes[f"{cell}.state_linearity.bias"] = (4 * H,)
            shapes[f"{cell}.state_projection.weight"] = (D, H)
    return shapes


def to_datasets(tensors: dict[str, np.ndarray], config: ModelConfig) -> dict[str, np.ndarray]:
    """Published datasets, float32, and ``word_embed``, out of all tensors of both files as they are expected.

    ``tensors`` is emptied on the way, so that memory holds little more than one copy of the weights.
    """
    cnn, lists = config.char_cnn, config.own_lists
    datasets, take = room_for(expected_datasets(config)), tensors.pop
    if lists is not None and lists.words:
        datasets["word_embed"][...] = take(WORDS)
    if cnn is not None:
        datasets["char_embed"][...] = take(CHARACTERS)
        fill_spelling(datasets, tensors, cnn, convolutions="convolutions.", highways="highways._layers.")
    datasets["CNN_proj/W_proj"][...] = take("projection.weight").T
    datasets["CNN_proj/b_proj"][...] = take("projection.bias")
    fill_cells(datasets, tensors, config.lstm, stack="")
    return datasets
