"""Perplexity against an independent count in NumPy, on a small model and on the five-line corpus."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ConfigError, ElmoError, ModelError, TextError
from elmo_cli.flows.evaluate import evaluate
from elmo_cli.flows.reports import EvaluateResult
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from elmo_cli.text.vocabulary import Vocabulary
from tests import numpy_elmo as reference

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 3), (2, 4), (3, 5)), highways=1, max_characters=12),
    lstm=LstmConfig(cell_dim=9, projection_dim=5, cell_clip=0.9, projection_clip=0.7),
)
WORDS = ["<S>", "</S>", "<UNK>", "the", ".", "bank", "a"]
SENTENCES = ["the bank .", "a river", "the .", "a very long way to the bank of the river , a bank . . ."]


class Example:
    """A model folder with random weights, and what NumPy says about a text under it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        vocabulary = Vocabulary(WORDS)
        vocabulary.write(folder.parent / "vocab.txt")
        self.weights = reference.random_model(CONFIG, seed=3)
        rng = np.random.default_rng(4)
        self.softmax = (rng.normal(size=(7, 5)).astype(np.float32), rng.normal(size=7).astype(np.float32))
        self.start = (
            rng.normal(size=(2, 2, 9)).astype(np.float32) * 0.3,
            rng.normal(size=(2, 2, 5)).astype(np.float32) * 0.3,
        )
        files = ModelFiles(
            config=CONFIG,
            weights=self.weights,
            softmax=self.softmax,
            start_state=self.start,
            vocabulary_path=folder.parent / "vocab.txt",
            info={"text": {"tokenizer": "whitespace"}},
        )
        write_model_folder(folder, files)

    def losses(
        self, sentences: list[list[str]], state: reference.State
    ) -> tuple[list[float], list[float], reference.State]:
        """Loss of every target of both directions over sentences read one after another, and the state at the end."""
        losses: tuple[list[float], list[float]] = ([], [])
        ids = {word: number for number, word in enumerate(WORDS)}
        for words in sentences:
            inputs = np.stack([[self._row(w) for w in ["<S>", *words]], [self._row(w) for w in ["</S>", *words[::-1]]]])
            top_GBTD, state = reference.read_window(self.weights, CONFIG, inputs[:, None], state)
            for direction, targets in enumerate(([*words, "</S>"], [*words[::-1], "<S>"])):
                numbers = np.array([ids.get(word, 2) for word in targets])
                losses[direction].extend(reference.full_losses(top_GBTD[direction, 0], numbers, *self.softmax))
        return *losses, state

    def start_state(self) -> reference.State:
        return reference.State(self.start[0][:, :, None], self.start[1][:, :, None])

    def _row(self, word: str) -> list[int]:
        return reference.word_characters(word, 12)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return Example(tmp_path_factory.mktemp("evaluate") / "model")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(SENTENCES) + "\n\n", encoding="utf-8")
    return path


def run(example: Example, text: Path | str, **options: object) -> EvaluateResult:
    *_, result = evaluate(example.folder, [str(text)], device="cpu", threads=1, **options)  # type: ignore[arg-type]
    assert isinstance(result, EvaluateResult)
    return result


@pytest.mark.parametrize("start", ["model", "zero"])
@pytest.mark.parametrize("batch_tokens", [1, 9, 4096])
def test_sentences_are_scored_as_numpy_scores_them(example: Example, text: Path, start: str, batch_tokens: int) -> None:
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
    example: Example, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmo_cli.flows.evaluate.STRETCHES", 1)
    forward, backward, _ = example.losses([sentence.split() for sentence in SENTENCES], example.start_state())
    result = run(example, text, context="stream")
    assert result.stretches == 1
    assert result.loss == pytest.approx(np.mean([forward, backward]), rel=1e-6)
    monkeypatch.setattr("elmo_cli.flows.evaluate.STRETCHES", 32)
    assert run(example, text, context="stream").stretches == 4  # never more than there are sentences


def test_words_outside_the_vocabulary_are_counted_and_left_out_on_the_side(example: Example, text: Path) -> None:
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


def test_the_five_line_corpus_counted_by_hand(example: Example, shared: Path) -> None:
    # reference/bilm-tf.md, 8.1: 15, 8, 74, 25 and 12 words, 139 positions.
    result = run(example, shared / "fixtures/bilm-train/data.txt")
    assert (result.sentences, result.words) == (5, 134)
    assert result.forward.tokens == result.backward.tokens == 139


def test_a_prepared_folder_stands_for_its_held_out_text(example: Example, tmp_path: Path) -> None:
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
    example: Example, text: Path, options: dict[str, object], error: type[ElmoError], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(example, text, **options)


def test_an_empty_text_is_refused(example: Example, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n\n")
    with pytest.raises(TextError, match=r"empty\.txt: no sentence found"):
        run(example, empty)


def test_a_model_without_softmax_says_that_vectors_still_work(example: Example, text: Path, tmp_path: Path) -> None:
    shutil.copytree(example.folder, tmp_path / "model")
    (tmp_path / "model/softmax.hdf5").unlink()
    with pytest.raises(ModelError, match="has no softmax, and perplexity needs one") as caught:
        list(evaluate(tmp_path / "model", [str(text)], device="cpu"))
    assert "elmo embed" in caught.value.hint


def test_a_vocabulary_of_another_size_is_refused(example: Example, text: Path, tmp_path: Path) -> None:
    shutil.copytree(example.folder, tmp_path / "model")
    Vocabulary([*WORDS, "more"]).write(tmp_path / "model/vocab.txt")
    with pytest.raises(ModelError, match="the softmax has 7 classes, the vocabulary 8 words"):
        list(evaluate(tmp_path / "model", [str(text)], device="cpu"))
