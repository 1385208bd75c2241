"""A model out of the two files that AllenNLP's users name."""

from pathlib import Path

from elmo_cli.config import TextConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.models.loaded import LoadedModel, load_model
from elmo_cli.formats.model_source import open_model
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.published import adopt_published

Place = str | Path


def load_files(options_file: Place | None, weight_file: Place | None) -> LoadedModel:
    """The network of an ``options.json`` and a ``weights.hdf5``, wherever each of them lies.

    Nothing beside the two files is read: no softmax, and no start state, which only a model folder records.

    Args:
        options_file: The architecture, a path or an ``https://`` address.
        weight_file: The weights that belong to it.

    Raises:
        ConfigError: Only one of the two was given, or none.
        ModelError: A file cannot be read, or they do not fit together.
    """
    if options_file is None or weight_file is None:
        missing = " and ".join(
            name for name, file in (("options_file", options_file), ("weight_file", weight_file)) if file is None
        )
        raise ConfigError(
            f"{missing}: expected a path, found None",
            hint="name both files, or a model folder: Elmo.from_pretrained(folder), ElmoEmbedder(model_dir=folder)",
        )
    files = open_model(options_file, weight_file)
    bilm = BiLM(files.config, files.vocabulary_size)
    adopt_published(bilm, files.weights)
    return LoadedModel(
        path=Path(weight_file),
        bilm=bilm.requires_grad_(False).eval(),
        softmax=None,
        vocabulary=None,
        text=TextConfig(tokenizer="whitespace"),
        own_start=None,
        info={},
    )


def load_one(options_file: Place | None, weight_file: Place | None, model_dir: Place | None) -> LoadedModel:
    """The model of two files or of a folder, whichever was named.

    Raises:
        ConfigError: Both were named, or neither.
        ModelError: What was named cannot be read.
    """
    if model_dir is None:
        return load_files(options_file, weight_file)
    if options_file is not None or weight_file is not None:
        raise ConfigError(
            f"model_dir={model_dir} and options_file or weight_file: expected one or the other, found both",
            hint="leave the files away; the folder has its own",
        )
    return load_model(model_dir)
