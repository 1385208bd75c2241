"""ELMo out of AllenNLP checkpoints: ``.th`` state dicts, and ``model.tar.gz`` archives that hold one.

A tagger that was trained with ELMo has it inside, under some prefix, and with it the scalar mix that it learned.
"""

import math
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.config import ModelConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats import hdf5
from elmo_cli.formats.allennlp_names import NOT_OURS, TOKENS, deduce_architecture, expected_tensors, to_datasets
from elmo_cli.formats.content import Content, Source, size_of
from elmo_cli.formats.json_object import read_object
from elmo_cli.formats.model_files import LARGEST_INFO, ModelFiles
from elmo_cli.formats.options import read_options
from elmo_cli.formats.problems import require_none
from elmo_cli.formats.tar_members import read_members

WEIGHTS, CONFIG = "weights.th", "config.json"
LARGEST_ARCHIVE = 1 << 35
"""Bytes that an archive may unpack to."""

_OPTIONS = re.compile(r"fta/[^/]*options_file")
_MIX = re.compile(r"scalar_mix_(\d{1,4})\.(gamma|scalar_parameters\.\d{1,4})")
_HINT = "a state dict as torch.save writes it, with an Elmo module of AllenNLP inside, is expected"
ASSUMED = "clips at 3, residual, ReLU and 50 characters, as all published models have them: tensors do not tell"


def read_allennlp_archive(path: Path) -> ModelFiles:
    """Reads the ELMo in a ``model.tar.gz``; its options too, if the archive has them under ``fta/``.

    Raises:
        ModelError: It is no such archive, or the checkpoint inside is not what :func:`read_allennlp_checkpoint` reads.
    """
    members = read_members(
        path, lambda name: name in (WEIGHTS, CONFIG) or bool(_OPTIONS.fullmatch(name)), largest=LARGEST_ARCHIVE
    )
    if WEIGHTS not in members:
        raise ModelError(f"{path}: expected a member {WEIGHTS}, found none", hint="an AllenNLP model.tar.gz has one")
    options = [content for name, content in members.items() if _OPTIONS.fullmatch(name)]
    alike = options and all(content.data == options[0].data for content in options)
    files = read_allennlp_checkpoint(members[WEIGHTS], options=options[0] if alike else None)
    if not alike and CONFIG in members:
        named = sorted(set(_options_files(read_object(members[CONFIG], largest=LARGEST_INFO))))
        files.info["options_files"] = named  # what config.json names; not followed, for a stranger wrote it
    return files


def read_allennlp_checkpoint(source: Source, *, options: Source | None = None) -> ModelFiles:
    """Reads the ELMo in a ``.th`` state dict, under whatever prefix it is.

    The learned scalar mixes come along as ``info["scalar_mix"]``: of each, ``gamma`` and the ``scalar_parameters``
    before the softmax, token layer first. Where no options are given, ``info["assumed"]`` says what was taken for
    granted.

    Args:
        source: The state dict.
        options: ``options.json`` of the same model, for what tensors do not tell.

    Raises:
        ModelError: It is damaged or hostile, has no ELMo or several different ones, or differs from its options.
    """
    prefix, tensors = _elmo_module(source, _load(source))
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    try:
        config = deduce_architecture(shapes)
    except ModelError as error:
        raise ModelError(f"{source}: {error.message}", hint=error.hint or _HINT) from error
    if options is not None:
        config = _completed(config, options, source)
    mix_shapes = {name: (1,) for name in shapes if _MIX.fullmatch(name)}
    expected = {**expected_tensors(config), **mix_shapes}
    require_none(source, list(_misfits(tensors, expected)), hint=_HINT)
    arrays = {name: tensors[name].detach().resolve_neg().numpy() for name in expected}
    require_none(source, [f"{name}: {wrong}" for name, a in arrays.items() if (wrong := hdf5.not_finite(a))])
    info: dict[str, Any] = {"container": "AllenNLP checkpoint", "module": prefix.removesuffix(".")}
    if mixes := list(_scalar_mixes(source, arrays, config)):
        info["scalar_mix"] = mixes
    if options is None:
        info["assumed"] = ASSUMED
    return ModelFiles(config=config, weights=to_datasets(arrays, config), info=info)


def _load(source: Source) -> dict[str, Any]:
    import torch  # here, because it takes seconds, and nothing else in formats needs it

    _require_not_packed(source)
    try:
        with source.open() if isinstance(source, Content) else source.open("rb") as stream:
            state = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # a stranger's pickle ends in any error
        raise ModelError(f"{source}: refused or damaged: {_reason(error)}", hint=_HINT) from error
    if not isinstance(state, Mapping):
        raise ModelError(f"{source}: expected tensors by name, found {type(state).__name__}", hint=_HINT)
    plain = (torch.Tensor, torch.nn.Parameter)
    return {name: value for name, value in state.items() if isinstance(name, str) and type(value) in plain}


def _require_not_packed(source: Source) -> None:
    """Since torch 1.6 a state dict is a zip archive with everything stored as it is."""
    try:
        with source.open() if isinstance(source, Content) else source.open("rb") as stream:
            if not zipfile.is_zipfile(stream):
                return
            with zipfile.ZipFile(stream) as archive:
                unpacked = sum(info.file_size for info in archive.infolist())
                program = any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, RuntimeError) as error:
        raise ModelError(f"{source}: not a state dict, or damaged: {error}", hint=_HINT) from error
    if unpacked > size_of(source):
        raise ModelError(f"{source}: {size_of(source):,} bytes unpack to {unpacked:,}; torch.save packs nothing")
    if program:
        raise ModelError(f"{source}: expected a state dict, found a TorchScript program", hint=_HINT)


def _elmo_module(source: Source, state: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The prefix of the Elmo module, and its tensors without it."""
    mark = f"{TOKENS}._char_embedding_weights"
    prefixes = sorted(name.removesuffix(mark) for name in state if name.endswith(mark))
    if not prefixes:
        named = ", ".join(sorted(state)[:4]) or "nothing"
        raise ModelError(f"{source}: expected a tensor ...{mark}, found {named}", hint=_HINT)
    modules = [
        {name.removeprefix(prefix): value for name, value in state.items() if _belongs(name, prefix)}
        for prefix in prefixes
    ]
    claimed, size = max(_claimed(module) for module in modules), size_of(source)
    if claimed > size:
        raise ModelError(f"{source}: expected at most its own {size:,} bytes of values, found tensors of {claimed:,}")
    if any(not _same(module, modules[0]) for module in modules[1:]):
        raise ModelError(
            f"{source}: expected one Elmo module, found different ones under {', '.join(prefixes)}",
            hint="save the state_dict() of one of them with torch.save",
        )
    return prefixes[0], modules[0]


def _claimed(module: Mapping[str, Any]) -> int:
    return sum(4 * math.prod(tensor.shape) for tensor in module.values())


def _belongs(name: str, prefix: str) -> bool:
    rest = name.removeprefix(prefix)
    mine = rest.startswith("_elmo_lstm.") or _MIX.fullmatch(rest) is not None
    return name.startswith(prefix) and mine and rest not in NOT_OURS


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    def alike(a: Any, b: Any) -> bool:
        return a is b or (a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all()))

    return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)


def _completed(deduced: ModelConfig, options: Source, source: Source) -> ModelConfig:
    """The architecture of the options, if it is the deduced one in all that tensors tell."""
    config, _ = read_options(options)
    untold = {name: getattr(config.lstm, name) for name in ("cell_clip", "projection_clip", "residual")}
    completed = replace(deduced, lstm=replace(deduced.lstm, **untold))
    if config.char_cnn is not None and completed.char_cnn is not None:
        cnn = replace(
            completed.char_cnn,
            activation=config.char_cnn.activation,
            max_characters=config.char_cnn.max_characters,
        )
        completed = replace(completed, char_cnn=cnn)
    if completed != config:
        raise ModelError(
            f"{source}: the tensors are of another architecture than {options} says: expected {config}, "
            f"found {completed}",
            hint="options and weights belong together: take both from the same model",
        )
    return completed


def _misfits(tensors: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    for name in sorted(tensors.keys() - expected.keys()):
        yield f"{name}: superfluous: an Elmo module of this architecture has no such tensor"
    for name, shape in expected.items():
        wanted = f"float32 {hdf5.shown_shape(shape)}"
        if name not in tensors:
            yield f"{name}: missing, expected {wanted}"
            continue
        tensor = tensors[name]
        kind = str(tensor.dtype).removeprefix("torch.")
        plain = str(tensor.layout) == "torch.strided" and tensor.device.type == "cpu"
        if (kind, tuple(tensor.shape)) != ("float32", shape):
            yield f"{name}: expected {wanted}, found {kind} {hdf5.shown_shape(tuple(tensor.shape))}"
        elif not plain:
            yield f"{name}: expected plain values, found {tensor.layout} on {tensor.device.type}"


def _scalar_mixes(source: Source, arrays: Mapping[str, np.ndarray], config: ModelConfig) -> Iterator[dict[str, Any]]:
    numbers = sorted({int(match[1]) for name in arrays if (match := _MIX.fullmatch(name))})
    for number in numbers:
        mix = f"scalar_mix_{number}"
        wanted = [f"{mix}.gamma", *(f"{mix}.scalar_parameters.{j}" for j in range(config.vector_layers))]
        found = {name for name in arrays if name.startswith(f"{mix}.")}
        if found != set(wanted):
            raise ModelError(
                f"{source}: {mix}: expected gamma and {config.vector_layers} scalar_parameters, "
                f"one for each layer, found {', '.join(sorted(found))}"
            )
        gamma, *scores_L = (float(arrays[name][0]) for name in wanted)
        yield {"gamma": gamma, "scalar_parameters": scores_L}


def _options_files(config: Any) -> Iterator[str]:
    """Everything that a training configuration calls ``options_file``, wherever in it."""
    waiting = [config]  # no recursion: a stranger decides how deep it is
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict) and isinstance(named := value.get("options_file"), str):
            yield named
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _reason(error: Exception) -> str:
    """What went wrong, without torch's advice to switch its protection off."""
    if named := re.search(r"GLOBAL (\S+)", str(error)):
        return f"it asks for {named[1]}, which no state dict needs"
    if isinstance(error, pickle.UnpicklingError):
        return "its pickle holds more than tensors, or breaks off"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
