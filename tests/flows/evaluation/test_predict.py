"""What is expected in a gap, against the NumPy network reading up to it from both sides."""

from pathlib import Path

import numpy as np
import pytest

from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.evaluation.predict import predict
from elmo_cli.flows.probability_results import Candidate, PredictResult
from tests import numpy_elmo as reference
from tests.flows.small_model import CONFIG, WORDS, SmallModel


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("predict") / "model")


def run(example: SmallModel, sentence: str, **options: object) -> PredictResult:
    *_, result = predict(example.folder, sentence, device="cpu", threads=1, **options)  # type: ignore[arg-type]
    assert isinstance(result, PredictResult)
    return result


def _expected(example: SmallModel, words: list[str]) -> np.ndarray:
    """Probabilities of all classes after the words, of one direction each: forward from <S>, backward from </S>."""
    rows = []
    for direction, begin in enumerate(("<S>", "</S>")):
        before = words[direction]
        inputs = np.stack([[reference.word_characters(word, 12) for word in [begin, *before]]] * 2)
        top_GBTD, _ = reference.read_window(example.weights, CONFIG, inputs[:, None], example.start_state())
        weight, bias = example.softmax
        logits = top_GBTD[direction, 0, -1] @ weight.astype(np.float64).T + bias
        rows.append(np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())
    return np.stack(rows)


def _check(found: list[Candidate], expected: np.ndarray) -> None:
    order = np.argsort(-expected)[: len(found)]
    assert [candidate.word for candidate in found] == [WORDS[number] for number in order]
    assert [candidate.rank for candidate in found] == list(range(1, len(found) + 1))
    for candidate, number in zip(found, order, strict=True):
        assert candidate.probability == pytest.approx(expected[number], rel=1e-5)
        assert candidate.log10 == pytest.approx(np.log10(expected[number]), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("place", [0, 2, 4])
def test_each_side_predicts_from_what_it_has_read(example: SmallModel, place: int) -> None:
    words = ["the", "river", "bank", "is", "a"]
    gapped = [*words[:place], "[?]", *words[place + 1 :]]
    result = run(example, " ".join(gapped), top=5)
    assert result.tokens == gapped
    [gap] = result.gaps
    expected = _expected(example, [words[:place], words[place + 1 :][::-1]])
    assert gap.place == place
    _check(gap.forward, expected[0])
    _check(gap.backward, expected[1])
    both = expected.prod(0)
    both[:2] = 0  # <S> and </S>
    _check(gap.combined, both / both.sum())


def test_two_gaps_read_each_other_as_unknown(example: SmallModel) -> None:
    result = run(example, "the [?] is [?]", top=7)
    assert [gap.place for gap in result.gaps] == [1, 3]
    second = _expected(example, [["the", "<UNK>", "is"], []])
    _check(result.gaps[1].forward, second[0])
    _check(result.gaps[1].backward, second[1])


def test_probabilities_of_all_words_sum_to_one(example: SmallModel) -> None:
    [gap] = run(example, "a [?] .", top=99).gaps
    for candidates in (gap.forward, gap.backward, gap.combined):
        assert len(candidates) == len(WORDS)
        assert sum(candidate.probability for candidate in candidates) == pytest.approx(1, abs=1e-6)


def test_a_word_asked_for_has_its_rank_in_all_three(example: SmallModel) -> None:
    [gap] = run(example, "a [?] .", top=99, words=["bank", "zebra"]).gaps
    for word, row in zip(["bank", "zebra"], gap.asked, strict=True):
        stands_for = word if word in WORDS else "<UNK>"
        for one, candidates in zip(row, (gap.forward, gap.backward, gap.combined), strict=True):
            same = next(candidate for candidate in candidates if candidate.word == stands_for)
            assert (one.word, one.rank, one.probability) == (word, same.rank, same.probability)


def test_a_sentence_without_a_gap_is_refused(example: SmallModel) -> None:
    with pytest.raises(TextError, match="'the bank': has no gap") as caught:
        run(example, "the bank")
    assert '"the bank of the [?]"' in caught.value.hint
    with pytest.raises(ConfigError, match="--top 0: expected at least 1"):
        run(example, "[?]", top=0)


def test_a_gap_alone_is_a_sentence_too(example: SmallModel, tmp_path: Path) -> None:
    [gap] = run(example, "[?]").gaps
    _check(gap.forward, _expected(example, [[], []])[0])
