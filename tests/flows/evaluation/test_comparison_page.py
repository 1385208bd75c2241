"""The page that compares models has the figures of the comparison."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.errors import OutputError
from elmo_cli.flows.evaluation import compare as flow
from elmo_cli.flows.evaluation.compare import compare
from elmo_cli.flows.evaluation.comparison_page import comparison_figures, short_names
from elmo_cli.flows.evaluation_results import CompareResult
from elmo_cli.pages.comparison import ComparisonFigures
from elmo_cli.text.vocabulary import Vocabulary
from tests.flows.small_model import WORDS, SmallModel

SENTENCES = ["the bank .", "a bank", "the .", "a bank the bank . the . a bank . . .", "", "the bank of a bank ."]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two with the same vocabulary, and one with another."""
    root = tmp_path_factory.mktemp("models")
    folders = [SmallModel(root / name / "model", seed=seed).folder for name, seed in (("one", 3), ("two", 5))]
    shutil.copytree(folders[0], root / "three/model")
    Vocabulary([*WORDS[:-1], "river"]).write(root / "three/model/vocab.txt")
    return [*folders, root / "three/model"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    return path


def run(models: list[Path], text: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    """The result, and what the page is made of."""
    taken: list[ComparisonFigures] = []

    def figures(*args: Any) -> ComparisonFigures:
        taken.append(comparison_figures(*args))
        return taken[-1]

    monkeypatch.setattr("elmo_cli.flows.evaluation.comparison_page.comparison_figures", figures)
    *_, result = compare(models, [str(text)], device="cpu", threads=1, page=text.with_name("page.html"), **options)
    assert isinstance(result, CompareResult)
    return result, taken[0]


def test_models_with_one_vocabulary_are_shown_with_perplexities(
    models: list[Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, found = run(models[:2], text, monkeypatch)
    assert found.same_targets and found.title == "one and two"
    assert [(model.value, model.low, model.high) for model in found.models] == [
        (each.perplexity, each.interval.low, each.interval.high) for each in result.models
    ]
    gap, difference = found.models[1].gap, result.differences[0].difference
    assert found.models[0].gap is None and gap is not None
    assert (gap.value, gap.low, gap.high, gap.p_value) == tuple(vars(difference).values())
    place, rank, length = found.bands
    assert (place.title, rank.title, length.title) == ("By place in the sentence", "By frequency", "By sentence length")
    for name, each in zip(("one", "two"), result.models, strict=True):
        joint = [math.exp((band.forward + band.backward) / 2) for band in each.breakdowns.by_place]
        assert [point.value for point in place.series[name]] == pytest.approx(joint)
    titles = list(found.sentences_shown)
    assert titles[0] == "Evenly spaced" and all(title.startswith("Where two ") for title in titles[1:])
    page = text.with_name("page.html").read_text(encoding="utf-8")
    assert "All models predict the same targets" in page


def test_models_with_other_vocabularies_are_shown_by_the_byte(
    models: list[Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, found = run([models[0], models[2]], text, monkeypatch)
    assert not found.same_targets
    assert [model.value for model in found.models] == [each.joint.bits_per_byte for each in result.models]
    assert all(model.low <= model.value <= model.high for model in found.models)
    (sizes,) = found.bands
    weights = [len(line) + 1 for line in SENTENCES if line]
    assert sum(weights) + 1 == result.models[0].size.bytes
    for name, each in zip(("one", "three"), result.models, strict=True):
        (only,) = sizes.series[name]  # every paragraph has fewer than 50 bytes
        assert only.value == pytest.approx(each.joint.bits_per_byte * each.size.bytes / sum(weights))
        assert only.note == f"5 paragraphs, {sum(weights)} bytes"
    assert list(found.sentences_shown) == ["Evenly spaced"]


def test_files_are_compared_by_the_byte_too(models: list[Path], text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = text.with_name("other.txt")
    other.write_text("the bank\na\n")
    shutil.copy(text, text.with_name("z.txt"))
    found = run([models[0], models[2]], text.parent / "*.txt", monkeypatch)[1]
    assert found.bands[1].title == "By file" and not found.bands[1].curve
    assert [Path(point.band).name for point in found.bands[1].series["one"]] == ["other.txt", "text.txt", "z.txt"]
    first, second, third = (point.value for point in found.bands[1].series["one"])
    assert second == third != first


def test_chosen_sentences_are_shown_under_every_model(
    models: list[Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = run(models, text, monkeypatch, heat=["a bank"], heat_sentences=[2])
    own, second = found.sentences_shown["Chosen sentences"]
    assert (own.title, second.title) == ("yours", "sentence 2")
    for name in ("one", "two", "three"):
        assert [token.word for token in own.by_model[name].tokens] == ["‹begin›", "a", "bank", "‹end›"]
        alike = [[token.forward or 0, token.backward or 0] for token in own.by_model[name].tokens]
        again = [[token.forward or 0, token.backward or 0] for token in second.by_model[name].tokens]
        np.testing.assert_allclose(alike, again, rtol=1e-5)


def test_a_page_that_exists_is_refused_before_any_work(
    models: list[Path], text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text.with_name("page.html").write_text("mine")
    monkeypatch.setattr(flow, "open_scorer", None)
    with pytest.raises(OutputError, match=r"page\.html: exists already"):
        run(models, text, monkeypatch)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/runs/books/model", "/tables/news/model"], ["books", "news"]),
        (["/runs/books/model", "/tables/books/model"], ["runs", "tables"]),
        (["a/books/1", "b/books/1/x"], ["1", "x"]),
        (["a/x/1", "b/x/2", "c/x/2"], ["a/x/1", "b/x/2", "c/x/2"]),
        (["one", "one/model"], ["one", "model"]),
        (["m", "m"], ["m 1", "m 2"]),
        (["/a", "b"], ["a", "b"]),
    ],
)
def test_names_are_as_short_as_tells_models_apart(paths: list[str], names: list[str]) -> None:
    assert short_names(paths) == names
