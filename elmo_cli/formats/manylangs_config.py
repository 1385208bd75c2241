"""The architecture of a model of ELMoForManyLangs: ``config.json`` names the file that says it."""

from collections.abc import Mapping

from elmo_cli.config import CharCnnConfig, LstmConfig
from elmo_cli.formats.content import Source
from elmo_cli.formats.json_fields import JsonFields
from elmo_cli.formats.json_object import read_object, shown
from elmo_cli.formats.manylangs_names import Architecture
from elmo_cli.formats.options import LARGEST_FILE, MOST_CHARACTERS, MOST_LAYERS
from elmo_cli.formats.problems import require_none

CONFIG, USUAL = "config.json", "cnn_50_100_512_4096_sample.json"
"""``config.json`` records a training run; the other is the architecture of all published models."""

LEAST_CHARACTERS = 7
"""``<bos>`` and two marks have to fit."""


def named_architecture(config: Source) -> str:
    """The path that ``config.json`` gives as ``config_path``: a place on the disk of whoever trained the model.

    Raises:
        ModelError: It cannot be read, or names none.
    """
    named = read_object(config, largest=LARGEST_FILE).get("config_path")
    if not isinstance(named, str) or not named:
        require_none(config, [f"config_path: expected the path of a JSON file, found {shown(named)}"])
    return str(named)


def choose_architecture(named: str, files: Mapping[str, Source]) -> Source | None:
    """The architecture's file among the model's own: of the same name, or of the usual one. The path is not followed.

    Args:
        named: What ``config.json`` names.
        files: The model's files by name.
    """
    name = named.replace("\\", "/").rpartition("/")[2]
    return next((files[own] for own in (name, USUAL) if own in files and own != CONFIG), None)


def read_architecture(source: Source) -> Architecture:
    """The architecture that the file says.

    Raises:
        ModelError: It cannot be read, or something in it is missing or does not fit; all of it is listed.
    """
    fields = JsonFields(read_object(source, largest=LARGEST_FILE))
    for place, name in (("encoder.name", "elmo"), ("token_embedder.name", "cnn")):
        value = fields.at(place)
        if not isinstance(value, str) or value.lower() != name:
            fields.expected(place, f"{name}, the only kind that was published and is read here")
    cell_dim, projection_dim = fields.whole("encoder.dim"), fields.whole("encoder.projection_dim")
    layers = fields.whole("encoder.n_layers", most=MOST_LAYERS)
    cell_clip, projection_clip = fields.clip("encoder.cell_clip"), fields.clip("encoder.proj_clip")
    word_dim = fields.whole("token_embedder.word_dim", least=0)
    char_dim = fields.whole("token_embedder.char_dim", least=0)
    max_characters = fields.whole(
        "token_embedder.max_characters_per_token", least=LEAST_CHARACTERS, most=MOST_CHARACTERS
    )
    char_cnn = None
    if char_dim:
        filters = fields.filters("token_embedder.filters")
        highways = fields.whole("token_embedder.n_highway", least=0, most=MOST_LAYERS)
        activation = fields.activation("token_embedder.activation")
        if max(width for width, _ in filters) > max_characters:
            fields.expected("token_embedder.filters", f"widths of at most max_characters_per_token ({max_characters})")
    if not fields.problems and not word_dim and not char_dim:
        fields.problems.append("token_embedder: expected a char_dim or a word_dim above 0, found neither")
    if not fields.problems and cell_dim <= projection_dim:
        fields.expected("encoder.dim", f"more than encoder.projection_dim ({projection_dim})")
    require_none(source, fields.problems)
    if char_dim:
        char_cnn = CharCnnConfig(
            embedding_dim=char_dim,
            filters=filters,
            highways=highways,
            activation=activation,
            max_characters=max_characters,
        )
    lstm = LstmConfig(
        cell_dim=cell_dim,
        projection_dim=projection_dim,
        layers=layers,
        cell_clip=cell_clip,
        projection_clip=projection_clip,
    )
    return Architecture(char_cnn=char_cnn, word_dim=word_dim, lstm=lstm, max_characters=max_characters)
