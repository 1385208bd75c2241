"""``elmo predict``."""

import json
from pathlib import Path

from elmo_cli.flows.probability_results import Candidate, Gap, PredictResult


def _candidate(word: str, rank: int, probability: float) -> Candidate:
    return Candidate(word=word, rank=rank, probability=probability, log10=-1.0)


RESULT = PredictResult(
    model="run/model",
    tokens=["the", "[?]", "of", "[?]"],
    start_state="zero",
    gaps=[
        Gap(
            place=1,
            forward=[_candidate("bank", 1, 0.25), _candidate("end", 2, 0.125)],
            backward=[_candidate("side", 1, 0.5), _candidate("bank", 2, 0.0004)],
            combined=[_candidate("bank", 1, 0.75), _candidate("representation", 2, 0.1)],
            asked=[[_candidate("shore", 4321, 2e-7), _candidate("shore", 5, 0.01), _candidate("shore", 77, 0.002)]],
        )
    ],
)


def test_the_lists_stand_side_by_side(elmo, play) -> None:
    calls = play("evaluation.predict", [RESULT])
    outcome = elmo("predict", "run/model", "the [?] of [?]", "--word", "shore", "--top", "2")
    assert outcome.code == 0
    assert calls[0].args == (Path("run/model"), "the [?] of [?]")
    assert calls[0].options == {
        "top": 2,
        "words": ["shore"],
        "start": "model",
        "tokenizer": None,
        "device": "auto",
        "threads": None,
    }
    assert outcome.out.splitlines() == [
        "the [?] of <UNK>",
        "  rank  forward      backward      both",
        "     1  bank 25.0 %  side 50.0 %   bank 75.0 %",
        "     2  end 12.5 %   bank 4.0e-04  representation 10.0 %",
        "  shore: forward rank 4,321 (2.0e-07), backward rank 5 (1.0 %), both rank 77 (0.2 %)",
    ]


def test_json_has_all_of_it(elmo, play) -> None:
    play("evaluation.predict", [RESULT])
    assert json.loads(elmo("predict", "m", "[?]", "--json").out) == RESULT.to_json()
