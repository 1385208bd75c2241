"""The page about an evaluation has the figures of the evaluation."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.errors import ConfigError, OutputError
from elmo_cli.flows.evaluation import evaluate as flow
from elmo_cli.flows.evaluation.evaluate import evaluate
from elmo_cli.flows.evaluation.evaluation_page import evaluation_figures, sentence_spread, word_costs
from elmo_cli.flows.evaluation_results import EvaluateResult
from elmo_cli.flows.reports import Notice
from elmo_cli.measure.scored_text import ScoredText
from elmo_cli.pages.evaluation import EvaluationFigures
from tests.flows.small_model import WORDS, SmallModel

SENTENCES = ["the bank .", "a river", "the .", "a very long way to the bank of the river , a bank . . ."]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("page") / "model")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[EvaluationFigures]:
    """What pages are made of, as they are made."""
    found: list[EvaluationFigures] = []

    def figures(*args: Any) -> EvaluationFigures:
        found.append(evaluation_figures(*args))
        return found[-1]

    monkeypatch.setattr("elmo_cli.flows.evaluation.evaluation_page.evaluation_figures", figures)
    return found


def run(example: SmallModel, text: Path, **options: Any) -> tuple[EvaluateResult, list[Notice]]:
    *reports, result = evaluate(example.folder, [str(text)], device="cpu", threads=1, **options)
    assert isinstance(result, EvaluateResult)
    return result, [report for report in reports if isinstance(report, Notice)]


def test_the_figures_of_the_page_are_those_of_the_result(
    example: SmallModel, text: Path, tmp_path: Path, taken: list[EvaluationFigures]
) -> None:
    result, notices = run(example, text, page=tmp_path / "page.html", baseline=[str(text)], baseline_order=2)
    assert result.baseline is not None
    found = taken[0]
    assert found.perplexity == result.perplexity
    assert found.interval == (result.interval.low, result.interval.high, 0.95)
    assert (found.words, found.sentences, found.oov_tokens) == (result.words, 4, result.oov_tokens)
    for figure in found.figures:
        assert figure.joint == getattr(result.joint, figure.name)
        assert (figure.forward, figure.backward) == (
            getattr(result.forward, figure.name),
            getattr(result.backward, figure.name),
        )
    for name in ("by_place", "by_frequency", "by_length", "by_file"):
        bands = getattr(result.breakdowns, name)
        assert [vars(band) for band in getattr(found, name)] == [vars(band) for band in bands]
    assert [(word.word, word.count, word.share) for word in found.word_costs][:20] == [
        (word.word, word.count, word.share) for word in result.breakdowns.words
    ]
    assert found.baseline is not None and found.baseline.joint == pytest.approx(result.baseline.joint.perplexity)
    assert (found.baseline.loss, found.baseline.order) == (result.baseline.difference.loss, 2)
    assert [vars(band) for band in found.baseline.by_place] == [vars(band) for band in result.baseline.by_place]
    assert found.strongest == math.log2(len(WORDS))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"<b>{result.perplexity:.2f}</b><span>perplexity</span>" in page
    assert notices[-1].text == f"page in {tmp_path / 'page.html'}"


def test_every_token_has_its_surprisal_as_numpy_counts_it(
    example: SmallModel, text: Path, tmp_path: Path, taken: list[EvaluationFigures]
) -> None:
    run(example, text, page=tmp_path / "page.html", heat_sentences=[1], heat=["a <b> bank"])
    own, first = taken[0].sentences_shown["Chosen sentences"]
    for shown, words in ((own, ["a", "<b>", "bank"]), (first, ["the", "bank", "."])):
        forward, backward, _ = example.losses([words], example.start_state())
        begin, *tokens, end = shown.tokens
        assert [token.word for token in tokens] == words
        assert [token.known for token in tokens] == [word in WORDS for word in words]
        assert [token.forward for token in [*tokens, end]] == pytest.approx(np.divide(forward, math.log(2)), rel=1e-5)
        assert [token.backward for token in [*reversed(tokens), begin]] == pytest.approx(
            np.divide(backward, math.log(2)), rel=1e-5
        )
        assert (begin.forward, end.backward) == (None, None)
        assert shown.perplexity == pytest.approx(math.exp(np.mean([forward, backward])), rel=1e-5)
    assert "&lt;b&gt;" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_by_itself_a_page_shows_spaced_sentences_and_the_worst(
    example: SmallModel, text: Path, tmp_path: Path, taken: list[EvaluationFigures]
) -> None:
    result, _ = run(example, text, page=tmp_path / "page.html")
    shown = taken[0].sentences_shown
    assert [one.title for one in shown["Evenly spaced"]] == [f"sentence {number}" for number in (1, 2, 3, 4)]
    assert [one.title for one in shown["The worst"]] == [f"sentence {n.sentence}" for n in result.breakdowns.sentences]
    run(example, text, page=tmp_path / "other.html", heat_sentences=[2])
    assert list(taken[1].sentences_shown) == ["Chosen sentences", "The worst"]


def test_a_sentence_that_the_text_does_not_have_is_warned_of(example: SmallModel, text: Path, tmp_path: Path) -> None:
    _, notices = run(example, text, page=tmp_path / "page.html", heat_sentences=[2, 5, 1000])
    assert [notice.text for notice in notices if notice.warning] == [
        "--heat-sentences 5, 1,000: the text has 4 sentences; left out of the page"
    ]


def test_several_files_are_named_beside_their_sentences(
    example: SmallModel, text: Path, tmp_path: Path, taken: list[EvaluationFigures]
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("the bank\n")
    list(evaluate(example.folder, [str(other), str(text)], device="cpu", page=tmp_path / "page.html", context="stream"))
    assert taken[0].sentences_shown["Evenly spaced"][0].title == f"sentence 1 of {other}"
    assert taken[0].context == (
        "state carried on from sentence to sentence, in 5 stretches that each begin from the start state"
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"heat": ["a"]}, ConfigError, "--heat: sentences are shown on a page, and none is written"),
        ({"heat_sentences": [1]}, ConfigError, "--heat-sentences: sentences are shown on a page"),
        ({"page": Path("p.html"), "heat_sentences": [0]}, ConfigError, "--heat-sentences 0: sentences are counted"),
        ({"page": Path("p.html"), "heat": [" "]}, ConfigError, "--heat: expected a sentence, found only white space"),
        ({"page": Path("/")}, OutputError, "/: exists already"),
    ],
)
def test_what_cannot_be_had_is_refused_before_any_work(
    example: SmallModel,
    text: Path,
    options: dict[str, Any],
    error: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow, "open_scorer", None)  # work would begin with it
    with pytest.raises(error, match=message):
        run(example, text, **options)


def test_a_sentence_without_tokens_is_refused_before_the_text_is_scored(
    example: SmallModel, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "evaluate_model", None)
    with pytest.raises(ConfigError, match=r"--heat '\\u200b': the model's tokenizer finds no token in it"):
        run(example, text, page=tmp_path / "page.html", heat=["\u200b"], tokenizer="words")


def test_a_page_that_exists_is_replaced_only_when_asked(example: SmallModel, text: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    with pytest.raises(OutputError, match=r"page\.html: exists already") as caught:
        run(example, text, page=page)
    assert "--overwrite" in caught.value.hint and page.read_text() == "mine"
    run(example, text, page=page, overwrite=True)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_bins_of_sentences_hold_all_but_those_said_to_be_outside() -> None:
    random = np.random.default_rng(1)
    lengths = random.integers(1, 9, 500)
    words = random.gamma(2, 3, (2, int(lengths.sum())))
    types = random.integers(0, 5, words.shape[1])
    scored = ScoredText(
        classes_N=types,
        types_N=types,
        lengths_S=lengths,
        words_GN=words,
        boundaries_GS=random.gamma(2, 3, (2, 500)),
        known_N=np.ones(words.shape[1], bool),
    )
    found = sentence_spread(scored)
    assert sum(count for *_, count in found.bins) + found.outside == 500
    assert 0 < found.outside < 12
    sentences = np.split(words.mean(axis=0), np.cumsum(lengths)[:-1])
    means = [(a.sum() + b) / (len(a) + 1) for a, b in zip(sentences, scored.boundaries_GS.mean(axis=0), strict=True)]
    assert found.median == pytest.approx(np.exp(np.median(means)))
    low, high, count = found.bins[10]
    assert count == sum(low <= math.exp(mean) < high for mean in means)
    costs = word_costs(scored, list("abcde"))
    assert sum(one.share for one in costs) == pytest.approx(1)
    first = next(one for one in costs if one.word == "c")
    assert (first.forward, first.backward) == pytest.approx(words[:, types == 2].mean(axis=1))


def test_a_page_loads_nothing(example: SmallModel, text: Path, tmp_path: Path) -> None:
    run(example, text, page=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(?:src|href)=\"(?!#|data:,)", own)
