"""Every setting: frozen dataclasses, presets, and their JSON and TOML forms.

A section reports all its problems at once. A constructor elsewhere takes its own section, never the whole tree.
Settings are found in this order: flag, ``--set``, ``--config``, preset.
"""

from elmo_cli.config.model import CharCnnConfig, LstmConfig, ModelConfig, OwnListsConfig
from elmo_cli.config.optimizer import RATES, OptimizerConfig
from elmo_cli.config.precision import INFERENCE_PRECISIONS, PRECISIONS
from elmo_cli.config.presets import (
    COMPACT,
    DESCRIPTIONS,
    MEDIUM,
    ORIGINAL,
    PRESETS,
    RECIPE_ENDING,
    REFERENCE_RECIPE,
    SMALL,
    TINY,
    preset,
)
from elmo_cli.config.run import RunConfig, as_named_now
from elmo_cli.config.schedule import SCHEDULES, ScheduleConfig
from elmo_cli.config.settings_file import read_settings, to_toml
from elmo_cli.config.text import CleaningConfig, InputConfig, PiecesConfig, SplitConfig, TextConfig, VocabularyConfig
from elmo_cli.config.train import LENGTHS, TrainConfig
from elmo_cli.config.values import Section, from_dict, override, parse_assignments, read_toml, to_dict
from elmo_cli.config.vectors import VectorConfig

__all__ = [
    "COMPACT",
    "DESCRIPTIONS",
    "INFERENCE_PRECISIONS",
    "LENGTHS",
    "MEDIUM",
    "ORIGINAL",
    "PRECISIONS",
    "PRESETS",
    "RATES",
    "RECIPE_ENDING",
    "REFERENCE_RECIPE",
    "SCHEDULES",
    "SMALL",
    "TINY",
    "CharCnnConfig",
    "CleaningConfig",
    "InputConfig",
    "LstmConfig",
    "ModelConfig",
    "OptimizerConfig",
    "OwnListsConfig",
    "PiecesConfig",
    "RunConfig",
    "ScheduleConfig",
    "Section",
    "SplitConfig",
    "TextConfig",
    "TrainConfig",
    "VectorConfig",
    "VocabularyConfig",
    "as_named_now",
    "from_dict",
    "override",
    "parse_assignments",
    "preset",
    "read_settings",
    "read_toml",
    "to_dict",
    "to_toml",
]
