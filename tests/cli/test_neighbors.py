"""``elmo neighbors``."""

import json
from pathlib import Path

from elmo_cli.config import InputConfig
from elmo_cli.flows.vector_results import Neighbor, NeighborsResult, TokenInContext, TokenNeighbors


def _token(word: str, sentence: int, before: str = "", after: str = "") -> TokenInContext:
    return TokenInContext(
        file="a.txt", line=sentence, sentence=sentence, place=3, word=word, before=before, after=after
    )


RESULT = NeighborsResult(
    model="run/model",
    word="bank",
    layers="average",
    centred=False,
    occurrences=12,
    sentences=4898,
    tokens=107354,
    queries=[
        TokenNeighbors(
            query=_token("bank", 12, "he sat on the", "of the river ."),
            neighbors=[
                Neighbor(similarity=0.98349, token=_token("bank", 4229, "came out upon the", "of the river")),
                Neighbor(similarity=0.5, token=_token("shore", 9, "", "x" * 60)),
                Neighbor(similarity=-0.25, token=_token("河岸", 10, "a\x1b[31m 他坐在", "。")),
            ],
        ),
        TokenNeighbors(query=_token("bank", 0, "a", "."), neighbors=[]),
    ],
    seconds=39.8,
)


def test_a_line_per_neighbour_with_the_words_under_one_another(elmo, play) -> None:
    calls = play("vectors.neighbors", [RESULT])
    outcome = elmo("neighbors", "run/model", "--word", "bank", "a.txt")
    assert outcome.code == 0
    assert calls[0].args == (Path("run/model"), ["a.txt"])
    assert calls[0].options == {
        "word": "bank",
        "sentence": None,
        "top": 10,
        "occurrences": 3,
        "layers": "average",
        "centre": False,
        "other_words": False,
        "start": "model",
        "tokenizer": None,
        "reading": InputConfig(),
        "batch_tokens": None,
        "device": "auto",
        "threads": None,
    }
    assert outcome.out.splitlines() == [
        "sentence 12: he sat on the [bank] of the river .",
        "   0.983  bank   4,229  came out upon the [bank] of the river",
        "   0.500  shore      9                    [shore] " + "x" * 43,
        "  -0.250  河岸      10      a\ufffd[31m 他坐在 [河岸] 。",
        "",
        "a [bank] .",
        "",
    ]
    assert "4,898 sentences, 107,354 tokens with bank in 12 places, compared in 39.8 s" in outcome.err


def test_every_option_reaches_the_flow(elmo, play) -> None:
    calls = play("vectors.neighbors", [RESULT])
    words = ["--word", "bank", "--in", "the bank", "--top", "2", "--occurrences", "5", "--layers", "1", "--centre"]
    outcome = elmo("neighbors", "m", "a.txt", "b.txt", *words, "--other-words", "--start", "zero", "--quiet")
    assert outcome.err == ""
    assert calls[0].args == (Path("m"), ["a.txt", "b.txt"])
    found = calls[0].options
    assert (found["sentence"], found["top"], found["occurrences"], found["layers"]) == ("the bank", 2, 5, "1")
    assert (found["centre"], found["other_words"], found["start"]) == (True, True, "zero")


def test_json_has_all_of_it(elmo, play) -> None:
    play("vectors.neighbors", [RESULT])
    assert json.loads(elmo("neighbors", "m", "a.txt", "--word", "bank", "--json").out) == RESULT.to_json()


def test_a_word_has_to_be_named(elmo) -> None:
    outcome = elmo("neighbors", "m", "a.txt")
    assert outcome.code == 2
    assert "Missing option '--word'" in outcome.err
