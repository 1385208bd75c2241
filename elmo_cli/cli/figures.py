"""Numbers as people read them. Every human output of the command line goes through these."""

import math


def whole(count: int) -> str:
    """``1234567`` as ``1,234,567``."""
    return f"{count:,}"


def counted(count: int, noun: str) -> str:
    """``1 file``, ``3 files``."""
    return f"{whole(count)} {noun}{'' if count == 1 else 's'}"


def decimal(value: float | None) -> str:
    """Four significant digits, more where the whole part has more: ``212.3``, ``0.01234``, ``829,702``."""
    if value is None:
        return "-"
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = 3 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(0, places)}f}" if places <= 9 else f"{value:.3e}"


def percent(share: float) -> str:
    """A share from 0 to 1: ``0.0123`` as ``1.23 %``."""
    return f"{100 * share:.2f} %"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def duration(seconds: float) -> str:
    """A time that passed: ``12.3 s`` under a minute, then as :func:`clock` has it."""
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def size(count: int) -> str:
    """Bytes in the largest decimal unit that leaves a whole part: ``41.2 MB``."""
    if count < 1000:
        return f"{count} bytes"
    step = min(4, int(math.log10(count)) // 3)
    return f"{count / 1000**step:,.1f} {('kB', 'MB', 'GB', 'TB')[step - 1]}"


def amount(count: int, total: int | None, unit: str) -> str:
    """How far a stage is: ``1,240 of 10,000 steps``, ``12.3 MB of 41.2 MB``, ``77 lines`` where the end is unknown."""
    if unit == "bytes":
        return size(count) if total is None else f"{size(count)} of {size(total)}"
    return f"{whole(count)} {unit}" if total is None else f"{whole(count)} of {whole(total)} {unit}"


def rate(per_second: float, unit: str) -> str:
    """Units per second: ``12.3 steps/s``, ``102,881 words/s``, ``41.2 MB/s``; ``-`` for none at all."""
    if per_second == 0:
        return "-"
    if unit == "bytes":
        return f"{size(round(per_second))}/s"
    digits = 0 if per_second >= 100 else 1 if per_second >= 1 else 3
    return f"{per_second:,.{digits}f} {unit}/s"
