"""Which source of a setting wins."""

from pathlib import Path

import pytest

from elmo_cli.cli.settings import gather
from elmo_cli.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text("[train]\nrows = 8\nwindow = 5\nepochs = 3\n[model.lstm]\nlayers = 1\n")
    return path


def test_a_flag_wins_over_set_and_set_over_the_file(config: Path) -> None:
    settings = gather(config, ["train.rows=16", "train.window=7"], {"train.rows": 32, "train.seed": None})
    assert settings["train"]["rows"] == 32
    assert settings["train"]["window"] == 7
    assert settings["model"] == {"lstm": {"layers": 1}}
    assert "seed" not in settings["train"]


def test_nothing_given_is_nothing_set() -> None:
    assert gather(None, [], {"train.rows": None}) == {}


def test_steps_from_a_stronger_source_undo_epochs_and_the_other_way_round(config: Path) -> None:
    assert gather(config, [], {"train.steps": 100})["train"] == {"rows": 8, "window": 5, "steps": 100}
    assert gather(None, ["train.steps=100"], {"train.epochs": 2.0}) == {"train": {"epochs": 2.0}}


def test_steps_and_epochs_from_one_source_are_left_for_the_checks_of_the_section() -> None:
    assert gather(None, [], {"train.steps": 100, "train.epochs": 2.0}) == {"train": {"epochs": 2.0, "steps": 100}}


def test_a_table_can_be_switched_off_and_a_value_replaced_by_a_table() -> None:
    assert gather(None, ["model.char_cnn=null"], {}) == {"model": {"char_cnn": None}}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: no such configuration file"):
        gather(tmp_path / "absent.toml", [], {})
