"""``elmo vocab``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from elmo_cli.config import InputConfig, TextConfig, VocabularyConfig
from elmo_cli.flows.corpus_results import (
    CountsResult,
    Coverage,
    ListProblem,
    SpellingFigures,
    VocabularyCheckResult,
    VocabularyResult,
)

SPELLING = SpellingFigures(
    max_characters=50,
    bytes_per_token=4.512,
    bytes_per_character=1.0312,
    cut_types=0,
    cut_tokens=0,
    cut_share=0.0,
    share_wanted=0.999,
    width_needed=17,
    longest=[("unfathomable", 12, 3)],
)
RESULT = VocabularyResult(
    path="vocab.txt",
    size=5003,
    types=31_234,
    tokens=1_000_007,
    coverage=0.98765,
    least_count=17,
    forced=0,
    forced_rare=0,
    forgotten_types=0,
    forgotten_tokens=0,
    largest_loss=0,
    spelling=SPELLING,
    held_out=None,
)
COMMON = {
    "config": VocabularyConfig(),
    "reading": InputConfig(),
    "pieces_model": None,
    "max_characters": 50,
    "forced": None,
    "held_out": [],
    "processes": None,
}


def test_the_defaults_are_those_of_the_settings(elmo, play) -> None:
    calls = play("corpora.vocabulary", [RESULT], "build_vocabulary")
    assert elmo("vocab", "a.txt", "b", "--out", "vocab.txt").code == 0
    assert calls[0].args == (["a.txt", "b"], Path("vocab.txt"))
    assert calls[0].options == COMMON | {"text": TextConfig()}


def test_every_option_arrives(elmo, play) -> None:
    calls = play("corpora.vocabulary", [RESULT], "build_vocabulary")
    words = (
        "vocab a.txt --out v --size 5003 --min-count 17 --max-characters 20 --tokenizer sentencepiece --language fr "
        "--normalization nfkc --lowercase --zero-digits --pieces-model p.model --max-types 1234 --processes 3 "
        "--force-words list.txt --held-out-text h.txt --held-out-text i.txt --decode-errors replace "
        "--format csv --field body --encoding latin-1"
    )
    assert elmo(*words.split()).code == 0
    assert calls[0].options == {
        "config": VocabularyConfig(size=5003, min_count=17, max_types=1_234),
        "reading": InputConfig(format="csv", field="body", encoding="latin-1", decode_errors="replace"),
        "text": TextConfig(
            tokenizer="sentencepiece", language="fr", normalization="nfkc", lowercase=True, zero_digits=True
        ),
        "pieces_model": Path("p.model"),
        "max_characters": 20,
        "forced": Path("list.txt"),
        "held_out": ["h.txt", "i.txt"],
        "processes": 3,
    }


def test_the_table_explains_its_figures(elmo, play) -> None:
    play("corpora.vocabulary", [RESULT], "build_vocabulary")
    assert elmo("vocab", "a.txt", "--out", "vocab.txt").out.splitlines() == [
        "Vocabulary in vocab.txt",
        "  vocabulary           5,003      words written, <S>, </S> and <UNK> included",
        "  word types           31,234     distinct words in the text",
        "  tokens               1,000,007  words in the text, repetitions included",
        "  coverage             98.77 %    of the tokens are in the vocabulary",
        "  least count          17         occurrences of the rarest word kept",
        "  bytes per token      4.512      of the spelling in UTF-8, on average",
        "  bytes per character  1.031      on average over the tokens",
        "  cut types            0          distinct words longer than 48 bytes",
        "  cut tokens           0          their occurrences; a model does not see their tails",
        "  is 50 enough?        yes        100.00 % of the tokens are seen whole; 17 would show 99.9 %",
    ]


def test_a_table_that_is_too_narrow_is_told_with_the_width_that_would_do(elmo, play) -> None:
    spelling = replace(
        SPELLING,
        cut_types=120,
        cut_tokens=5_100,
        cut_share=0.0051,
        width_needed=77,
        longest=[("x" * 60, 180, 1), ("y" * 40, 120, 2_000), ("z", 99, 3), ("w", 98, 4)],
    )
    play("corpora.vocabulary", [replace(RESULT, spelling=spelling)], "build_vocabulary")
    lines = elmo("vocab", "a.txt", "--out", "vocab.txt").out.splitlines()
    assert lines[-6:] == [
        "  cut types            120        distinct words longer than 48 bytes",
        "  cut tokens           5,100      their occurrences; a model does not see their tails",
        "  is 50 enough?        no         0.51 % of the tokens are cut; to see 99.9 % whole, train with --set "
        "model.char_cnn.max_characters=77",
        f"  longest words        180 bytes  {'x' * 40}... (1 time)",
        f"                       120 bytes  {'y' * 40} (2,000 times)",
        "                       99 bytes   z (3 times)",
    ]


def test_what_only_some_vocabularies_have_is_told_where_it_is_there(elmo, play) -> None:
    held_out = Coverage(text="h.txt", tokens=4_000, types=900, oov_tokens=50, oov_types=41, oov_rate=0.0125)
    result = replace(
        RESULT,
        forced=12,
        forced_rare=7,
        forgotten_types=99,
        forgotten_tokens=1_234,
        largest_loss=3,
        held_out=held_out,
    )
    play("corpora.vocabulary", [result], "build_vocabulary")
    lines = elmo("vocab", "a.txt", "--out", "vocab.txt").out.splitlines()
    assert lines[6:12] == [
        "  forced words         12         words of the list; 7 of them seen less than the minimum",
        "  forgotten            1,234      tokens of rare words, for want of room (--max-types)",
        "  largest loss         3          occurrences that a word's count may lack for it",
        "  held-out tokens      4,000      words in h.txt",
        "  held-out OOV         1.25 %     of them are not in the vocabulary: targets <UNK>",
        "  OOV types            41         distinct words not in it, of 900",
    ]


def test_json_has_every_figure(elmo, play) -> None:
    play("corpora.vocabulary", [RESULT], "build_vocabulary")
    shown = json.loads(elmo("vocab", "a.txt", "--out", "vocab.txt", "--json").out)
    assert shown == json.loads(json.dumps(RESULT.to_json()))


def test_counts_of_a_part_are_written_alone(elmo, play) -> None:
    result = CountsResult(
        path="c.tsv", sentences=1_000, types=345, tokens=20_000, forgotten_types=0, forgotten_tokens=0, largest_loss=0
    )
    calls = play("corpora.part_counts", [result], "count_only")
    outcome = elmo("vocab", "a.txt", "--counts-only", "c.tsv", "--max-types", "4000")
    assert calls[0].args == (["a.txt"], Path("c.tsv"))
    assert calls[0].options["config"] == VocabularyConfig(max_types=4_000)
    assert outcome.out.splitlines() == [
        "Counts in c.tsv",
        "  word types  345     distinct words in the file",
        "  tokens      20,000  words in the text, repetitions included",
        "  sentences   1,000   in the text",
    ]


def test_files_of_counts_are_merged(elmo, play) -> None:
    calls = play("corpora.merging", [RESULT], "merge_counts")
    assert elmo("vocab", "--merge", "a.tsv", "b.tsv", "--out", "vocab.txt").code == 0
    assert calls[0].args == ([Path("a.tsv"), Path("b.tsv")], Path("vocab.txt"))
    assert calls[0].options == COMMON


CHECKED = VocabularyCheckResult(
    path="vocab.txt",
    words=1_234,
    sound=False,
    problems=[
        ListProblem(line=None, kind="special missing", problem="no line <UNK>"),
        *(ListProblem(line=line, kind="blank line", problem="expected one word") for line in range(5, 27)),
    ],
    repaired=None,
    repaired_words=None,
    deeds=[],
)


def test_problems_of_a_vocabulary_are_listed_and_the_exit_code_is_1(elmo, play) -> None:
    calls = play("corpora.vocabulary_check", [CHECKED], "check_vocabulary")
    outcome = elmo("vocab", "--check", "vocab.txt")
    assert outcome.code == 1
    assert (calls[0].args, calls[0].options) == ((Path("vocab.txt"),), {"repaired": None})
    lines = outcome.out.splitlines()
    assert lines[:3] == [
        "vocab.txt: 23 problems",
        "  special missing  whole file  no line <UNK>",
        "  blank line       line 5      expected one word",
    ]
    assert lines[-1] == "  blank line       and 2 more  --json lists them all"
    assert len(lines) == 1 + 1 + 20 + 1
    assert len(json.loads(elmo("vocab", "--check", "vocab.txt", "--json").out)["problems"]) == 23


def test_a_sound_vocabulary_is_called_sound(elmo, play) -> None:
    play("corpora.vocabulary_check", [replace(CHECKED, sound=True, problems=[])], "check_vocabulary")
    outcome = elmo("vocab", "--check", "vocab.txt")
    assert (outcome.code, outcome.out) == (0, "vocab.txt: sound, 1,234 words\n")


def test_a_repair_says_what_it_did(elmo, play) -> None:
    deeds = ["special missing (1): it is put at the top"]
    result = replace(CHECKED, problems=CHECKED.problems[:1], repaired="new.txt", repaired_words=1_235, deeds=deeds)
    calls = play("corpora.vocabulary_check", [result], "check_vocabulary")
    outcome = elmo("vocab", "--check", "vocab.txt", "--repair", "--out", "new.txt")
    assert (outcome.code, calls[0].options) == (0, {"repaired": Path("new.txt")})
    assert outcome.out.splitlines() == [
        "vocab.txt: 1 problem",
        "  special missing  whole file  no line <UNK>",
        "  done                         special missing (1): it is put at the top",
        "  written          1,235       words, to new.txt",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("vocab", "name a text to count"),
        ("vocab a.txt", "say where the vocabulary goes"),
        ("vocab a.txt --counts-only c.tsv --out v", "writes counts alone"),
        ("vocab a.txt --counts-only c.tsv --merge", "writes counts alone"),
        ("vocab a.txt --check v", "looks at one vocabulary and takes no other input"),
        ("vocab --check v --out w", "writes nothing without --repair"),
        ("vocab --check v --repair", "needs --check FILE and --out FILE"),
        ("vocab a.txt --repair --out w", "needs --check FILE and --out FILE"),
    ],
)
def test_options_that_contradict_each_other_are_refused(elmo, words: str, message: str) -> None:
    outcome = elmo(*words.split())
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())
