"""Rates and times left, on a clock that the test turns."""

from elmo_cli.cli.pace import WINDOW, Pace
from elmo_cli.flows.reports import Progress


def steps(done: int, total: int | None = 1000, note: str = "") -> Progress:
    return Progress(stage="training", done=done, total=total, unit="steps", note=note)


def test_a_steady_stage_knows_its_rate_and_the_time_left() -> None:
    pace = Pace(steps(0), 50.0)
    for second in range(1, 101):
        pace.add(steps(4 * second), 50.0 + second)
    assert pace.rate == 4
    assert pace.seconds_left == 150
    assert pace.underway() == "400 of 1,000 steps, 4.0 steps/s, 0:02:30 left"


def test_a_first_report_says_only_how_far_it_is() -> None:
    assert Pace(steps(3), 0.0).underway() == "3 of 1,000 steps"


def test_a_resumed_stage_counts_from_where_it_began() -> None:
    pace = Pace(steps(900), 0.0)
    pace.add(steps(910), 5.0)
    assert pace.rate == 2
    assert pace.ended() == "910 of 1,000 steps, 2.0 steps/s, took 5.0 s"


def test_the_rate_follows_a_change_and_the_end_gives_the_mean() -> None:
    pace = Pace(steps(0), 0.0)
    for second in range(1, 101):
        pace.add(steps(second), float(second))
    for second in range(1, int(WINDOW) + 1):
        pace.add(steps(100 + 5 * second), 100.0 + second)
    assert pace.rate == 5
    assert pace.mean_rate == (100 + 5 * WINDOW) / (100 + WINDOW)


def test_a_pause_does_not_count() -> None:
    pace = Pace(steps(0), 0.0)
    pace.add(steps(20), 10.0)
    pace.go_on(steps(20), 500.0)
    pace.add(steps(40), 510.0)
    assert pace.seconds == 20
    assert pace.rate == 2


def test_without_a_total_there_is_no_time_left() -> None:
    pace = Pace(steps(0, None), 0.0)
    pace.add(steps(30, None), 10.0)
    assert pace.seconds_left is None
    assert pace.underway() == "30 steps, 3.0 steps/s"


def test_the_note_stands_at_the_end() -> None:
    pace = Pace(steps(0), 0.0)
    pace.add(steps(10, note="sampled perplexity 213.1"), 10.0)
    assert pace.underway() == "10 of 1,000 steps, 1.0 steps/s, 0:16:30 left; sampled perplexity 213.1"


def test_many_reports_leave_few_samples() -> None:
    pace = Pace(steps(0, None), 0.0)
    for tick in range(1, 100_001):
        pace.add(steps(tick, None), tick / 1000)
    assert len(pace._samples) < 110
    assert round(pace.rate or 0) == 1000
