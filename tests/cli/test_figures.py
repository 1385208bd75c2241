"""Numbers as people read them."""

import math

import pytest

from elmo_cli.cli import figures


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (212.345, "212.3"),
        (5.3456, "5.346"),
        (0.0123449, "0.01234"),
        (829702.4, "829,702"),
        (12345.6, "12,346"),
        (1.0, "1.000"),
        (0, "0"),
        (-39.71, "-39.71"),
        (math.inf, "inf"),
        (math.nan, "nan"),
        (1.5e-9, "1.500e-09"),
        (None, "-"),
    ],
)
def test_a_decimal_has_four_significant_digits(value: float | None, words: str) -> None:
    assert figures.decimal(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0.0 s"), (12.34, "12.3 s"), (60, "0:01:00"), (3723.4, "1:02:03"), (90000, "25:00:00")]
)
def test_a_duration_turns_into_a_clock_after_a_minute(seconds: float, words: str) -> None:
    assert figures.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (41_234_567, "41.2 MB"),
        (2_100_000_000, "2.1 GB"),
        (10**12, "1.0 TB"),
        (10**16, "10,000.0 TB"),
    ],
)
def test_sizes_are_in_decimal_units(count: int, words: str) -> None:
    assert figures.size(count) == words


def test_a_share_is_a_percentage() -> None:
    assert figures.percent(0.01234) == "1.23 %"


def test_an_amount_says_how_far_and_of_what() -> None:
    assert figures.amount(1240, 10000, "steps") == "1,240 of 10,000 steps"
    assert figures.amount(1240, None, "lines") == "1,240 lines"
    assert figures.amount(1_500_000, 3_000_000, "bytes") == "1.5 MB of 3.0 MB"
    assert figures.amount(1_500_000, None, "bytes") == "1.5 MB"


def test_a_rate_is_in_the_unit_per_second() -> None:
    assert figures.rate(102881.4, "words") == "102,881 words/s"
    assert figures.rate(12.34, "steps") == "12.3 steps/s"
    assert figures.rate(0.1234, "steps") == "0.123 steps/s"
    assert figures.rate(41_234_567.8, "bytes") == "41.2 MB/s"
    assert figures.rate(0, "words") == "-"


def test_one_thing_is_in_the_singular() -> None:
    assert figures.counted(1, "file") == "1 file"
    assert figures.counted(0, "file") == "0 files"
    assert figures.counted(1234, "file") == "1,234 files"
