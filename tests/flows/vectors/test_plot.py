"""Vectors of words on a plane: out of files and out of texts, against NumPy, and pages that hold any word."""

import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from elmo_cli.config import InputConfig
from elmo_cli.errors import ConfigError, ModelError, OutputError, TextError
from elmo_cli.flows.reports import Notice, Report
from elmo_cli.flows.vector_results import PlotResult
from elmo_cli.flows.vectors.plot import alike, plot, principal_plane
from elmo_cli.flows.vectors.plotted_points import Points, points_of_features, points_of_text
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_writer import open_writer
from tests import numpy_elmo as reference
from tests.flows.small_model import CONFIG, SmallModel

LINES = [
    "the bank of the river",
    "a river bank",
    "he is at the bank .",
    "money in a bank",
    "no such word",
    "river river",
]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("plot") / "model")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def write(path: Path, lines: list[str], *, layout: str = "flat", layers: int | None = 3, tokens: bool = True) -> Path:
    """Vectors that count: layer, line and place, each in a column of its own."""
    form = FeatureForm(layout=layout, layers=layers, width=4)
    with open_writer(path, form=form, attributes={"model": "abc", "state": "zero"}) as writer:
        for number, line in enumerate(lines):
            words = line.split()
            vectors = np.zeros((layers or 1, len(words), 4), np.float32)
            vectors[..., 0] = np.arange(layers or 1)[:, None]
            vectors[..., 1], vectors[..., 2], vectors[..., 3] = number, np.arange(len(words)), number**2
            sentence = line if tokens else line.replace(" ", "")
            writer.write(number, vectors if layers else vectors[0], sentence=sentence, tokens=words)
        writer.finish()
    return path


def run(source: Path, *inputs: Path, **options: Any) -> PlotResult:
    *_, result = plot(source, [str(path) for path in inputs], **options)
    assert isinstance(result, PlotResult)
    return result


def ended(flow: Generator[Report, None, Points]) -> Points:
    """What a stage hands back."""
    while True:
        try:
            next(flow)
        except StopIteration as stop:
            return stop.value


def spec_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="chart-1-2">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def points_in(page: str) -> list[dict[str, Any]]:
    return next(data["values"] for data in spec_of(page)["data"] if "values" in data)


@pytest.mark.parametrize("layout", ["flat", "allennlp"])
@pytest.mark.parametrize(("layers", "first"), [(None, 1.0), ("average", 1.0), ("top", 2.0), ("0", 0.0)])
def test_vectors_of_a_file_are_those_of_the_words(
    tmp_path: Path, layout: str, layers: str | None, first: float
) -> None:
    path = write(tmp_path / "v.hdf5", LINES, layout=layout)
    points = ended(points_of_features(path, ["river", "bank"], layers=layers, limit=9))
    places = [(0, 4), (1, 1), (5, 0), (5, 1), (0, 1), (1, 2), (2, 4), (3, 3)]
    assert [(one.sentence.line - 1, one.place) for one in points.occurrences] == places
    assert points.vectors_NE.tolist() == [[first, line, place, line**2] for line, place in places]
    assert points.counts == {"river": 4, "bank": 4}
    assert ("model", "abc") in points.origin


def test_a_file_of_one_layer_is_drawn_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "v.hdf5", LINES, layers=None)
    result = run(path, words=["bank"], out=tmp_path / "p.svg")
    assert result.points == 4
    with pytest.raises(ConfigError, match=r"--layers top: .*v.hdf5 has one vector for each token"):
        run(path, words=["bank"], out=tmp_path / "q.svg", layers="top")


def test_vectors_of_a_text_are_those_of_numpy(example: SmallModel, text: Path) -> None:
    options: dict[str, Any] = {"tokenizer": None, "device": "cpu", "threads": 1}
    inputs = [str(text)]
    points = ended(
        points_of_text(example.folder, inputs, ["bank"], layers="1", limit=2, reading=InputConfig(), **options)
    )
    assert points.counts == {"bank": 4}
    assert [(one.sentence.line, one.place) for one in points.occurrences] == [(1, 1), (3, 4)]
    for one, vector_E in zip(points.occurrences, points.vectors_NE, strict=True):
        ids = reference.sentence_characters(list(one.sentence.tokens), 12)
        [vectors_LTE], _ = reference.embed(example.weights, CONFIG, [ids], example.start_state())
        np.testing.assert_allclose(vector_E, vectors_LTE[1, one.place], atol=2e-6)


def test_a_page_has_every_point_with_its_context(example: SmallModel, text: Path, tmp_path: Path) -> None:
    result = run(example.folder, text, words=["bank", "river"], out=tmp_path / "p.html", device="cpu", threads=1)
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    values = points_in(page)
    assert [(value["series"], value["sentence"], value["context"]) for value in values] == [
        ("bank", "1", "the [bank] of the river"),
        ("bank", "2", "a river [bank]"),
        ("bank", "3", "he is at the [bank] ."),
        ("bank", "4", "money in a [bank]"),
        ("river", "1", "the bank of the [river]"),
        ("river", "2", "a [river] bank"),
        ("river", "6", "[river] river"),
        ("river", "6", "river [river]"),
    ]
    assert (result.points, result.occurrences) == (8, {"bank": 4, "river": 4})
    assert result.groups == {"bank": 4, "river": 4}
    assert f"<b>{result.alike} of 8</b>" in page
    assert sum(result.variance) == pytest.approx(
        np.var([[v["x"], v["y"]] for v in values], axis=0).sum() / _spread(example, text), rel=1e-5
    )


def _spread(example: SmallModel, text: Path) -> float:
    """The variance of all eight vectors in NumPy."""
    rows = []
    for line in LINES:
        words = line.split()
        [vectors_LTE], _ = reference.embed(
            example.weights, CONFIG, [reference.sentence_characters(words, 12)], example.start_state()
        )
        rows += [vectors_LTE.mean(0)[place] for place, word in enumerate(words) if word in ("bank", "river")]
    return float(np.var(np.stack(rows), axis=0).sum())


def test_labels_belong_to_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "v.hdf5", LINES)
    (tmp_path / "labels.txt").write_text("shore\nshore\nhouse\n\nx\ny\n", encoding="utf-8")
    result = run(path, words=["bank"], out=tmp_path / "p.html", labels=tmp_path / "labels.txt")
    assert result.groups == {"shore": 2, "house": 1, "no label": 1}
    (tmp_path / "short.txt").write_text("shore\nshore\n", encoding="utf-8")
    with pytest.raises(TextError, match=r"short.txt: expected a label for each line of the text, 4 or more, found 2"):
        run(path, words=["bank"], out=tmp_path / "q.html", labels=tmp_path / "short.txt")


def test_labels_of_several_files_are_refused(example: SmallModel, text: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("a bank\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected labels for the lines of one file, found words in 2 files"):
        run(example.folder, text, tmp_path / "more.txt", words=["bank"], out=tmp_path / "p.html", labels=text)


def test_sentences_can_have_colours_while_they_are_few(tmp_path: Path) -> None:
    path = write(tmp_path / "v.hdf5", LINES)
    result = run(path, words=["river"], out=tmp_path / "p.html", colour="sentence")
    assert result.groups == {"sentence 1": 1, "sentence 2": 1, "sentence 6": 2}
    many = write(tmp_path / "w.hdf5", ["a bank"] * 13)
    with pytest.raises(ConfigError, match="--colour sentence: expected at most 12 colours, found 13") as caught:
        run(many, words=["bank"], out=tmp_path / "q.html", colour="sentence")
    assert "--limit" in caught.value.hint


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_pictures_are_written_whole(tmp_path: Path, ending: str) -> None:
    path, out = write(tmp_path / "v.hdf5", LINES), tmp_path / f"p.{ending}"
    run(path, words=["bank"], out=out)
    assert out.read_bytes().startswith(b"<svg" if ending == "svg" else b"\x89PNG")
    with pytest.raises(OutputError, match="exists already"):
        run(path, words=["bank"], out=out)
    run(path, words=["bank"], out=out, overwrite=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"p.{ending}", "v.hdf5"]


def test_naughty_strings_stay_words(shared: Path, tmp_path: Path) -> None:
    strings = (shared / "data/naughty-strings/blns.txt").read_text(encoding="utf-8").split("\n")
    lines = [" ".join(["bank", *line.split()]) for line in strings if line.strip()] + ["bank \ud800 \x1b[31m </script>"]
    path = write(tmp_path / "v.hdf5", lines)
    (tmp_path / "labels.txt").write_text("<script>alert(1)</script>\n" * len(lines), encoding="utf-8")
    result = run(path, words=["bank"], out=tmp_path / "p.html", labels=tmp_path / "labels.txt", limit=9999)
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert result.points == sum(line.split().count("bank") for line in lines)
    assert page.count("</script>") == 3  # the chart, what draws it, and the page's own
    assert "<script>alert" not in page
    assert points_in(page)[-1]["context"] == "[bank] \ufffd ␛[31m </script>"


def test_vectors_that_know_no_context_are_told(example: SmallModel, text: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"words": ["bank"], "out": tmp_path / "p.html", "layers": "0", "threads": 1}
    reports = list(plot(example.folder, [str(text)], device="cpu", **options))
    warnings = [report.text for report in reports if isinstance(report, Notice) and report.warning]
    assert warnings == ["all points lie in one place: these vectors do not depend on the context"]
    assert isinstance(reports[-1], PlotResult)
    assert reports[-1].variance == (0.0, 0.0)


def test_a_missing_word_is_told_with_those_like_it(example: SmallModel, text: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "v.hdf5", LINES)
    with pytest.raises(TextError, match=r"v.hdf5: expected the word 'rivers', found it in none of 6") as caught:
        run(path, words=["bank", "rivers"], out=tmp_path / "p.html")
    assert caught.value.hint == "the text has river"
    with pytest.raises(TextError, match=r"text.txt: expected the word 'rivers', found it in none of 6"):
        run(example.folder, text, words=["rivers"], out=tmp_path / "p.html", device="cpu", threads=1)
    with pytest.raises(TextError, match=r"v.hdf5: expected 3 occurrences or more to draw, found 1"):
        run(path, words=["money"], out=tmp_path / "p.html")
    assert not (tmp_path / "p.html").exists()


def test_a_text_cut_into_other_tokens_than_it_shows_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "v.hdf5", LINES, layout="allennlp", tokens=False)
    with pytest.raises(ModelError, match=r"v.hdf5: line 1: expected a vector for each of 1 words .* found 5") as caught:
        run(path, words=["bank"], out=tmp_path / "p.html")
    assert "--layout flat" in caught.value.hint


def test_vectors_of_whole_sentences_are_told(tmp_path: Path) -> None:
    form = FeatureForm(layout="flat", layers=None, width=4)
    with open_writer(tmp_path / "v.hdf5", form=form, attributes={"vectors": "one per sentence: mean"}) as writer:
        writer.write(0, np.zeros((1, 4), np.float32), sentence="bank bank bank", tokens=["bank bank bank"])
        writer.finish()
    with pytest.raises(ModelError, match=r"v.hdf5: expected a vector for each token, found one per sentence: mean"):
        run(tmp_path / "v.hdf5", words=["bank"], out=tmp_path / "p.html")


def test_a_foreign_file_with_other_tokens_than_vectors_is_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.hdf5", "w") as file:  # as ELMoForManyLangs writes them
        file["a\tbank"] = np.zeros((3, 4), np.float32)
    with pytest.raises(ModelError, match=r"line 1: expected a vector for each of 2 tokens, found \(3, 4\)"):
        run(tmp_path / "v.hdf5", words=["bank"], out=tmp_path / "p.html")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"words": []}, ConfigError, "no word to draw"),
        ({"out": Path("p.pdf")}, OutputError, r"p.pdf: expected a name that ends in .html, .png, .svg"),
        ({"colour": "sense"}, ConfigError, "--colour sense: expected word, sentence, label"),
        ({"colour": "label"}, ConfigError, "--colour label and --labels FILE go together"),
        ({"limit": 0}, ConfigError, "--limit 0"),
        ({"layers": "all"}, ConfigError, "--layers all: expected 1 point or more, and one vector a token"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        run(tmp_path / "v.hdf5", **{"words": ["bank"], "out": tmp_path / "p.html", **options})


@settings(deadline=None)
@given(arrays.arrays(np.float32, st.tuples(st.integers(2, 8), st.integers(1, 6)), elements=st.integers(-9, 9)))
def test_the_plane_holds_the_most_variance_there_is(vectors_NE: np.ndarray) -> None:
    plane_NX, variance = principal_plane(vectors_NE)
    covariance_EE = np.atleast_2d(np.cov(vectors_NE.astype(np.float64), rowvar=False, bias=True))
    sizes = np.sort(np.linalg.eigvalsh(covariance_EE))[::-1]
    np.testing.assert_allclose(plane_NX.var(axis=0), np.pad(sizes, (0, 2))[:2].clip(0), atol=1e-8)
    assert sum(variance) == pytest.approx(sizes[:2].sum() / sizes.sum() if sizes.sum() > 1e-9 else 0)
    assert (plane_NX.max(axis=0) >= -plane_NX.min(axis=0) - 1e-9).all()
    # Distances on the plane are never larger than they are.
    across = np.linalg.norm(plane_NX[:, None] - plane_NX[None], axis=2)
    assert (across <= np.linalg.norm(vectors_NE[:, None] - vectors_NE[None], axis=2) + 1e-6).all()


def test_alike_counts_points_whose_nearest_has_their_colour() -> None:
    vectors_NE = np.array([[1, 0], [2, 0.1], [0, 1], [0.1, 3]], np.float32)
    assert alike(vectors_NE, ["a", "a", "b", "b"]) == 4
    assert alike(vectors_NE, ["a", "b", "c", "c"]) == 2
