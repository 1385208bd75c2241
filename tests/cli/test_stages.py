"""Progress on stderr: lines without a terminal, a bar on one."""

import io
import sys
from collections.abc import Callable

import pytest
from rich.console import Console

from elmo_cli.cli.stages import Stages
from elmo_cli.flows.reports import Progress


def steps(done: int, stage: str = "training", total: int | None = 100) -> Progress:
    return Progress(stage=stage, done=done, total=total, unit="steps", note="loss 5.4")


class Screen(io.StringIO):
    """A terminal that remembers all that was written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch, clock) -> Callable[..., str]:
    """Plays (seconds, report) pairs and returns what appeared on stderr."""

    def run(moves: list[tuple[float, Progress]], *, terminal: bool = False, **environment: str) -> str:
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "80")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        screen = Screen() if terminal else io.StringIO()
        monkeypatch.setattr(sys, "stderr", screen)
        with Stages(Console(stderr=True, highlight=False)) as stages:
            for seconds, report in moves:
                clock.now += seconds
                stages.show(report)
        return screen.getvalue()

    return run


def test_a_stage_of_two_seconds_is_not_shown(draw) -> None:
    moves = [(0, steps(0)), (1.0, steps(50)), (0.9, steps(100))]
    assert draw(moves) == ""
    assert draw(moves, terminal=True) == ""


def test_without_a_terminal_a_line_comes_every_ten_seconds_and_at_the_end(draw) -> None:
    assert draw([(1, steps(done)) for done in range(26)]).splitlines() == [
        "training: 2 of 100 steps, 1.0 steps/s, 0:01:38 left; loss 5.4",
        "training: 12 of 100 steps, 1.0 steps/s, 0:01:28 left; loss 5.4",
        "training: 22 of 100 steps, 1.0 steps/s, 0:01:18 left; loss 5.4",
        "training: 25 of 100 steps, 1.0 steps/s, took 25.0 s; loss 5.4",
    ]


def test_a_stage_that_was_interrupted_by_another_goes_on(draw) -> None:
    moves = [(1, steps(done)) for done in range(4)]
    moves += [(1, steps(done, "measuring")) for done in range(2)]
    moves += [(1, steps(done)) for done in range(4, 7)]
    assert draw(moves).splitlines() == [
        "training: 2 of 100 steps, 1.0 steps/s, 0:01:38 left; loss 5.4",
        "training: 3 of 100 steps, 1.0 steps/s, took 3.0 s; loss 5.4",
    ]


def test_the_end_of_a_stage_that_was_shown_is_told_even_if_its_last_stretch_was_short(draw) -> None:
    moves = [(1, steps(done, total=4)) for done in range(3)]
    moves += [(1, steps(0, "measuring")), (1, steps(3, total=4)), (1, steps(4, total=4))]
    assert draw(moves).splitlines()[-1] == "training: 4 of 4 steps, 1.3 steps/s, took 3.0 s; loss 5.4"


def test_a_stage_that_begins_anew_is_timed_anew(draw) -> None:
    measuring = [(1, steps(25 * part, "measuring")) for part in range(5)]
    lines = draw([*measuring, (0, steps(7)), *measuring]).splitlines()
    assert lines[1] == lines[-1] == "measuring: 100 of 100 steps, 25.0 steps/s, took 4.0 s; loss 5.4"


def test_a_terminal_gets_a_bar_that_goes_away_and_a_line_that_stays(draw) -> None:
    shown = draw([(1, steps(25 * part)) for part in range(5)], terminal=True)
    assert "━" in shown
    assert "50 %" in shown
    assert "50 of 100 steps, 25.0 steps/s, 0:00:02 left; loss 5.4" in shown
    assert shown.endswith("training: 100 of 100 steps, 25.0 steps/s, took 4.0 s; loss 5.4\n")
    assert "\x1b[1A\x1b[2K" in shown, "the bar's lines are not erased"


def test_a_bar_without_a_known_end_has_no_percentage(draw) -> None:
    shown = draw([(1, steps(25 * part, total=None)) for part in range(5)], terminal=True)
    assert "50 steps, 25.0 steps/s; loss 5.4" in shown
    assert "%" not in shown


def test_a_bar_is_not_redrawn_for_every_report(draw) -> None:
    shown = draw([(3, steps(0)), (3, steps(1)), *((0.001, steps(done)) for done in range(2, 60))], terminal=True)
    assert shown.count("left") == 2, "once when it was time to, once more when the bar ends"


def test_no_color_leaves_out_colours(draw) -> None:
    moves = [(1, steps(25 * part)) for part in range(5)]
    assert "\x1b[38;5" in draw(moves, terminal=True)
    assert "\x1b[38;5" not in draw(moves, terminal=True, NO_COLOR="1")


def test_a_dumb_terminal_and_a_coloured_log_get_lines(draw) -> None:
    moves = [(1, steps(25 * part)) for part in range(5)]
    assert "━" not in draw(moves, terminal=True, TERM="dumb")
    assert "━" not in draw(moves, FORCE_COLOR="1")


def test_an_error_takes_the_bar_away_and_claims_no_end(monkeypatch: pytest.MonkeyPatch, clock) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(ValueError, match="broken"), Stages(Console(stderr=True)) as stages:
        for done in range(5):
            clock.now += 1
            stages.show(steps(done))
        raise ValueError("broken")
    assert "left" in screen.getvalue()
    assert "took" not in screen.getvalue()
    assert screen.getvalue().rindex("\x1b[?25h") > screen.getvalue().rindex("\x1b[?25l"), "the cursor stays hidden"
