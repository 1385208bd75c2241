"""Perplexity against an independent count in NumPy, on a small model and on the five-line corpus."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.errors import ConfigError, ElmoError, ModelError, TextError
from elmo_cli.flows.evaluate import evaluate
from elmo_cli.flows.reports import EvaluateResult
from elmo_cli.text.vocabulary import Vocabulary
from tests import numpy_elmo as reference
from tests.flows.small_model import CONFIG, WORDS, SmallModel

SENTENCES = ["the bank .", "a river", "the .", "a very long way to the bank of the river , a bank . . ."]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("evaluate") / "model")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(SENTENCES) + "\n\n", encoding="utf-8")
    return path


def run(example: SmallModel, text: Path | str, **options: object) -> EvaluateResult:
    *_, result = evaluate(example.folder, [str(text)], device="cpu", threads=1, **options)  # type: ignore[arg-type]
    assert isinstance(result, EvaluateResult)
    return result


@pytest.mark.parametrize("start", ["model", "zero"])
@pytest.mark.parametrize("batch_tokens", [1, 9, 4096])
def test_sentences_are_scored_as_numpy_scores_them(
    example: SmallModel, text: Path, start: str, batch_tokens: int
) -> None:
    state = example.start_state() if start == "model" else reference.zero_state(CONFIG, 1)
    forward, backward = [], []
    for sentence in SENTENCES:
        ahead, behind, _ = example.losses([sentence.split()], state)
        forward += ahead
        backward += behind
    result = run(example, text, start=start, batch_tokens=batch_tokens)
    assert result.forward.tokens == result.backward.tokens == len(forward) == 23 + 4
    assert result.forward.loss == pytest.approx(np.mean(forward), rel=1e-6)
    assert result.backward.perplexity == pytest.approx(np.exp(np.mean(backward)), rel=1e-5)
    assert result.perplexity == pytest.approx(np.exp((np.mean(forward) + np.mean(backward)) / 2), rel=1e-5)
    assert result.start_state == ("the model's own, recorded" if start == "model" else "zero")
    assert (result.context, result.stretches) == ("sentence", None)


def test_a_stream_carries_its_state_over_each_stretch(
    example: SmallModel, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmo_cli.flows.evaluate.STRETCHES", 1)
    forward, backward, _ = example.losses([sentence.split() for sentence in SENTENCES], example.start_state())
    result = run(example, text, context="stream")
    assert result.stretches == 1
    assert result.loss == pytest.approx(np.mean([forward, backward]), rel=1e-6)
    monkeypatch.setattr("elmo_cli.flows.evaluate.STRETCHES", 32)
    assert run(example, text, context="stream").stretches == 4  # never more than there are sentences


def test_words_outside_the_vocabulary_are_counted_and_left_out_on_the_side(example: SmallModel, text: Path) -> None:
    result = run(example, text)
    words = [word for sentence in SENTENCES for word in sentence.split()]
    outside = [word for word in words if word not in WORDS]
    assert (result.words, result.sentences) == (len(words), 4)
    assert (result.oov_tokens, result.oov_types) == (len(outside), len(set(outside)))
    assert result.oov_rate == pytest.approx(len(outside) / len(words))
    known: list[float] = []
    for sentence in SENTENCES:
        tokens = sentence.split()
        forward, backward, _ = example.losses([tokens], example.start_state())
        known += [loss for loss, target in zip(forward, [*tokens, "</S>"], strict=True) if target in WORDS]
        known += [loss for loss, target in zip(backward, [*tokens[::-1], "<S>"], strict=True) if target in WORDS]
    assert result.perplexity_without_oov == pytest.approx(np.exp(np.mean(known)), rel=1e-5)


def test_the_five_line_corpus_counted_by_hand(example: SmallModel, shared: Path) -> None:
    # reference/bilm-tf.md, 8.1: 15, 8, 74, 25 and 12 words, 139 positions.
    result = run(example, shared / "fixtures/bilm-train/data.txt")
    assert (result.sentences, result.words) == (5, 134)
    assert result.forward.tokens == result.backward.tokens == 139


def test_a_prepared_folder_stands_for_its_held_out_text(example: SmallModel, tmp_path: Path) -> None:
    from elmo_cli.config import TextConfig
    from elmo_cli.flows.prepare import prepare

    raw = tmp_path / "raw.txt"
    raw.write_text("The bank. A river! The way?\n" * 40, encoding="utf-8")
    list(prepare([str(raw)], tmp_path / "corpus", text=TextConfig(), held_out=0.2))
    held_out = (tmp_path / "corpus/held-out.txt").read_text().splitlines()
    assert run(example, tmp_path / "corpus").sentences == len(held_out) > 5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"context": "paragraph"}, ConfigError, "--context paragraph: expected sentence or stream"),
        ({"start": "hot"}, ConfigError, "start state 'hot': expected model, warm or zero"),
        ({"batch_tokens": 0}, ConfigError, "--batch-tokens 0: expected at least 1"),
        ({"tokenizer": "bpe"}, ConfigError, "tokenizer must be words, whitespace or sentencepiece"),
    ],
)
def test_options_that_do_not_exist_are_refused(
    example: SmallModel, text: Path, options: dict[str, object], error: type[ElmoError], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(example, text, **options)


def test_an_empty_text_is_refused(example: SmallModel, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n\n")
    with pytest.raises(TextError, match=r"empty\.txt: no sentence found"):
        run(example, empty)


def test_a_model_without_softmax_says_that_vectors_still_work(example: SmallModel, text: Path, tmp_path: Path) -> None:
    shutil.copytree(example.folder, tmp_path / "model")
    (tmp_path / "model/softmax.hdf5").unlink()
    with pytest.raises(ModelError, match="has no softmax, and perplexity needs one") as caught:
        list(evaluate(tmp_path / "model", [str(text)], device="cpu"))
    assert "elmo embed" in caught.value.hint


def test_a_vocabulary_of_another_size_is_refused(example: SmallModel, text: Path, tmp_path: Path) -> None:
    shutil.copytree(example.folder, tmp_path / "model")
    Vocabulary([*WORDS, "more"]).write(tmp_path / "model/vocab.txt")
    with pytest.raises(ModelError, match="the softmax has 7 classes, the vocabulary 8 words"):
        list(evaluate(tmp_path / "model", [str(text)], device="cpu"))
