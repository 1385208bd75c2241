"""What a flow's reports turn into on stdout and stderr."""

import io
import json
import logging
import math
import re
import sys
from dataclasses import replace

import pytest

from elmo_cli.cli import console
from elmo_cli.errors import ElmoError
from elmo_cli.flows.reports import Notice, Progress

NOTICES = [
    Notice(text="building a vocabulary [of words]"),
    Notice(text="--rows 128 needs more memory than there is", warning=True),
]


def test_a_result_is_what_a_flow_ends_with(evaluation) -> None:
    assert console.follow(iter([*NOTICES, evaluation])) is evaluation


def test_a_flow_without_a_result_is_a_bug() -> None:
    for run in (console.follow, console.last_of):
        with pytest.raises(AssertionError, match="ended without a result"):
            run(iter(NOTICES))


def test_a_process_that_is_not_the_first_says_nothing(evaluation, capsys) -> None:
    assert console.last_of(iter([*NOTICES, evaluation])) is evaluation
    assert capsys.readouterr() == ("", "")


def test_notices_are_lines_on_stderr_as_they_were_written(evaluation, capsys) -> None:
    console.follow(iter([*NOTICES, evaluation]))
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [
        "building a vocabulary [of words]",
        "Warning: --rows 128 needs more memory than there is",
    ]


def test_long_notices_are_not_broken(evaluation, capsys) -> None:
    console.follow(iter([Notice(text="word " * 60), evaluation]))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_quiet_leaves_the_warnings(evaluation, capsys, clock) -> None:
    def flow():
        for done in range(5):
            yield Progress(stage="training", done=done, total=4, unit="steps")
            clock.now += 5
        yield from NOTICES
        yield evaluation

    console.follow(flow(), quiet=True)
    assert capsys.readouterr().err == "Warning: --rows 128 needs more memory than there is\n"


def test_ctrl_c_closes_the_flow_and_says_where_it_was(capsys) -> None:
    closed = []

    def flow():
        try:
            yield Progress(stage="training", done=1240, total=10000, unit="steps")
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        console.follow(flow())
    assert closed
    assert capsys.readouterr().err == "Stopped by Ctrl-C while training, at 1,240 of 10,000 steps.\n"


def test_a_failure_to_draw_closes_the_flow(monkeypatch, evaluation) -> None:
    closed = []

    def flow():
        try:
            yield Notice(text="here")
            yield evaluation
        finally:
            closed.append(True)

    def fail(*_):
        raise OSError("no such screen")

    monkeypatch.setattr(console.Stages, "say", fail)
    reports = flow()  # held here, so that nothing but close() can end it
    with pytest.raises(OSError, match="no such screen"):
        console.follow(reports)
    assert closed


def test_a_table_has_a_figure_a_line_with_its_explanation(evaluation, capsys) -> None:
    rows = [("perplexity", "212.3", "exp of mean loss " * 10), ("OOV [rate]", "1.00 %", "of the words")]
    console.show_result(evaluation, "Perplexity of run/model", rows, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "Perplexity of run/model",
        "  perplexity  212.3   " + ("exp of mean loss " * 10).rstrip(),
        "  OOV [rate]  1.00 %  of the words",
    ]


def test_a_value_too_wide_for_its_column_moves_only_its_own_line(evaluation, capsys) -> None:
    rows = [("model", "x" * 40, "where it is"), ("words", "12", "of text")]
    console.show_result(evaluation, "Perplexity", rows, as_json=False)
    assert capsys.readouterr().out.splitlines()[1:] == [f"  model  {'x' * 40}  where it is", "  words  12  of text"]


def test_on_a_terminal_a_table_fits_it(evaluation, monkeypatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    rows = [("model", "x" * 40, "a long explanation " * 5), ("words [all]", "12", "of text")]
    console.show_result(evaluation, "Perplexity of run/model", rows, as_json=False)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()
    assert lines[0] == "Perplexity of run/model"
    assert lines[1].startswith(f"  model        {'x' * 24}  a long explanation")
    assert lines[-1].split() == ["words", "[all]", "12", "of", "text"]
    assert max(map(len, lines)) <= 80


def test_json_is_one_object_on_one_line(evaluation, capsys) -> None:
    console.show_result(evaluation, "Perplexity", [], as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0]) == evaluation.to_json()


def test_in_json_what_is_not_finite_is_null(evaluation, capsys) -> None:
    endless = replace(evaluation, perplexity=math.inf, forward=replace(evaluation.forward, loss=math.nan))
    console.show_result(endless, "Perplexity", [], as_json=True)
    values = json.loads(capsys.readouterr().out)
    assert values["perplexity"] is None
    assert values["forward"]["loss"] is None
    assert values["loss"] == evaluation.loss


def test_an_error_is_a_message_and_a_hint(capsys) -> None:
    console.show_error(ElmoError("corpus.txt:118: byte 0xff is not UTF-8", hint="elmo prepare --decode-errors replace"))
    console.show_error(ElmoError("disk full"))
    assert capsys.readouterr().err.splitlines() == [
        "Error: corpus.txt:118: byte 0xff is not UTF-8",
        "Hint: elmo prepare --decode-errors replace",
        "Error: disk full",
    ]


def test_suggestions_are_whole_lines(capsys) -> None:
    console.suggest("Next:", [f"elmo eval {'long/' * 30}model test.txt"])
    assert capsys.readouterr().err == f"Next:\n  elmo eval {'long/' * 30}model test.txt\n"


def test_the_log_is_shown_with_verbose_and_its_warnings_always(evaluation, capsys) -> None:
    console.log_to_stderr()

    def flow():
        logging.getLogger("elmo_cli.text.store").info("lexicon: 12 types")
        logging.getLogger("elmo_cli.text.store").warning("no memory map, reading instead")
        yield evaluation

    console.follow(flow())
    assert capsys.readouterr().err == "Warning: no memory map, reading instead\n"
    console.follow(flow(), verbose=True)
    assert capsys.readouterr().err == "Info: lexicon: 12 types\nWarning: no memory map, reading instead\n"
