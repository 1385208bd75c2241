"""bilm-tf's procedure against a simulation of it, row by row and token by token, and counts by hand."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.errors import ConfigError
from elmo_cli.flows.evaluation.reference_evaluation import evaluate_as_reference
from elmo_cli.flows.evaluation.reference_protocol import deal
from elmo_cli.flows.evaluation_results import ProtocolResult
from elmo_cli.flows.reports import Notice
from tests import numpy_elmo as reference
from tests.flows.small_model import CONFIG, WORDS, SmallModel

SENTENCES = ["the bank .", "a river", "the .", "a very long way to the bank of the river , a bank . . ."]
SENTENCES += ["bank", "a a the"]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("protocol") / "model")


def batches(sentences: list[list[str]], rows: int) -> Iterator[list[tuple[str, str]]]:
    """Input and target of every row, batch after batch, as reference/bilm-tf.md, 2.3 and 2.5, has it with T = 1."""
    queue = iter(sentences)
    remainders: list[list[str]] = [[] for _ in range(rows)]
    while True:
        batch = []
        for row in range(rows):
            if len(remainders[row]) <= 1:
                following = next(queue, None)
                if following is None:
                    return  # the whole batch is thrown away
                remainders[row] = following
            batch.append((remainders[row][0], remainders[row][1]))
            remainders[row] = remainders[row][1:]
        yield batch


def simulated(example: SmallModel, sentences: list[str], rows: int) -> tuple[list[float], list[float]]:
    """All losses, forward and backward: two data sets of their own, state carried from zero, in NumPy."""
    ahead = list(batches([["<S>", *s.split(), "</S>"] for s in sentences], rows))
    behind = list(batches([["</S>", *s.split()[::-1], "<S>"] for s in sentences], rows))
    assert len(ahead) == len(behind)
    ids = {word: number for number, word in enumerate(WORDS)}
    losses: tuple[list[float], list[float]] = ([], [])
    for row in range(rows):
        state = reference.zero_state(CONFIG, 1)
        for pairs in zip(ahead, behind, strict=True):
            inputs = np.array([reference.word_characters(batch[row][0], 12) for batch in pairs])
            top_GBTD, state = reference.read_window(example.weights, CONFIG, inputs[:, None, None], state)
            for direction, batch in enumerate(pairs):
                target = np.array([ids.get(batch[row][1], 2)])
                losses[direction].extend(reference.full_losses(top_GBTD[direction, 0], target, *example.softmax))
    return losses


def run(example: SmallModel, text: Path, rows: int, **options: int) -> ProtocolResult:
    *_, result = evaluate_as_reference(example.folder, [str(text)], rows=rows, device="cpu", threads=1, **options)
    assert isinstance(result, ProtocolResult)
    return result


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("batch_tokens", [1, 4096])
def test_figures_are_those_of_the_simulation(example: SmallModel, tmp_path: Path, rows: int, batch_tokens: int) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join(SENTENCES))
    forward, backward = simulated(example, SENTENCES, rows)
    result = run(example, text, rows, batch_tokens=batch_tokens)
    assert (result.scored, result.steps, result.rows) == (len(forward), len(forward) // rows, rows)
    assert result.scored + result.dropped == sum(len(sentence.split()) + 1 for sentence in SENTENCES)
    assert result.forward == pytest.approx(math.exp(np.mean(forward)), rel=1e-5)
    assert result.backward == pytest.approx(math.exp(np.mean(backward)), rel=1e-5)
    assert result.perplexity == pytest.approx(math.exp(np.mean([forward, backward])), rel=1e-5)


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 8))
def test_sentences_are_dealt_as_the_simulation_deals_them(lengths: list[int], rows: int) -> None:
    sentences = [[str(number)] * (length + 2) for number, length in enumerate(lengths)]
    expected = list(batches(sentences, rows))
    dealt = deal(np.array(lengths, dtype=np.int64), rows)
    assert dealt.steps == len(expected)
    line = [str(number) for number in dealt.order.tolist() for _ in range(lengths[number] + 1)]
    for row in range(rows if expected else 0):
        begin = int(dealt.begins[row])
        assert line[begin : begin + dealt.steps] == [batch[row][0] for batch in expected]


@pytest.mark.parametrize(("rows", "steps"), [(1, 139), (2, 55), (3, 29), (5, 9), (6, 0)])
def test_the_five_line_corpus_counted_by_hand(example: SmallModel, shared: Path, rows: int, steps: int) -> None:
    # Positions of the lines: 16, 9, 75, 26 and 13. With two rows: the second takes the third line at 9, the first
    # takes the fourth at 16 and the fifth at 42, and finds none at 55. With three: the second takes the fourth at 9,
    # the first takes the fifth at 16 and finds none at 29. With five, the second row finds none at 9.
    result = run(example, shared / "fixtures/bilm-train/data.txt", rows)
    assert (result.steps, result.scored, result.dropped) == (steps, rows * steps, 139 - rows * steps)


def test_a_text_shorter_than_the_rows_has_no_figure_and_a_warning(example: SmallModel, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the bank .\n")
    *reports, result = evaluate_as_reference(example.folder, [str(text)], device="cpu")
    assert isinstance(result, ProtocolResult)
    assert (result.rows, result.steps, result.scored, result.dropped) == (256, 0, 0, 4)
    assert (result.perplexity, result.forward, result.backward) == (None, None, None)
    warnings = [report.text for report in reports if isinstance(report, Notice) and report.warning]
    assert warnings == ["bilm-tf's procedure with 256 rows never scores 4 of the 4 positions of this text"]


def test_rows_have_to_be_some(example: SmallModel) -> None:
    with pytest.raises(ConfigError, match="--rows 0: expected at least 1"):
        next(evaluate_as_reference(example.folder, ["text.txt"], rows=0))
