"""A model on the disk: a folder with options, weights and what else the model is known by.

Ours holds ``options.json``, ``weights.hdf5``, ``softmax.hdf5``, ``start_state.hdf5``, ``vocab.txt`` and ``model.json``,
and ``tokenizer.model`` where tokens are pieces of SentencePiece.
Folders of other origin are read as well, with as little as options and weights in them, under the published names.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from elmo_cli.errors import ModelError
from elmo_cli.files import whole_folder, write_text
from elmo_cli.formats.content import read_bytes
from elmo_cli.formats.model_files import COUNTS_SUFFIX, ModelFiles, ModelParts, read_parts, start_state_shapes
from elmo_cli.formats.options import options_dict
from elmo_cli.formats.weights import count_parameters, expected_datasets, write_softmax, write_weights
from elmo_cli.formats.whole_hdf5 import write_datasets

OPTIONS, WEIGHTS, SOFTMAX, START_STATE = "options.json", "weights.hdf5", "softmax.hdf5", "start_state.hdf5"
VOCABULARY, INFO, PIECES = "vocab.txt", "model.json", "tokenizer.model"


def find_model(path: Path) -> Path:
    """The model folder at ``path``: itself, or the ``model`` folder of a run.

    Raises:
        ModelError: There is none.
    """
    for folder in (path, path / "model"):
        if folder.is_dir() and _options_files(folder):
            return folder
    if not path.exists():
        raise ModelError(
            f"{path}: no such model folder", hint="elmo pretrain corpus.txt --out run makes one, run/model"
        )
    if not path.is_dir():
        folder_hint = f"give the folder: {path.parent}" if _options_files(path.parent) else ""
        raise ModelError(f"{path}: expected a model folder, found a file", hint=folder_hint)
    if (path / "checkpoints").is_dir():
        raise ModelError(
            f"{path}: this run has no model yet",
            hint="a run writes model/ with its first held-out perplexity; go on with elmo pretrain --resume",
        )
    raise ModelError(
        f"{path}: expected {OPTIONS} and {WEIGHTS}, found {_names(path.iterdir())}",
        hint="a model folder has both; a run folder has them in model/",
    )


def read_model_folder(model_dir: Path) -> ModelFiles:
    """Reads a model folder of ours, or one with the published files, such as ``elmo_2x1024_..._weights.hdf5``.

    Args:
        model_dir: A model folder, or a run folder with one in it.

    Raises:
        ModelError: Something is missing, does not fit together, or is not safe to read.
    """
    folder = find_model(model_dir)
    start_state, info, pieces = folder / START_STATE, folder / INFO, folder / PIECES
    return read_parts(
        ModelParts(
            options=find_options(folder),
            weights=find_weights(folder),
            softmax=find_softmax(folder),
            start_state=start_state if start_state.exists() else None,
            vocabulary=find_vocabulary(folder),
            info=info if info.exists() else None,
            pieces=pieces if pieces.exists() else None,
        )
    )


def find_options(folder: Path) -> Path:
    """The options in a model folder.

    Raises:
        ModelError: There are none, or several and none has the usual name.
    """
    return _the_one(folder, OPTIONS, _options_files(folder))


def find_weights(folder: Path) -> Path:
    """The weights in a model folder.

    Raises:
        ModelError: There are none, or several and none has the usual name.
    """
    return _the_one(folder, WEIGHTS, _weights_files(folder))


def find_softmax(folder: Path) -> Path | None:
    """The softmax in a model folder, if it has one of its own.

    Raises:
        ModelError: There are several and none has the usual name.
    """
    return _at_most_one(folder, SOFTMAX, list(folder.glob("*softmax*.hdf5")))


def find_vocabulary(folder: Path) -> Path | None:
    """The vocabulary in a model folder, plain or packed as ``.gz``, if it has one.

    Raises:
        ModelError: There are several and none has the usual name.
    """
    plain = _at_most_one(folder, VOCABULARY, list(folder.glob("vocab*.txt")))
    return plain or _at_most_one(folder, f"{VOCABULARY}.gz", list(folder.glob("vocab*.txt.gz")))


def write_model_folder(model_dir: Path, files: ModelFiles) -> None:
    """Writes a model folder that appears whole, in the place of an older one if there is one.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    V, config = files.vocabulary_size, files.config
    shapes = {name: array.shape for name, array in files.weights.items()}
    assert shapes == expected_datasets(config, V), "the weights do not have the names and shapes of their options"
    with whole_folder(model_dir) as folder:
        write_text(folder / OPTIONS, json.dumps(options_dict(config, V), indent=2) + "\n")
        write_weights(folder / WEIGHTS, files.weights)
        if files.softmax is not None:
            write_softmax(folder / SOFTMAX, *files.softmax)
        if files.start_state is not None:
            c, m = files.start_state
            assert (c.shape, m.shape) == tuple(start_state_shapes(config).values()), "a start state of another model"
            write_datasets(folder / START_STATE, {"c": c, "m": m})
        write_vocabulary(folder / VOCABULARY, files)
        write_text(folder / INFO, json.dumps(files.info, indent=2, ensure_ascii=False) + "\n")


def write_vocabulary(path: Path, files: ModelFiles) -> None:
    """Writes the vocabulary, the counts of its words and the SentencePiece model side by side, as far as they exist."""
    if files.pieces is not None:
        path.with_name(PIECES).write_bytes(read_bytes(files.pieces))
    if files.vocabulary_place is not None:
        path.write_bytes(read_bytes(files.vocabulary_place))
        if files.counts_place is not None:
            path.with_suffix(COUNTS_SUFFIX).write_bytes(read_bytes(files.counts_place))


def describe_model(files: ModelFiles) -> dict[str, Any]:
    """A model's figures in reading order: architecture, parameters, then what ``model.json`` says."""
    config, V = files.config, files.vocabulary_size
    lstm, cnn, lists = config.lstm, config.char_cnn, config.own_lists
    figures: dict[str, Any] = {"input": "characters" if cnn is not None else "word ids"}
    if lists is not None:
        parts = {"Unicode characters": lists.characters, "listed words": lists.words}
        figures = {"input": " and ".join(name for name, count in parts.items() if count)}
        figures |= {"listed_characters": lists.characters, "listed_words": lists.words, "word_dim": lists.word_dim}
    if cnn is not None:
        figures |= {
            "character_embedding_dim": cnn.embedding_dim,
            "filters": [[width, count] for width, count in cnn.filters],
            "total_filters": cnn.total_filters,
            "highways": cnn.highways,
            "activation": cnn.activation,
            "max_characters": cnn.max_characters,
        }
    figures |= {
        "lstm_layers": lstm.layers,
        "cell_dim": lstm.cell_dim,
        "projection_dim": lstm.projection_dim,
        "cell_clip": lstm.cell_clip,
        "projection_clip": lstm.projection_clip,
        "residual": lstm.residual,
        "vector_layers": config.vector_layers,
        "vector_dim": config.vector_dim,
        "parameters": count_parameters(config, V),
        "softmax_classes": None if files.softmax is None else V,
        "parameters_with_softmax": None if files.softmax is None else count_parameters(config, V, softmax=True),
        "start_state": files.start_state is not None,
        "vocabulary": None if files.vocabulary_place is None else str(files.vocabulary_place),
    }
    return figures | {name: value for name, value in files.info.items() if name not in figures}


def _options_files(folder: Path) -> list[Path]:
    return list(folder.glob("*options.json"))


def _weights_files(folder: Path) -> list[Path]:
    files = [*folder.glob("*weights*.hdf5"), *folder.glob("model.hdf5")]
    return [file for file in files if "softmax" not in file.name]


def _the_one(folder: Path, usual: str, candidates: list[Path]) -> Path:
    found = _at_most_one(folder, usual, candidates)
    if found is None:
        raise ModelError(f"{folder}: expected {usual}, found {_names(folder.iterdir())}", hint=f"add {usual}")
    return found


def _at_most_one(folder: Path, usual: str, candidates: list[Path]) -> Path | None:
    for file in candidates:
        if file.name == usual:
            return file
    if len(candidates) > 1:
        raise ModelError(
            f"{folder}: expected one {usual}, found {_names(candidates)}", hint=f"name one of them {usual}"
        )
    return candidates[0] if candidates else None


def _names(files: Iterable[Path], most: int = 8) -> str:
    names = sorted(file.name for file in files)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "nothing"
