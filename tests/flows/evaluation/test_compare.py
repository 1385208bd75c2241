"""Several models on one text: paired where their targets are the same, by the byte where they are not."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.config import SplitConfig
from elmo_cli.errors import ConfigError, ModelError
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.evaluation.compare import compare
from elmo_cli.flows.evaluation_results import CompareResult
from elmo_cli.flows.reports import Notice
from elmo_cli.measure.bootstrap import paired_difference
from elmo_cli.text.vocabulary import Vocabulary
from tests.flows.small_model import WORDS, SmallModel

SENTENCES = ["the bank .", "a bank", "the .", "a bank the bank . the . a bank . . ."]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("first") / "model")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("second") / "model", seed=5)


@pytest.fixture(scope="module")
def other_words(first: SmallModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first model with another class in the place of one."""
    folder = tmp_path_factory.mktemp("other") / "model"
    shutil.copytree(first.folder, folder)
    Vocabulary([*WORDS[:-1], "river"]).write(folder / "vocab.txt")
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    return path


def run(models: list[Path], text: Path, **options: Any) -> tuple[CompareResult, list[str]]:
    """The result and the warnings."""
    *reports, result = compare(models, [str(text)], device="cpu", threads=1, **options)
    assert isinstance(result, CompareResult)
    return result, [report.text for report in reports if isinstance(report, Notice) and report.warning]


def sums(model: SmallModel) -> np.ndarray:
    """Mean of both directions' losses of each sentence, by NumPy."""
    found = [model.losses([sentence.split()], model.start_state())[:2] for sentence in SENTENCES]
    return np.array([(sum(forward) + sum(backward)) / 2 for forward, backward in found])


def test_the_same_vocabulary_is_compared_in_pairs_of_sentences(
    first: SmallModel, second: SmallModel, text: Path
) -> None:
    result, warnings = run([first.folder, second.folder, first.folder], text)
    targets = np.array([len(sentence.split()) + 1.0 for sentence in SENTENCES])
    assert (result.measure, warnings) == ("loss", [])
    assert [model.model for model in result.models] == [str(first.folder), str(second.folder), str(first.folder)]
    assert [model.loss for model in result.models[:2]] == pytest.approx(
        [sums(first).sum() / targets.sum(), sums(second).sum() / targets.sum()], rel=1e-6
    )
    expected = paired_difference(sums(second), sums(first), targets)
    assert vars(result.differences[0].difference) == pytest.approx(vars(expected), rel=1e-4)
    assert result.differences[0].difference.loss == pytest.approx(result.models[1].loss - result.models[0].loss)
    assert result.differences[1].model == str(first.folder)
    assert vars(result.differences[1].difference) == {"loss": 0.0, "low": 0.0, "high": 0.0, "p_value": 1.0}


def test_different_vocabularies_are_compared_by_the_byte_of_each_paragraph(
    first: SmallModel, other_words: Path, text: Path
) -> None:
    result, warnings = run([first.folder, other_words], text)
    assert result.measure == "bits_per_byte"
    one, two = result.models
    assert two.joint.bits_per_byte == pytest.approx(two.loss * two.joint.targets / math.log(2) / len(text.read_bytes()))
    assert result.differences[0].difference.loss == pytest.approx(two.joint.bits_per_byte - one.joint.bits_per_byte)
    said = "15.8% of the words are <UNK>, whose spelling costs nothing: its bits per byte look better than they are"
    assert warnings == [f"{other_words}: {said}"]


def test_other_tokens_are_compared_by_the_byte_too(first: SmallModel, second: SmallModel, tmp_path: Path) -> None:
    # One paragraph may be several sentences for one model and one for the other.
    shutil.copytree(second.folder, tmp_path / "words")
    info = tmp_path / "words/model.json"
    info.write_text(info.read_text().replace("whitespace", "words"))
    text = tmp_path / "text.txt"
    text.write_text("The bank. A bank?\nthe bank.\n")
    result, _ = run([first.folder, tmp_path / "words"], text)
    one, two = result.models
    assert (one.sentences, two.sentences) == (2, 3)
    assert result.differences[0].difference.loss == pytest.approx(two.joint.bits_per_byte - one.joint.bits_per_byte)


def test_without_the_original_text_different_vocabularies_are_refused(
    first: SmallModel, second: SmallModel, other_words: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "raw.txt"
    raw.write_text("The bank. A river! The way?\n" * 40, encoding="utf-8")
    list(prepare([str(raw)], tmp_path / "corpus", split=SplitConfig(held_out=0.2)))
    assert run([first.folder, second.folder], tmp_path / "corpus")[0].measure == "loss"
    with pytest.raises(ModelError, match="different vocabularies or tokens, so their perplexities do not compare") as e:
        run([first.folder, other_words], tmp_path / "corpus")
    assert e.value.message.startswith(f"{first.folder} and {other_words}: ")
    assert "of this text only the tokens are at hand" in e.value.message
    assert e.value.hint == "give the raw text instead of the prepared folder"


def test_a_text_that_changes_meanwhile_is_noticed(first: SmallModel, other_words: Path, text: Path) -> None:
    with pytest.raises(ModelError, match="did not read the same text"):
        for report in compare([first.folder, other_words], [str(text)], device="cpu"):
            if isinstance(report, Notice) and report.text.startswith("model 2 of 2"):
                text.write_text("another text\n")


def test_standard_input_cannot_be_read_by_every_model(first: SmallModel, second: SmallModel) -> None:
    with pytest.raises(ConfigError, match="standard input can be read once, and every model reads the text") as caught:
        next(compare([first.folder, second.folder], ["-"], device="cpu"))
    assert caught.value.hint == "save it to a file and name that"


def test_settings_are_checked_before_a_model_is_opened() -> None:
    with pytest.raises(ConfigError, match="--context page: expected sentence or stream"):
        next(compare(["nowhere", "nowhere"], ["a.txt"], context="page"))
