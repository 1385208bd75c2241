"""ELMo out of AllenNLP checkpoints: ``.th`` state dicts, and ``model.tar.gz`` archives that hold one.

A tagger that was trained with ELMo has it inside, under some prefix, and with it the scalar mix that it learned.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.config import ModelConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats import hdf5
from elmo_cli.formats.allennlp_names import NOT_OURS, TOKENS, deduce_architecture, expected_tensors, to_datasets
from elmo_cli.formats.content import Source, size_of
from elmo_cli.formats.json_object import read_object
from elmo_cli.formats.model_files import LARGEST_INFO, ModelFiles
from elmo_cli.formats.options import read_options
from elmo_cli.formats.problems import require_none
from elmo_cli.formats.state_dict import claimed_bytes, misfits, read_state_dict
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
    weights = members.pop(WEIGHTS)
    place, module = str(weights), _elmo_module(weights, read_state_dict(weights, hint=_HINT))
    del weights  # its bytes go before its tensors are rearranged, which takes a second copy of them for a while
    files = _model_of(place, *module, options[0] if alike else None)
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
    return _model_of(str(source), *_elmo_module(source, read_state_dict(source, hint=_HINT)), options)


def _model_of(source: str, prefix: str, tensors: dict[str, Any], options: Source | None) -> ModelFiles:
    """The model that an Elmo module's tensors are; they are let go one by one."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    try:
        config = deduce_architecture(shapes)
    except ModelError as error:
        raise ModelError(f"{source}: {error.message}", hint=error.hint or _HINT) from error
    if options is not None:
        config = _completed(config, options, source)
    mix_shapes = {name: (1,) for name in shapes if _MIX.fullmatch(name)}
    expected = {**expected_tensors(config), **mix_shapes}
    require_none(source, list(misfits(tensors, expected, "an Elmo module")), hint=_HINT)
    arrays = {name: tensors[name].detach().resolve_neg().numpy() for name in expected}
    tensors.clear()
    require_none(source, [f"{name}: {wrong}" for name, a in arrays.items() if (wrong := hdf5.not_finite(a))])
    info: dict[str, Any] = {"container": "AllenNLP checkpoint", "module": prefix.removesuffix(".")}
    if mixes := list(_scalar_mixes(source, arrays, config)):
        info["scalar_mix"] = mixes
    if options is None:
        info["assumed"] = ASSUMED
    return ModelFiles(config=config, weights=to_datasets(arrays, config), info=info)


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
    claimed, size = max(claimed_bytes(module) for module in modules), size_of(source)
    if claimed > size:
        raise ModelError(f"{source}: expected at most its own {size:,} bytes of values, found tensors of {claimed:,}")
    if any(not _same(module, modules[0]) for module in modules[1:]):
        raise ModelError(
            f"{source}: expected one Elmo module, found different ones under {', '.join(prefixes)}",
            hint="save the state_dict() of one of them with torch.save",
        )
    return prefixes[0], modules[0]


def _belongs(name: str, prefix: str) -> bool:
    rest = name.removeprefix(prefix)
    mine = rest.startswith("_elmo_lstm.") or _MIX.fullmatch(rest) is not None
    return name.startswith(prefix) and mine and rest not in NOT_OURS


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    def alike(a: Any, b: Any) -> bool:
        return a is b or (a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all()))

    return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)


def _completed(deduced: ModelConfig, options: Source, source: str) -> ModelConfig:
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


def _scalar_mixes(source: str, arrays: Mapping[str, np.ndarray], config: ModelConfig) -> Iterator[dict[str, Any]]:
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
