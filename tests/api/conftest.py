"""Small models for the tests of the Python API."""

from pathlib import Path

import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from tests import numpy_elmo as reference

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 3), (2, 4), (3, 5)), highways=1),
    lstm=LstmConfig(cell_dim=9, projection_dim=5, cell_clip=0.9, projection_clip=0.7),
)
WEIGHTS = reference.random_model(CONFIG, seed=1)


@pytest.fixture(scope="session")
def config() -> ModelConfig:
    return CONFIG


@pytest.fixture(scope="session")
def weights() -> reference.Weights:
    return WEIGHTS


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with random weights and no recorded start state."""
    folder = tmp_path_factory.mktemp("models") / "model"
    write_model_folder(folder, ModelFiles(config=CONFIG, weights=dict(WEIGHTS)))
    return folder


@pytest.fixture(scope="session")
def files(folder: Path) -> tuple[Path, Path]:
    """Its options and weights."""
    return folder / "options.json", folder / "weights.hdf5"
