"""Explanations of ``elmo info``'s figures."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.cli.info import _rows
from elmo_cli.cli.meanings import NAMED_BY_DATA, explain, explain_group
from elmo_cli.config import (
    CharCnnConfig,
    LstmConfig,
    OptimizerConfig,
    ScheduleConfig,
    TextConfig,
    TrainConfig,
    VocabularyConfig,
)
from elmo_cli.flows.info import info
from elmo_cli.flows.model_results import InfoResult
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_writer import open_writer
from elmo_cli.text.count_files import write_counts
from elmo_cli.text.counting import WordCounts
from elmo_cli.text.vocabulary import Vocabulary
from tests.formats import containers, feature_cases


@pytest.mark.parametrize(
    "section",
    [CharCnnConfig, LstmConfig, TextConfig, VocabularyConfig, TrainConfig, OptimizerConfig, ScheduleConfig],
)
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
    assert explain("run.config.train.optimizer.name").startswith("adagrad, adamw")
    assert explain("run.config.train.schedule.name").startswith("constant, linear or cosine")
    assert explain("prepared corpus.overlap.held_out") == "of the held-out sentences, from 0 to 1"


def test_what_is_not_known_is_not_explained() -> None:
    assert explain("something.new") == ""


def require_explanations(path: Path) -> None:
    """Every row that ``elmo info`` prints has its third column, or is one of a group whose own text stands for it."""
    (result,) = info(path)
    assert isinstance(result, InfoResult)
    above, unexplained = "", []
    for name, _, explanation in _rows(result.figures, result.kind):
        depth = (len(name) - len(name.lstrip())) // 2
        above = name.strip() if depth == 0 else above
        if not explanation and not (depth == 1 and above in NAMED_BY_DATA):
            unexplained.append(f"{above} {name}")
    assert unexplained == [], result.kind


@pytest.mark.parametrize("form", containers.FORMS)
def test_every_figure_of_every_container_is_explained(tmp_path: Path, form: str) -> None:
    require_explanations(containers.write_form(tmp_path, form))


def test_every_figure_of_a_vocabulary_of_counts_and_of_vectors_is_explained(tmp_path: Path) -> None:
    Vocabulary(["<S>", "</S>", "<UNK>", "the"], np.array([4, 4, 4, 4])).write(tmp_path / "vocab.txt")
    require_explanations(tmp_path / "vocab.txt")
    write_counts(tmp_path / "counts.tsv.gz", WordCounts(max_types=9), TextConfig())
    require_explanations(tmp_path / "counts.tsv.gz")
    attributes = dict.fromkeys(("tool", "model", "layers", "dtype", "state", "normalized"), "x")
    with open_writer(tmp_path / "out.hdf5", form=FeatureForm(width=4), attributes=attributes) as features:
        features.write(0, np.zeros((3, 2, 4), np.float32))
        features.finish()
    require_explanations(tmp_path / "out.hdf5")


@pytest.mark.parametrize(
    "settings", [{}, {"sentence_keys": True}, {"layout": "manylangs"}, {"layout": "flat"}], ids=str
)
def test_every_figure_of_vectors_in_every_layout_is_explained(tmp_path: Path, settings: dict) -> None:
    form = FeatureForm(width=feature_cases.WIDTH, compression="gzip", **settings)
    require_explanations(feature_cases.write_all(tmp_path, form).paths[0])


def test_every_figure_of_a_saved_module_is_explained(tmp_path: Path) -> None:
    from elmo_cli import Elmo

    containers.write_published(tmp_path / "published")
    Elmo.from_pretrained(tmp_path / "published", state="zero").save_pretrained(tmp_path / "saved")
    require_explanations(tmp_path / "saved")


def test_every_figure_of_a_run_its_model_its_corpus_and_its_store_is_explained(tmp_path: Path) -> None:
    from elmo_cli.flows.pretraining.pretrain import pretrain
    from tests.flows.pretraining.test_pretrain import SETTINGS

    text = tmp_path / "text.txt"
    text.write_text("".join(f"Ann likes tea number {number % 7} .\n" for number in range(200)), encoding="utf-8")
    settings = {**SETTINGS, "train": {**SETTINGS["train"], "steps": 20}}
    list(pretrain([str(text)], tmp_path / "run", preset="tiny", settings=settings, device="cpu", threads=1))
    run = tmp_path / "run"
    (store,) = run.glob("corpus/store/*/train")
    for part in (run / "model", run / "corpus", store, run):
        require_explanations(part)


def test_a_group_has_a_text_of_its_own() -> None:
    assert explain_group("model.weight_norms") == "square root of the sum of squares of each layer's weights"
    assert explain_group("model.something_new") == ""
