"""Perplexity against an independent count in NumPy, on a small model and on the five-line corpus."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.config import SplitConfig
from elmo_cli.errors import ConfigError, ElmoError, ModelError, TextError
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.evaluation.evaluate import evaluate
from elmo_cli.flows.evaluation_results import EvaluateResult
from elmo_cli.flows.reports import Notice, Progress
from elmo_cli.text.prepared import read_prepared
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


def run(example: SmallModel, text: Path | str, **options: Any) -> EvaluateResult:
    *_, result = evaluate(example.folder, [str(text)], device="cpu", threads=1, **options)
    assert isinstance(result, EvaluateResult)
    return result


def counted(example: SmallModel, sentences: list[str]) -> list[tuple[int, str, float, float]]:
    """Sentence, target and loss of both directions, word by word and at last the boundary ``</S>``, by NumPy."""
    found = []
    for number, sentence in enumerate(sentences):
        words = sentence.split()
        forward, backward, _ = example.losses([words], example.start_state())
        found += [
            (number, word, *pair)
            for word, *pair in zip([*words, "</S>"], forward, [*backward[:-1][::-1], backward[-1]], strict=True)
        ]
    return found


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
    assert result.forward.targets == result.backward.targets == len(forward) == 23 + 4
    assert result.forward.loss == pytest.approx(np.mean(forward), rel=1e-6)
    assert result.backward.perplexity == pytest.approx(np.exp(np.mean(backward)), rel=1e-5)
    assert result.perplexity == pytest.approx(np.exp((np.mean(forward) + np.mean(backward)) / 2), rel=1e-5)
    assert result.start_state == ("the model's own, recorded" if start == "model" else "zero")
    assert (result.context, result.stretches) == ("sentence", None)


def test_a_stream_carries_its_state_over_each_stretch(
    example: SmallModel, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmo_cli.flows.evaluation.evaluated.STRETCHES", 1)
    forward, backward, _ = example.losses([sentence.split() for sentence in SENTENCES], example.start_state())
    result = run(example, text, context="stream")
    assert result.stretches == 1
    assert result.loss == pytest.approx(np.mean([forward, backward]), rel=1e-6)
    monkeypatch.setattr("elmo_cli.flows.evaluation.evaluated.STRETCHES", 32)
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
    assert result.joint.perplexity_without_oov == pytest.approx(np.exp(np.mean(known)), rel=1e-5)


def test_the_five_line_corpus_counted_by_hand(example: SmallModel, shared: Path) -> None:
    # reference/bilm-tf.md, 8.1: 15, 8, 74, 25 and 12 words, 139 positions.
    result = run(example, shared / "fixtures/bilm-train/data.txt")
    assert (result.sentences, result.words) == (5, 134)
    assert result.forward.targets == result.backward.targets == 139


@pytest.mark.parametrize("direction", ["forward", "backward", "joint"])
def test_every_figure_of_a_direction_is_what_its_definition_says(
    example: SmallModel, text: Path, direction: str
) -> None:
    rows = counted(example, SENTENCES)
    weights = {"forward": (1, 0), "backward": (0, 1), "joint": (0.5, 0.5)}[direction]
    losses = [(word, weights[0] * ahead + weights[1] * behind) for _, word, ahead, behind in rows]
    total = sum(loss for _, loss in losses)
    words = sum(loss for word, loss in losses if word != "</S>")
    known = sum(loss for word, loss in losses if word in WORDS)
    outside = sum(word not in WORDS for word, _ in losses)
    raw = "".join(f"{sentence}\n" for sentence in [*SENTENCES, ""])
    assert vars(getattr(run(example, text), direction)) == pytest.approx(
        {
            "loss": total / 27,
            "perplexity": math.exp(total / 27),
            "targets": 27,
            "perplexity_words": math.exp(words / 23),
            "perplexity_boundaries": math.exp((total - words) / 4),
            "perplexity_without_oov": math.exp(known / (27 - outside)),
            "ppl1": math.exp(known / (23 - outside)),
            "log10": -total / math.log(10),
            "bits_per_token": total / math.log(2) / 27,
            "bits_per_byte": total / math.log(2) / len(raw.encode()),
            "bits_per_character": total / math.log(2) / len(raw),
            "perplexity_per_space_word": math.exp(total / (len(raw.split()) + 4)),
        },
        rel=1e-5,
    )


def test_the_joint_perplexity_stands_in_its_interval_and_at_the_top(example: SmallModel, text: Path) -> None:
    result = run(example, text)
    assert (result.loss, result.perplexity) == (result.joint.loss, result.joint.perplexity)
    assert result.interval.low < result.perplexity < result.interval.high
    assert result.interval.confidence == 0.95
    assert result.seconds > 0 and result.words_per_second == pytest.approx(23 / result.seconds)
    assert (result.model, result.baseline) == (str(example.folder), None)


@pytest.mark.parametrize("context", ["sentence", "stream"])
def test_no_figure_depends_on_the_batches(example: SmallModel, text: Path, context: str) -> None:
    one, *others = (run(example, text, context=context, batch_tokens=batch) for batch in (4096, 1, 7, 16))
    for other in others:
        for direction in ("forward", "backward", "joint"):
            expected = vars(getattr(one, direction))
            assert vars(getattr(other, direction)) == pytest.approx(expected, rel=1e-6)
        assert vars(other.interval) == pytest.approx(vars(one.interval), rel=1e-6)


def test_the_breakdowns_say_where_the_loss_comes_from(example: SmallModel, text: Path) -> None:
    rows, found = counted(example, SENTENCES), run(example, text).breakdowns
    total = sum(ahead + behind for _, _, ahead, behind in rows)
    means = [np.mean([(a + b) / 2 for s, _, a, b in rows if s == number]) for number in range(4)]
    order = sorted((number for number in range(4) if len(SENTENCES[number].split()) >= 3), key=lambda n: -means[n])
    assert [(one.sentence, one.words, one.text) for one in found.sentences] == [
        (number + 1, len(SENTENCES[number].split()), SENTENCES[number]) for number in order
    ]
    assert [one.loss for one in found.sentences] == pytest.approx([means[number] for number in order], rel=1e-5)
    words = [(word, (ahead + behind) / 2) for _, word, ahead, behind in rows if word != "</S>"]
    sums = {word: sum(loss for other, loss in words if other == word) for word, _ in words}
    costliest = max(sums, key=lambda word: sums[word])
    assert (found.words[0].word, found.words[0].count) == (costliest, [word for word, _ in words].count(costliest))
    assert found.words[0].loss == pytest.approx(sums[costliest] / found.words[0].count, rel=1e-5)
    assert found.words[0].share == pytest.approx(sums[costliest] / sum(sums.values()), rel=1e-5)
    assert sum(one.share for one in found.words) == pytest.approx(1)
    unknown = [(a, b) for _, word, a, b in rows if word not in WORDS]
    band = found.by_frequency[-1]
    assert (band.name, band.targets) == ("outside the vocabulary", len(unknown))
    assert (band.forward, band.backward) == pytest.approx(tuple(np.mean(unknown, axis=0)), rel=1e-5)
    assert band.share == pytest.approx(np.sum(unknown) / total, rel=1e-5)
    assert sum(band.targets for band in found.by_place) == 23
    assert [(band.name, band.targets) for band in found.by_length] == [("1 to 5 words", 10), ("16 to 20 words", 17)]
    assert sum(band.share for band in found.by_length) == pytest.approx(1)
    assert found.by_file == []


def test_several_files_are_told_apart(example: SmallModel, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the bank .\n")
    (tmp_path / "b.txt").write_text("a river\nthe .\n")
    *_, result = evaluate(example.folder, [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")], device="cpu")
    assert isinstance(result, EvaluateResult)
    rows = counted(example, SENTENCES[:3])
    assert [(band.name, band.targets) for band in result.breakdowns.by_file] == [
        (str(tmp_path / "a.txt"), 4),
        (str(tmp_path / "b.txt"), 6),
    ]
    expected = [np.mean([row[2] for row in rows if row[0] in members]) for members in ((0,), (1, 2))]
    assert [band.forward for band in result.breakdowns.by_file] == pytest.approx(expected, rel=1e-5)


def prepared(folder: Path, **split: float) -> Path:
    raw = folder / "raw.txt"
    raw.write_text("The bank. A river! The way?\n" * 40, encoding="utf-8")
    list(prepare([str(raw)], folder / "corpus", split=SplitConfig(**split)))  # type: ignore[arg-type]
    return folder / "corpus"


def test_a_prepared_folder_stands_for_its_held_out_text(example: SmallModel, tmp_path: Path) -> None:
    corpus = prepared(tmp_path, held_out=0.2)
    held_out = (corpus / "held-out.txt").read_text().splitlines()
    result = run(example, corpus)
    assert result.sentences == len(held_out) > 5
    assert (result.size, result.joint.bits_per_byte, result.joint.perplexity_per_space_word) == (None, None, None)


def test_an_n_gram_model_is_scored_beside(example: SmallModel, text: Path, tmp_path: Path) -> None:
    training = tmp_path / "training.txt"
    training.write_text("the bank .\na river\n" * 3)
    reports = list(evaluate(example.folder, [str(text)], device="cpu", baseline=[str(training)], baseline_order=2))
    result = reports[-1]
    assert isinstance(result, EvaluateResult) and result.baseline is not None
    found = result.baseline
    assert (found.order, found.training_words) == (2, 15)
    assert found.joint.loss == pytest.approx((found.forward.loss + found.backward.loss) / 2)
    assert found.joint.targets == 27
    for theirs, ours in (
        (found.by_place, result.breakdowns.by_place),
        (found.by_frequency, result.breakdowns.by_frequency),
    ):
        assert [(band.name, band.targets) for band in theirs] == [(band.name, band.targets) for band in ours]
    words = sum(band.targets * (band.forward + band.backward) / 2 for band in found.by_place)
    assert math.exp(words / 23) == pytest.approx(found.joint.perplexity_words)
    assert found.difference.loss == pytest.approx(result.loss - found.joint.loss)
    assert found.difference.low <= found.difference.loss <= found.difference.high
    stages = [report.stage for report in reports if isinstance(report, Progress)]
    assert stages[-3:] == ["counting n-grams of up to 2 words"] * 3


def test_a_baseline_counts_a_prepared_folder_s_training_text(example: SmallModel, tmp_path: Path) -> None:
    corpus = prepared(tmp_path, held_out=0.2)
    reports = list(evaluate(example.folder, [str(corpus)], device="cpu", baseline=[str(corpus)]))
    words = sum(len(shard.read_text().split()) for shard in read_prepared(corpus).shards)
    assert reports[-1].baseline.training_words == words > 0  # type: ignore[union-attr]
    notices = [report.text for report in reports if isinstance(report, Notice)]
    assert f"reading the held-out text of {corpus}" in notices
    assert f"reading the train text of {corpus}" in notices


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"context": "paragraph"}, ConfigError, "--context paragraph: expected sentence or stream"),
        ({"start": "hot"}, ConfigError, "start state 'hot': expected model, warm or zero"),
        ({"batch_tokens": 0}, ConfigError, "--batch-tokens 0: expected at least 1"),
        ({"baseline_order": 7}, ConfigError, "n-grams of 7 words: expected 1 to 6"),
        (
            {"context": "stream", "scores_dir": Path("scores")},
            ConfigError,
            "--scores-dir with --context stream: a stream runs through all files",
        ),
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
    with pytest.raises(ModelError, match="has no softmax, and probabilities need one") as caught:
        list(evaluate(tmp_path / "model", [str(text)], device="cpu"))
    assert "elmo embed" in caught.value.hint


def test_a_vocabulary_of_another_size_is_refused(example: SmallModel, text: Path, tmp_path: Path) -> None:
    shutil.copytree(example.folder, tmp_path / "model")
    Vocabulary([*WORDS, "more"]).write(tmp_path / "model/vocab.txt")
    with pytest.raises(ModelError, match="the softmax has 7 classes, the vocabulary 8 words"):
        list(evaluate(tmp_path / "model", [str(text)], device="cpu"))


def test_int8_is_compared_with_float32_on_sentences_of_the_text(example: SmallModel, text: Path) -> None:
    reports = list(evaluate(example.folder, [str(text)], device="cpu", threads=1, precision="int8"))
    (said,) = [r.text for r in reports if isinstance(r, Notice) and r.text.startswith("int8: the worst cosine")]
    assert said.endswith("(23 words of this text, every layer of the LSTMs)")
    assert reports[-1].perplexity == pytest.approx(run(example, text).perplexity, rel=0.02)  # type: ignore[union-attr]


def test_int8_that_is_too_far_from_float32_is_refused(
    example: SmallModel, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmo_cli.flows.vectors.agreement.LEAST_COSINE", 1.1)
    with pytest.raises(ConfigError, match=r"precision int8: the worst cosine .* and at least 1.1 was expected"):
        run(example, text, precision="int8")


def test_what_bounds_the_threads_and_who_else_uses_the_cores_is_said(
    example: SmallModel, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    monkeypatch.setattr("elmo_cli.cores.CoreWatch.note", lambda _: "others are at work")
    reports = list(evaluate(example.folder, [str(text)], device="cpu"))
    notices = [(report.text, report.warning) for report in reports if isinstance(report, Notice)]
    assert any(said.startswith("OMP_NUM_THREADS=4096: computing with a thread for each core") for said, _ in notices)
    assert ("others are at work", True) in notices
