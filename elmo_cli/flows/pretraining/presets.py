"""``elmo presets``: configurations with a name, and what they come to."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from elmo_cli.config import DESCRIPTIONS, PRESETS, RECIPE_ENDING, ModelConfig, override, preset, to_dict
from elmo_cli.flows.reports import Reports
from elmo_cli.flows.run_results import PresetFigures, PresetResult, PresetsResult
from elmo_cli.model.bilm import BiLM


def presets(name: str | None = None, settings: Mapping[str, Any] | None = None) -> Reports:
    """Lists every preset with its size, or resolves one as a run would record it.

    Args:
        name: The preset to resolve; None lists all.
        settings: Nested, as for ``pretrain``, laid over the preset of that name.

    Raises:
        ConfigError: There is no such preset, or a setting is not usable.
    """
    if name is None:
        yield PresetsResult(presets=[_figures(one) for one in PRESETS], ending=RECIPE_ENDING)
        return
    config = override(preset(name), settings or {}, where="settings")
    yield PresetResult(name=name, config=to_dict(replace(config, train=config.train.settled())))


def _figures(name: str) -> PresetFigures:
    model, train = PRESETS[name].model, PRESETS[name].train
    return PresetFigures(
        name=name,
        description=DESCRIPTIONS[name],
        parameters=_parameters(model),
        cell_dim=model.lstm.cell_dim,
        projection_dim=model.lstm.projection_dim,
        rows=train.rows,
        negatives=train.negatives,
    )


def _parameters(model: ModelConfig) -> int:
    with torch.device("meta"):  # shapes without memory
        return sum(parameter.numel() for parameter in BiLM(model).parameters())
