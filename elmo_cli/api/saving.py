"""A fine-tuned ELMo back into a model folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from elmo_cli import __version__
from elmo_cli.api.context import ContextLayers
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from elmo_cli.model.published import to_published
from elmo_cli.model.scalar_mix import ScalarMix

MIXES = "scalar_mixes"
"""Key of ``model.json``: for each mix its ``gamma`` and its ``scalar_parameters``, before the softmax."""

CHECKPOINT_MIXES = "scalar_mix"
"""What an AllenNLP checkpoint brings along, in the same form."""

KEPT = ("text", "libraries")
"""Keys of the source's ``model.json`` that still hold after fine-tuning; its perplexities do not."""


def save_model(model_dir: Path, layers: ContextLayers, mixes: Sequence[ScalarMix]) -> None:
    """Writes network, start state and mixes; no softmax and no vocabulary, which belong to the weights from before.

    Raises:
        OutputError: The place cannot be written to.
    """
    info: dict[str, Any] = {"tool": f"elmo {__version__}"}
    info |= {key: layers.info[key] for key in KEPT if key in layers.info}
    info[MIXES] = [
        {
            "gamma": mix.gamma.item(),
            "scalar_parameters": [parameter.item() for parameter in mix.scalar_parameters],
        }
        for mix in mixes
    ]
    start = layers.recorded_start
    files = ModelFiles(
        config=layers.config,
        weights=to_published(layers.bilm),
        start_state=None if start is None else start.to_arrays(),
        info=info,
    )
    write_model_folder(model_dir, files)


def recorded_mixes(layers: ContextLayers) -> list[Mapping[str, Any]]:
    """The mixes that a folder or an AllenNLP checkpoint records, or none where the record does not fit the model."""
    recorded = layers.info.get(MIXES, layers.info.get(CHECKPOINT_MIXES))
    if not isinstance(recorded, list) or not all(_is_mix(mix, layers.num_layers) for mix in recorded):
        return []
    return recorded


def set_mixes(mixes: Sequence[ScalarMix], recorded: Sequence[Mapping[str, Any]]) -> None:
    """Gives fresh mixes their recorded weights."""
    with torch.no_grad():
        for mix, values in zip(mixes, recorded, strict=True):
            mix.gamma.fill_(values["gamma"])
            for parameter, value in zip(mix.scalar_parameters, values["scalar_parameters"], strict=True):
                parameter.fill_(value)


def _is_mix(mix: Any, num_layers: int) -> bool:
    if not isinstance(mix, dict) or not isinstance(mix.get("scalar_parameters"), list):
        return False
    numbers = [mix.get("gamma"), *mix["scalar_parameters"]]
    return len(numbers) == num_layers + 1 and all(type(number) in (int, float) for number in numbers)
