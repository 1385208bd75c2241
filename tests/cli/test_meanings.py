"""Explanations of ``elmo info``'s figures."""

from dataclasses import fields

import pytest

from elmo_cli.cli.meanings import explain
from elmo_cli.config import CharCnnConfig, LstmConfig, TextConfig, TrainConfig, VocabularyConfig


@pytest.mark.parametrize("section", [CharCnnConfig, LstmConfig, TextConfig, VocabularyConfig, TrainConfig])
def test_every_setting_is_explained_by_its_docstring(section: type) -> None:
    for field in fields(section):
        assert len(explain(f"config.section.{field.name}")) > 10, field.name


def test_an_explanation_is_the_docstring_s_beginning() -> None:
    assert explain("config.train.seed") == "Decides initial weights, shuffles, dropout and negatives"
    assert explain("cell_clip") == "Bound on the memory cell after every step"


def test_a_setting_and_a_figure_of_one_name_are_told_apart() -> None:
    assert explain("training.settings.steps") == "Length of the run in steps"
    assert explain("training.steps") == "training steps done"


def test_a_name_that_means_another_thing_elsewhere_is_told_apart_by_kind() -> None:
    assert explain("features.layers") == "what each array holds of ELMo's layers"
    assert explain("run.config.model.lstm.layers") == "LSTM layers per direction"


def test_what_is_not_known_is_not_explained() -> None:
    assert explain("something.new") == ""
