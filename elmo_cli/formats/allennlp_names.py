"""The tensors of AllenNLP's ``Elmo`` module, and the way back from them to the published datasets.

AllenNLP transposes what it reads, puts gates in the order i, f, j, o, adds the forget gate's 1.0 to its bias, and turns
the sign of the highways' gate (reference/allennlp.md, 2.2). All of it is undone here; only the 1.0 costs a rounding.
"""

import itertools
from collections.abc import Mapping

import numpy as np

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ConfigError, ModelError
from elmo_cli.formats.side_by_side import room_for
from elmo_cli.formats.weights import CHARACTERS, expected_datasets, lstm_cell

TOKENS, STACK = "_elmo_lstm._token_embedder", "_elmo_lstm._elmo_lstm"
DIRECTIONS = ("forward", "backward")
THEIR_PLACES = (0, 2, 1, 3)
"""Where AllenNLP has the gate blocks that published weights have as i, j, f, o."""
FORGET = 2
"""Place of f among the published ones."""
NOT_OURS = (
    "_elmo_lstm._word_embedding.weight",
    f"{TOKENS}._beginning_of_sentence_characters",
    f"{TOKENS}._end_of_sentence_characters",
)
"""What an Elmo module may hold besides: its cache of word vectors and constants, which all follow from the rest."""

Shapes = Mapping[str, tuple[int, ...]]
Datasets = dict[str, np.ndarray]


def deduce_architecture(shapes: Shapes) -> ModelConfig:
    """The architecture that the tensors' shapes tell.

    What they do not tell is as in all published models: clips at 3, residual, ReLU, 50 characters.

    Raises:
        ModelError: They are not the shapes of an ELMo.
    """
    _, char_dim = shape_of(shapes, f"{TOKENS}._char_embedding_weights", 2)
    filters = []
    for i in itertools.count():
        if i and f"{TOKENS}.char_conv_{i}.weight" not in shapes:
            break
        count, _, width = shape_of(shapes, f"{TOKENS}.char_conv_{i}.weight", 3)
        filters.append((width, count))
    highways = number_of(shapes, f"{TOKENS}._highways._layers.{{}}.weight")
    layers = number_of(shapes, f"{STACK}.forward_layer_{{}}.state_projection.weight")
    projection_dim, cell_dim = shape_of(shapes, f"{STACK}.forward_layer_0.state_projection.weight", 2)
    total = sum(count for _, count in filters)
    if projection_dim in (cell_dim, total):
        raise ModelError(
            f"a projection from {projection_dim} to {projection_dim}, which published weights cannot hold",
            hint="bilm-tf leaves a projection away where it would not change the width, so no file has one",
        )
    try:
        return ModelConfig(
            char_cnn=CharCnnConfig(embedding_dim=char_dim, filters=tuple(filters), highways=highways),
            lstm=LstmConfig(cell_dim=cell_dim, projection_dim=projection_dim, layers=max(layers, 1)),
        )
    except ConfigError as error:
        raise ModelError(f"not the tensors of an ELMo: {error.message}") from error


def expected_tensors(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of an ``Elmo`` module, its scalar mixes aside.

    Where a projection would not change the width there is none, as in published weights; AllenNLP cannot load those.
    """
    lstm, cnn = config.lstm, config.char_cnn
    assert cnn is not None, "AllenNLP's ELMo always reads characters"
    D, H, F = lstm.projection_dim, lstm.cell_dim, cnn.total_filters
    shapes: dict[str, tuple[int, ...]] = {f"{TOKENS}._char_embedding_weights": (CHARACTERS + 1, cnn.embedding_dim)}
    for i, (width, count) in enumerate(cnn.filters):
        shapes[f"{TOKENS}.char_conv_{i}.weight"] = (count, cnn.embedding_dim, width)
        shapes[f"{TOKENS}.char_conv_{i}.bias"] = (count,)
    for k in range(cnn.highways):
        shapes[f"{TOKENS}._highways._layers.{k}.weight"] = (2 * F, F)
        shapes[f"{TOKENS}._highways._layers.{k}.bias"] = (2 * F,)
    if F != D:
        shapes[f"{TOKENS}._projection.weight"] = (D, F)
        shapes[f"{TOKENS}._projection.bias"] = (D,)
    for direction in DIRECTIONS:
        for layer in range(lstm.layers):
            cell = f"{STACK}.{direction}_layer_{layer}"
            shapes[f"{cell}.input_linearity.weight"] = (4 * H, D)
            shapes[f"{cell}.state_linearity.weight"] = (4 * H, D)
            shapes[f"{cell}.state_linearity.bias"] = (4 * H,)
            if lstm.projected:
                shapes[f"{cell}.state_projection.weight"] = (D, H)
    return shapes


def to_datasets(tensors: dict[str, np.ndarray], config: ModelConfig) -> dict[str, np.ndarray]:
    """Published datasets, float32, out of tensors that are as :func:`expected_tensors` has them.

    ``tensors`` is emptied on the way, so that memory holds little more than one copy of the weights.
    """
    cnn = config.char_cnn
    assert cnn is not None, "AllenNLP's ELMo always reads characters"
    datasets, take = room_for(expected_datasets(config)), tensors.pop
    # Row 0 is what AllenNLP puts in for padding tokens.
    datasets["char_embed"][...] = take(f"{TOKENS}._char_embedding_weights")[1:]
    fill_spelling(datasets, tensors, cnn, convolutions=f"{TOKENS}.char_conv_", highways=f"{TOKENS}._highways._layers.")
    datasets["CNN_proj/W_proj"][...] = take(f"{TOKENS}._projection.weight").T
    datasets["CNN_proj/b_proj"][...] = take(f"{TOKENS}._projection.bias")
    fill_cells(datasets, tensors, config.lstm, stack=f"{STACK}.")
    return datasets


def fill_spelling(
    datasets: Datasets, tensors: Datasets, cnn: CharCnnConfig, *, convolutions: str, highways: str
) -> None:
    """Moves convolutions and highways, whose tensors' names begin so, out of ``tensors`` into their datasets."""
    F, take = cnn.total_filters, tensors.pop
    for i in range(len(cnn.filters)):
        datasets[f"CNN/W_cnn_{i}"][0] = take(f"{convolutions}{i}.weight").transpose(2, 1, 0)
        datasets[f"CNN/b_cnn_{i}"][...] = take(f"{convolutions}{i}.bias")
    for k in range(cnn.highways):
        both, bias = (take(f"{highways}{k}.{part}") for part in ("weight", "bias"))
        # sigmoid(-x) is 1 - sigmoid(x): with the sign turned, the gate multiplies the other branch.
        np.negative(both[F:].T, out=datasets[f"CNN_high_{k}/W_carry"])
        np.negative(bias[F:], out=datasets[f"CNN_high_{k}/b_carry"])
        datasets[f"CNN_high_{k}/W_transform"][...] = both[:F].T
        datasets[f"CNN_high_{k}/b_transform"][...] = bias[:F]


def fill_cells(datasets: Datasets, tensors: Datasets, lstm: LstmConfig, *, stack: str) -> None:
    """Moves both directions' LSTM layers, whose tensors' names begin so, out of ``tensors`` into their datasets."""
    D, take = lstm.projection_dim, tensors.pop
    for number, direction in enumerate(DIRECTIONS):
        for layer in range(lstm.layers):
            theirs, ours = f"{stack}{direction}_layer_{layer}", lstm_cell(number, layer)
            kernel, bias = datasets[f"{ours}/W_0"], datasets[f"{ours}/B"]
            reorder_gates(take(f"{theirs}.input_linearity.weight").T, kernel[:D])
            reorder_gates(take(f"{theirs}.state_linearity.weight").T, kernel[D:])
            reorder_gates(take(f"{theirs}.state_linearity.bias"), bias)
            np.split(bias, 4)[FORGET][...] -= np.float32(1)
            datasets[f"{ours}/W_P_0"][...] = take(f"{theirs}.state_projection.weight").T


def reorder_gates(theirs: np.ndarray, ours: np.ndarray) -> None:
    """Copies columns of gate blocks i, f, j, o to i, j, f, o."""
    for block, source in zip(np.split(ours, 4, axis=-1), THEIR_PLACES, strict=True):
        block[...] = np.split(theirs, 4, axis=-1)[source]


def number_of(shapes: Shapes, name: str) -> int:
    """How many tensors there are under a name with 0, 1 and so on in the place of ``{}``."""
    return next(number for number in itertools.count() if name.format(number) not in shapes)


def shape_of(shapes: Shapes, name: str, axes: int) -> tuple[int, ...]:
    """The shape of a tensor that the architecture is told from.

    Raises:
        ModelError: There is none, or it has another number of axes.
    """
    if name not in shapes:
        raise ModelError(f"{name}: missing, and the architecture cannot be told without it")
    if len(shapes[name]) != axes or 0 in shapes[name]:
        raise ModelError(f"{name}: expected {axes} axes, none of length 0, found the shape {shapes[name]}")
    return shapes[name]
