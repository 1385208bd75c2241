"""All sections together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from elmo_cli.config.checks import require
from elmo_cli.config.layers import layer_names, named_layers
from elmo_cli.config.model import ModelConfig
from elmo_cli.config.text import CleaningConfig, InputConfig, PiecesConfig, TextConfig, VocabularyConfig
from elmo_cli.config.train import TrainConfig


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides what a pretraining run computes."""

    model: ModelConfig = field(default_factory=ModelConfig)
    input: InputConfig = field(default_factory=InputConfig)
    text: TextConfig = field(default_factory=TextConfig)
    pieces: PiecesConfig = field(default_factory=PiecesConfig)
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    vocabulary: VocabularyConfig = field(default_factory=VocabularyConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        require(
            "model",
            (self.model.own_lists is None, "own_lists must be null: such models are read, not trained"),
        )
        layers = layer_names(self.model.lstm.layers)
        unknown = named_layers(self.train.freeze, self.model.lstm.layers).difference(layers)
        require(
            "train",
            (not unknown, f"freeze: expected names out of {', '.join(layers)}; found {', '.join(sorted(unknown))}"),
        )


def as_named_now(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a run recorded, with those that have moved since in their place.

    Example:
        >>> as_named_now({"text": {"language": "de", "decode_errors": "replace"}})
        {'text': {'language': 'de'}, 'input': {'decode_errors': 'replace'}}
    """
    text = dict(values.get("text", {}))
    if "decode_errors" not in text:
        return dict(values)
    moved = {"decode_errors": text.pop("decode_errors")}
    return {**values, "text": text, "input": moved | dict(values.get("input", {}))}
