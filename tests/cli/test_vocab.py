"""``elmo vocab``."""

import json
from pathlib import Path

from elmo_cli.config import TextConfig, VocabularyConfig
from elmo_cli.flows.reports import VocabularyResult

RESULT = VocabularyResult(
    path="vocab.txt",
    size=5003,
    types=31_234,
    tokens=1_000_007,
    coverage=0.98765,
    least_count=17,
    cut_types=8,
    cut_tokens=21,
)


def test_the_defaults_are_those_of_the_settings(elmo, play) -> None:
    calls = play("vocabulary", [RESULT], "build_vocabulary")
    assert elmo("vocab", "a.txt", "b", "--out", "vocab.txt").code == 0
    assert calls[0].args == (["a.txt", "b"], Path("vocab.txt"))
    assert calls[0].options == {"config": VocabularyConfig(), "text": TextConfig(), "max_characters": 50}


def test_every_option_arrives(elmo, play) -> None:
    calls = play("vocabulary", [RESULT], "build_vocabulary")
    words = "vocab a.txt --out v --size 5003 --min-count 17 --max-characters 20 --tokenizer whitespace --language fr"
    assert elmo(*words.split(), "--decode-errors", "replace").code == 0
    assert calls[0].options == {
        "config": VocabularyConfig(size=5003, min_count=17),
        "text": TextConfig(tokenizer="whitespace", language="fr", decode_errors="replace"),
        "max_characters": 20,
    }


def test_the_table_explains_its_figures(elmo, play) -> None:
    play("vocabulary", [RESULT], "build_vocabulary")
    assert elmo("vocab", "a.txt", "--out", "vocab.txt").out.splitlines() == [
        "Vocabulary in vocab.txt",
        "  vocabulary   5,003      words written, <S>, </S> and <UNK> included",
        "  word types   31,234     distinct words in the text",
        "  tokens       1,000,007  words in the text, repetitions included",
        "  coverage     98.77 %    of the tokens are in the vocabulary",
        "  least count  17         occurrences of the rarest word kept",
        "  cut types    8          distinct words longer than 48 bytes",
        "  cut tokens   21         their occurrences; a model does not see their tails",
    ]


def test_json_has_every_figure(elmo, play) -> None:
    play("vocabulary", [RESULT], "build_vocabulary")
    assert json.loads(elmo("vocab", "a.txt", "--out", "vocab.txt", "--json").out) == RESULT.to_json()
