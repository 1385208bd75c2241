"""A model for today's hubs: ``model.safetensors`` and ``config.json``, the vocabulary and its counts beside them.

Tensors carry the published dataset names; the softmax is ``softmax/W`` and ``softmax/b``, the start state
``start_state/c`` and ``start_state/m``. ``config.json`` is ``options.json`` with ``model_type`` and, under ``info``,
what ``model.json`` says.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from elmo_cli.errors import ModelError
from elmo_cli.files import whole_folder, write_text
from elmo_cli.formats.hdf5 import Shape, not_finite, shown_shape
from elmo_cli.formats.model_files import ModelFiles, start_state_shapes
from elmo_cli.formats.model_folder import PIECES, write_vocabulary
from elmo_cli.formats.options import options_dict, read_options
from elmo_cli.formats.problems import require_none
from elmo_cli.formats.side_by_side import room_for
from elmo_cli.formats.weights import expected_datasets

TENSORS, CONFIG, VOCABULARY, CARD = "model.safetensors", "config.json", "vocab.txt", "README.md"
_SOFTMAX = ("softmax/W", "softmax/b")
_START_STATE = ("start_state/c", "start_state/m")
_FLOAT32 = "F32"


def is_safetensors_model(path: Path) -> bool:
    """Whether a folder holds a model in this form."""
    return (path / TENSORS).is_file() and (path / CONFIG).is_file()


def write_safetensors_model(model_dir: Path, files: ModelFiles, *, card: str | None = None) -> None:
    """Writes a model in this form, whole, in the place of an older one if there is one.

    Args:
        card: The text of ``README.md``; None writes none.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    tensors = dict(files.weights)
    if files.softmax is not None:
        tensors |= zip(_SOFTMAX, files.softmax, strict=True)
    if files.start_state is not None:
        tensors |= zip(_START_STATE, files.start_state, strict=True)
    config = {"model_type": "elmo", **options_dict(files.config, files.vocabulary_size), "info": files.info}
    with whole_folder(model_dir) as folder:
        write_text(folder / CONFIG, json.dumps(config, indent=2, ensure_ascii=False) + "\n")
        write_vocabulary(folder / VOCABULARY, files)
        if card is not None:
            write_text(folder / CARD, card)
        contiguous = {name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items()}
        try:
            save_file(contiguous, folder / TENSORS, {"format": "pt"})  # hubs ask for a framework; the bytes know none
        except SafetensorError as error:
            raise OSError(str(error)) from error  # whole_folder makes it an OutputError with the place


def read_safetensors_model(model_dir: Path) -> ModelFiles:
    """Reads what :func:`write_safetensors_model` wrote, to the bit.

    Raises:
        ModelError: A file is missing or damaged, or the tensors are not those of the architecture; all is listed.
    """
    path, vocabulary, pieces = model_dir / TENSORS, model_dir / VOCABULARY, model_dir / PIECES
    config, raw = read_options(model_dir / CONFIG)
    V = raw.get("n_tokens_vocab")
    info = raw.get("info", {})
    require_none(model_dir / CONFIG, [] if isinstance(info, dict) else ["info: expected an object"])
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with safe_open(path, framework="np") as tensors:
            names = set(tensors.keys())
            expected: dict[str, Shape] = dict(expected_datasets(config, V))
            if names & set(_SOFTMAX):
                expected |= zip(_SOFTMAX, ((V, config.lstm.projection_dim), (V,)), strict=True)
            if names & set(_START_STATE):
                expected |= zip(_START_STATE, start_state_shapes(config).values(), strict=True)
            problems = [f"{name}: superfluous: the options do not mention it" for name in sorted(names - set(expected))]
            for name, shape in expected.items():
                if name not in names:
                    problems.append(f"{name}: missing, expected {_FLOAT32} {shown_shape(shape)}")
                    continue
                found = tensors.get_slice(name)
                kind, found_shape = found.get_dtype(), tuple(found.get_shape())
                if kind != _FLOAT32 or not _fits(shape, found_shape):
                    problems.append(
                        f"{name}: expected {_FLOAT32} {shown_shape(shape)}, found {kind} {shown_shape(found_shape)}"
                    )
                    continue
                shapes[name] = found_shape
        arrays = room_for(shapes)
        _read_into(path, arrays)
        problems += [f"{name}: {wrong}" for name, array in arrays.items() if (wrong := not_finite(array))]
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{path}: not a safetensors file, or damaged: {error}",
            hint="fetch it again, and compare its size with the source's",
        ) from error
    require_none(path, problems)
    softmax, start_state = (
        (arrays.pop(pair[0]), arrays.pop(pair[1])) if pair[0] in arrays else None for pair in (_SOFTMAX, _START_STATE)
    )
    if softmax is not None and len(softmax[0]) != len(softmax[1]):
        require_none(path, [f"softmax/b: expected {len(softmax[0])} values, found {len(softmax[1])}"])
    return ModelFiles(
        config=config,
        weights=arrays,
        softmax=softmax,
        start_state=start_state,
        vocabulary_path=vocabulary if vocabulary.is_file() else None,
        pieces=pieces if pieces.is_file() else None,
        info=info,
    )


def _read_into(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Fills arrays from a file that safetensors has checked: it hands out copies, and those beside a map of the file.

    Raises:
        ValueError: The file breaks off.
    """
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
        for name, array in arrays.items():
            stream.seek(8 + length + header[name]["data_offsets"][0])
            if stream.readinto(array.data.cast("B")) != array.nbytes:
                raise ValueError(f"{name} breaks off")


def _fits(expected: Shape, found: tuple[int, ...]) -> bool:
    return len(expected) == len(found) and all(
        have == want if want is not None else have > 0 for want, have in zip(expected, found, strict=True)
    )
