"""All sections together."""

from dataclasses import dataclass, field

from elmo_cli.config.checks import require
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
