"""Scores of a pipe's lines, against the NumPy network line by line."""

import io
import math
import sys
from pathlib import Path

import pytest

from elmo_cli.config import InputConfig
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.evaluation.score import score_lines
from elmo_cli.flows.probability_results import ScoreResult, SentenceScore
from elmo_cli.flows.reports import Item
from tests.flows.small_model import WORDS, SmallModel

LINES = ["the bank .", "", "a river runs", "the .", "   ", "bank"]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("score") / "model")


class _Pipe:
    """Standard input that counts the lines taken from it."""

    def __init__(self, data: bytes) -> None:
        self.taken = 0
        self._lines = io.BytesIO(data)

    def __iter__(self) -> "_Pipe":
        return self

    def __next__(self) -> bytes:
        line = self._lines.readline()
        if not line:
            raise StopIteration
        self.taken += 1
        return line


def _give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> _Pipe:
    pipe = _Pipe(data)
    monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": pipe}))
    return pipe


def run(example: SmallModel, **options: object) -> tuple[list[SentenceScore], ScoreResult]:
    *items, result = score_lines(example.folder, device="cpu", threads=1, **options)  # type: ignore[arg-type]
    assert isinstance(result, ScoreResult)
    scores = [item.value for item in items if isinstance(item, Item)]
    assert all(isinstance(score, SentenceScore) for score in scores)
    return scores, result  # type: ignore[return-value]


@pytest.mark.parametrize("at_once", [1, 2, 64])
def test_every_line_has_its_log_probability(example: SmallModel, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    _give(monkeypatch, "\r\n".join(LINES).encode())
    scores, result = run(example, at_once=at_once)
    assert [score.line for score in scores] == [1, 2, 3, 4, 5, 6]
    total = 0.0
    for score, line in zip(scores, LINES, strict=True):
        words = line.split()
        assert (score.tokens, score.oov) == (len(words), sum(word not in WORDS for word in words))
        if not words:
            assert score.log10 is None
            assert score.perplexity is None
            continue
        forward, backward, _ = example.losses([words], example.start_state())
        assert score.log10_forward == pytest.approx(-sum(forward) / math.log(10), rel=1e-5)
        assert score.log10_backward == pytest.approx(-sum(backward) / math.log(10), rel=1e-5)
        mean = (sum(forward) + sum(backward)) / 2
        assert score.log10 == pytest.approx(-mean / math.log(10), rel=1e-5)
        assert score.perplexity == pytest.approx(math.exp(mean / (len(words) + 1)), rel=1e-5)
        total += mean
    assert (result.lines, result.tokens, result.oov) == (6, 9, 2)
    assert result.log10 == pytest.approx(-total / math.log(10), rel=1e-5)


def test_unbuffered_a_score_comes_before_the_next_line_is_asked_for(
    example: SmallModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = _give(monkeypatch, b"the bank\na\nthe .\n")
    flow = score_lines(example.folder, device="cpu", threads=1, at_once=1)
    for number in (1, 2, 3):
        item = next(flow)
        assert isinstance(item, Item)
        assert pipe.taken == number


def test_bytes_that_are_no_text(example: SmallModel, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\xef\xbb\xbfthe bank\nb\xffnk\na\n"
    _give(monkeypatch, data)
    with pytest.raises(TextError, match="standard input:2: byte 0xff is not utf-8"):
        run(example)
    _give(monkeypatch, data)
    scores, _ = run(example, reading=InputConfig(decode_errors="replace"))
    assert [score.oov for score in scores] == [0, 1, 0]
    _give(monkeypatch, data)
    scores, _ = run(example, reading=InputConfig(decode_errors="skip"))
    assert [score.tokens for score in scores] == [2, 0, 1]
    _give(monkeypatch, "é\n".encode("latin-1"))
    assert run(example, reading=InputConfig(encoding="latin-1"))[1].oov == 1
    with pytest.raises(TextError, match="standard input in utf-16 cannot be read line by line"):
        run(example, reading=InputConfig(encoding="utf-16"))


def test_nothing_at_all_scores_to_nothing(example: SmallModel, monkeypatch: pytest.MonkeyPatch) -> None:
    _give(monkeypatch, b"")
    scores, result = run(example)
    assert (scores, result.lines, result.log10) == ([], 0, 0.0)
    with pytest.raises(ConfigError, match="expected at least 1, not 0"):
        run(example, at_once=0)


def test_the_sum_agrees_with_elmo_eval(example: SmallModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from elmo_cli.flows.evaluation.evaluate import evaluate

    text = tmp_path / "text.txt"
    text.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    *_, evaluation = evaluate(example.folder, [str(text)], device="cpu", threads=1)
    _give(monkeypatch, text.read_bytes())
    _, result = run(example)
    targets = evaluation.forward.targets  # type: ignore[union-attr]
    assert result.log10 == pytest.approx(-evaluation.loss * targets / math.log(10), rel=1e-6)  # type: ignore[union-attr]
