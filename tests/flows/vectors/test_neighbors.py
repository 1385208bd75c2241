"""The tokens that are most like a word, against cosines of the NumPy network's vectors."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.vector_results import NeighborsResult
from elmo_cli.flows.vectors import neighbors as flow
from elmo_cli.flows.vectors.neighbors import neighbors
from tests import numpy_elmo as reference
from tests.flows.small_model import CONFIG, SmallModel

LINES = [
    "the bank of the river",
    "",
    "he sat on the bank .",
    "money in the Bank and the bank",
    "a shore , a bank",
    "he sat on the bank .",
    "the river",
]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("neighbors") / "model")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def run(example: SmallModel, text: Path, **options: Any) -> NeighborsResult:
    given: dict[str, Any] = {"word": "bank", "occurrences": 99, "device": "cpu", "threads": 1, **options}
    *_, result = neighbors(example.folder, [str(text)], **given)
    assert isinstance(result, NeighborsResult)
    return result


def layers_of(example: SmallModel, line: str) -> np.ndarray:
    ids = reference.sentence_characters(line.split(), 12)
    [vectors_LTE], _ = reference.embed(example.weights, CONFIG, [ids], example.start_state())
    return vectors_LTE


def expected(
    example: SmallModel, query: tuple[int, int], layer: int | None, mean_E: Any = 0, leave: str = ""
) -> list[tuple[float, int, int]]:
    """Cosine, line and place of every other token, the likest first; the same place of the same line counts once."""
    vectors = {
        (number, place): layers_of(example, line)[:, place].mean(0)
        if layer is None
        else layers_of(example, line)[layer, place]
        for number, line in enumerate(LINES)
        for place in range(len(line.split()))
    }
    vectors = {key: vector - mean_E for key, vector in vectors.items()}
    one = vectors[query]
    rows, seen = [], {(LINES[query[0]], query[1])}
    for (number, place), other in vectors.items():
        if (LINES[number], place) in seen or LINES[number].split()[place].lower() == leave:
            continue
        seen.add((LINES[number], place))
        cosine = float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
        rows.append((cosine, number, place))
    return sorted(rows, key=lambda row: -row[0])


def check(result: NeighborsResult, at: int, rows: list[tuple[float, int, int]]) -> None:
    found = result.queries[at].neighbors
    assert [one.similarity for one in found] == pytest.approx([row[0] for row in rows], abs=2e-6)
    assert [(one.token.line - 1, one.token.place) for one in found] == [row[1:] for row in rows]


@pytest.mark.parametrize(("layers", "layer"), [("average", None), ("0", 0), ("1", 1), ("top", 2)])
def test_neighbours_are_those_of_numpy(example: SmallModel, text: Path, layers: str, layer: int | None) -> None:
    result = run(example, text, layers=layers, top=4)
    places = [(0, 1), (2, 4), (3, 6), (4, 4), (5, 4)]
    assert [(query.query.line - 1, query.query.place) for query in result.queries] == places
    assert (result.occurrences, result.sentences, result.tokens) == (5, 6, 31)
    if layer == 0:  # all of them are the same vector, but for rounding
        assert {one.token.line for one in result.queries[0].neighbors[:3]} == {3, 4, 5}
        return
    for at, query in enumerate(places):
        check(result, at, expected(example, query, layer)[:4])


def test_a_window_of_the_text_makes_no_difference(
    example: SmallModel, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(example, text, top=6)
    monkeypatch.setattr(flow, "WINDOW_TOKENS", 3)
    for one, other in zip(whole.queries, run(example, text, top=6, batch_tokens=2).queries, strict=True):
        assert [(row.token.line, row.token.place) for row in one.neighbors] == [
            (row.token.line, row.token.place) for row in other.neighbors
        ]
        assert [row.similarity for row in one.neighbors] == pytest.approx([row.similarity for row in other.neighbors])


def test_words_spelled_alike_can_be_left_out(example: SmallModel, text: Path) -> None:
    result = run(example, text, other_words=True, top=99)
    check(result, 0, expected(example, (0, 1), None, leave="bank"))
    assert "Bank" not in [one.token.word for one in result.queries[0].neighbors]


def test_the_mean_vector_of_the_text_is_subtracted(example: SmallModel, text: Path) -> None:
    result = run(example, text, centre=True, top=5)
    mean_E = np.concatenate([layers_of(example, line).mean(0) for line in LINES if line]).mean(0)
    check(result, 0, expected(example, (0, 1), None, mean_E)[:5])
    assert result.centred


def test_a_sentence_of_its_own_is_the_query(example: SmallModel, text: Path) -> None:
    result = run(example, text, sentence="the bank of the river", top=3)
    assert result.occurrences is None
    [query] = result.queries
    assert (query.query.line, query.query.sentence) == (0, 0)
    check(result, 0, expected(example, (0, 1), None)[:3])  # the text's own such sentence is left out


def test_occurrences_are_spread_over_the_text(example: SmallModel, text: Path) -> None:
    result = run(example, text, occurrences=2)
    assert [query.query.line for query in result.queries] == [1, 4]
    assert result.occurrences == 5


def test_of_the_context_ten_tokens_are_shown_on_either_side(example: SmallModel, tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(30)]
    (tmp_path / "long.txt").write_text(" ".join([*words[:15], "bank", *words[15:]]) + "\nbank\n", encoding="utf-8")
    first, second = run(example, tmp_path / "long.txt").queries
    assert first.query.before == "... " + " ".join(words[5:15])
    assert first.query.after == " ".join(words[15:25]) + " ..."
    assert (second.query.before, second.query.after) == ("", "")


def test_conllu_is_read_by_its_sentences(example: SmallModel, tmp_path: Path) -> None:
    rows = [
        "1\tthe\t_\t_\t_\t_\t_\t_\t_\t_",
        "2\tbank\t_\t_\t_\t_\t_\t_\t_\t_",
        "",
        "1\tbank\t_\t_\t_\t_\t_\t_\t_\t_",
        "",
    ]
    (tmp_path / "a.conllu").write_text("\n".join(rows) + "\n", encoding="utf-8")
    result = run(example, tmp_path / "a.conllu")
    assert [(query.query.sentence, query.query.line) for query in result.queries] == [(1, 1), (2, 4)]


def test_a_missing_word_is_told_with_those_like_it(example: SmallModel, text: Path) -> None:
    with pytest.raises(
        TextError, match=r"text.txt: expected the word 'bnak', found it in none of 6 sentences"
    ) as caught:
        run(example, text, word="bnak")
    assert caught.value.hint == "the text has bank"
    with pytest.raises(TextError, match="expected the word 'xylophone'") as caught:
        run(example, text, word="xylophone")
    assert "check the spelling" in caught.value.hint
    with pytest.raises(TextError, match=r"--in 'the banks': expected the word 'bank', found it in none of 1") as caught:
        run(example, text, sentence="the banks")
    assert caught.value.hint == "the text has banks"


def test_an_empty_text_is_told(example: SmallModel, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n\n", encoding="utf-8")
    with pytest.raises(TextError, match=r"empty.txt: no sentence to look for 'bank' in"):
        run(example, tmp_path / "empty.txt")
    with pytest.raises(TextError, match=r"empty.txt: no sentence to compare with"):
        run(example, tmp_path / "empty.txt", sentence="the bank")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top": 0}, "0 neighbours of 99 occurrences"),
        ({"batch_tokens": 0}, "--batch-tokens 0: expected at least 1"),
        ({"layers": "all"}, "--layers all: expected one vector a token"),
        ({"layers": "7"}, "--layers 7: this model has"),
        ({"word": "New York"}, "--word 'New York': expected one token, found 2 by the tokenizer whitespace: New York"),
        ({"word": " "}, "expected one token, found 0"),
    ],
)
def test_settings_that_cannot_be(example: SmallModel, text: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(example, text, **options)


def test_standard_input_is_refused(example: SmallModel) -> None:
    with pytest.raises(ConfigError, match="standard input: expected a file, because the text is read more than once"):
        run(example, Path("-"))


def test_memory_does_not_grow_with_the_text(
    example: SmallModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "WINDOW_TOKENS", 200)
    monkeypatch.setattr(flow, "MEAN_SENTENCES", 10)
    peaks = []
    for size in (100, 1_000):
        path = tmp_path / f"{size}.txt"
        path.write_text("".join(f"the bank no {number % 10}\n" for number in range(size)), encoding="utf-8")
        run(example, path, centre=True, occurrences=2, top=2)  # what is loaded once is loaded
        tracemalloc.start()
        run(example, path, centre=True, occurrences=2, top=2)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 900 lines more; with their vectors in memory together they would take some 900 bytes each.
    assert peaks[1] - peaks[0] < 900 * 300
