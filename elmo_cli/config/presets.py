"""Configurations with a name."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from elmo_cli.config.model import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.config.run import RunConfig
from elmo_cli.config.train import TrainConfig
from elmo_cli.errors import ConfigError

TINY = RunConfig(
    model=ModelConfig(
        char_cnn=CharCnnConfig(filters=((1, 32), (2, 32), (3, 64), (4, 128)), highways=1),
        lstm=LstmConfig(cell_dim=256, projection_dim=64),
    ),
    train=TrainConfig(rows=16, negatives=1024),
)
"""For tests and a first run: see README for time and perplexity of ``make demo``."""

COMPACT = RunConfig(
    model=ModelConfig(
        char_cnn=CharCnnConfig(filters=((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512)), highways=1),
        lstm=LstmConfig(cell_dim=256, projection_dim=64),
    ),
    train=TrainConfig(rows=32, negatives=1024),
)
"""A model that two CPU cores train on a million words in minutes; benchmarks/README.md has its figures."""

SMALL = RunConfig(
    model=ModelConfig(char_cnn=CharCnnConfig(highways=1), lstm=LstmConfig(cell_dim=1024, projection_dim=128)),
    train=TrainConfig(rows=64),
)
"""The published small model, 2x1024_128_2048cnn_1xhighway: 13.6 million parameters without softmax."""

MEDIUM = RunConfig(
    model=ModelConfig(char_cnn=CharCnnConfig(highways=1), lstm=LstmConfig(cell_dim=2048, projection_dim=256)),
)
"""The published medium model, 2x2048_256_2048cnn_1xhighway: 28.0 million parameters without softmax."""

ORIGINAL = RunConfig()
"""The published model, 2x4096_512_2048cnn_2xhighway: 93.6 million parameters without softmax."""

PRESETS: Mapping[str, RunConfig] = {
    "tiny": TINY,
    "compact": COMPACT,
    "small": SMALL,
    "medium": MEDIUM,
    "original": ORIGINAL,
}

DESCRIPTIONS: Mapping[str, str] = {
    "tiny": "2x256 to 64, filters to width 4; a first run on two CPU cores",
    "compact": "2x256 to 64, filters to width 6; a million words on two CPU cores",
    "small": "the published small model, 2x1024 to 128; 20 million words on a GPU",
    "medium": "the published medium model, 2x2048 to 256; 100 million words on a GPU",
    "original": "the published model, 2x4096 to 512; a billion words on GPUs",
}
"""What each preset is, in a few words: cells to projection, and the text that ``auto`` takes it for."""

RECIPE_ENDING = "-bilm-tf"
"""Ending of the names of the presets' twins."""

REFERENCE_RECIPE: Mapping[str, Any] = {"warmup_steps": 0, "reset_probability": 0.0, "softmax_bias": "zero"}
"""What makes a run train exactly as bilm-tf does; every preset has a twin with it, such as ``original-bilm-tf``."""


def preset(name: str) -> RunConfig:
    """The preset of that name; ``NAME-bilm-tf`` is the same with the reference's exact training recipe.

    Raises:
        ConfigError: There is none; the message lists them.
    """
    base = name.removesuffix(RECIPE_ENDING)
    if base not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        raise ConfigError(
            f"preset {name!r} does not exist; there are {', '.join(PRESETS)}, and each with the ending {RECIPE_ENDING}",
            hint=f"did you mean --preset {near[0]}?" if near else "choose one of them with --preset",
        )
    config = PRESETS[base]
    if base == name:
        return config
    return replace(config, train=replace(config.train, **REFERENCE_RECIPE))
