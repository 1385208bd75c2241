"""The tables that ``elmo vocab`` shows."""

from elmo_cli.cli import figures
from elmo_cli.cli.console import Row
from elmo_cli.flows.corpus_results import (
    CountsResult,
    Coverage,
    ListProblem,
    SpellingFigures,
    VocabularyCheckResult,
    VocabularyResult,
)

SHOWN_OF_A_KIND = 20
"""Problems of one kind that are shown; ``--json`` has all of them."""
SHOWN_LONGEST = 3
"""Longest words that are shown."""
WORD_WIDTH = 40
"""Characters of a long word that are shown."""


def vocabulary_rows(result: VocabularyResult) -> list[Row]:
    """A vocabulary's figures."""
    rows = [
        ("vocabulary", figures.whole(result.size), "words written, <S>, </S> and <UNK> included"),
        ("word types", figures.whole(result.types), "distinct words in the text"),
        ("tokens", figures.whole(result.tokens), "words in the text, repetitions included"),
        ("coverage", figures.percent(result.coverage), "of the tokens are in the vocabulary"),
        ("least count", figures.whole(result.least_count), "occurrences of the rarest word kept"),
    ]
    if result.forced:
        rows.append(
            (
                "forced words",
                figures.whole(result.forced),
                f"words of the list; {figures.whole(result.forced_rare)} of them seen less than the minimum",
            )
        )
    rows += _forgotten(result)
    if result.held_out is not None:
        rows += _held_out(result.held_out)
    return rows + _spelling(result.spelling)


def counts_rows(result: CountsResult) -> list[Row]:
    """The figures of a file of counts."""
    return [
        ("word types", figures.whole(result.types), "distinct words in the file"),
        ("tokens", figures.whole(result.tokens), "words in the text, repetitions included"),
        ("sentences", figures.whole(result.sentences), "in the text"),
        *_forgotten(result),
    ]


def check_title(result: VocabularyCheckResult) -> str:
    """A verdict."""
    if result.sound:
        return f"{result.path}: sound, {figures.whole(result.words)} words"
    return f"{result.path}: {figures.counted(len(result.problems), 'problem')}"


def check_rows(result: VocabularyCheckResult) -> list[Row]:
    """What is wrong, kind by kind, and what was done about it."""
    rows: list[Row] = []
    by_kind: dict[str, list[ListProblem]] = {}
    for problem in result.problems:
        by_kind.setdefault(problem.kind, []).append(problem)
    for kind, problems in by_kind.items():
        for problem in problems[:SHOWN_OF_A_KIND]:
            place = "whole file" if problem.line is None else f"line {problem.line}"
            rows.append((kind, place, problem.problem))
        if len(problems) > SHOWN_OF_A_KIND:
            more = figures.whole(len(problems) - SHOWN_OF_A_KIND)
            rows.append((kind, f"and {more} more", "--json lists them all"))
    if result.repaired is not None and result.repaired_words is not None:
        rows += [("done", "", deed) for deed in result.deeds]
        rows.append(("written", figures.whole(result.repaired_words), f"words, to {result.repaired}"))
    return rows


def _forgotten(result: VocabularyResult | CountsResult) -> list[Row]:
    if not result.forgotten_types:
        return []
    return [
        ("forgotten", figures.whole(result.forgotten_tokens), "tokens of rare words, for want of room (--max-types)"),
        ("largest loss", figures.whole(result.largest_loss), "occurrences that a word's count may lack for it"),
    ]


def _held_out(held_out: Coverage) -> list[Row]:
    return [
        ("held-out tokens", figures.whole(held_out.tokens), f"words in {held_out.text}"),
        ("held-out OOV", figures.percent(held_out.oov_rate), "of them are not in the vocabulary: targets <UNK>"),
        (
            "OOV types",
            figures.whole(held_out.oov_types),
            f"distinct words not in it, of {figures.whole(held_out.types)}",
        ),
    ]


def _spelling(spelling: SpellingFigures) -> list[Row]:
    width = spelling.max_characters
    rows = [
        ("bytes per token", figures.decimal(spelling.bytes_per_token), "of the spelling in UTF-8, on average"),
        ("bytes per character", figures.decimal(spelling.bytes_per_character), "on average over the tokens"),
        ("cut types", figures.whole(spelling.cut_types), f"distinct words longer than {width - 2} bytes"),
        ("cut tokens", figures.whole(spelling.cut_tokens), "their occurrences; a model does not see their tails"),
        (f"is {width} enough?", *_verdict(spelling)),
    ]
    too_long = [entry for entry in spelling.longest if entry[1] > width - 2]
    for number, (word, size, count) in enumerate(too_long[:SHOWN_LONGEST]):
        seen = figures.counted(count, "time")
        rows.append(("longest words" if number == 0 else "", figures.counted(size, "byte"), f"{_short(word)} ({seen})"))
    return rows


def _verdict(spelling: SpellingFigures) -> tuple[str, str]:
    """Whether the character table is wide enough for the language, in a word and in a sentence."""
    wanted, needed = f"{100 * spelling.share_wanted:g} %", spelling.width_needed
    if needed <= spelling.max_characters:
        whole = figures.percent(1 - spelling.cut_share)
        return "yes", f"{whole} of the tokens are seen whole; {needed} would show {wanted}"
    return (
        "no",
        f"{figures.percent(spelling.cut_share)} of the tokens are cut; to see {wanted} whole, train with "
        f"--set model.char_cnn.max_characters={needed}",
    )


def _short(word: str) -> str:
    return word if len(word) <= WORD_WIDTH else f"{word[:WORD_WIDTH]}..."
