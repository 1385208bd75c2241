"""Numbers as the pages write them."""

import math


def decimal(value: float | None) -> str:
    """Four significant digits, more where the whole part has more; a dash for none.

    Example:
        >>> decimal(212.34), decimal(0.012344), decimal(829702.3), decimal(None)
        ('212.3', '0.01234', '829,702', '–')
    """
    if value is None:
        return "–"
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = 3 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(0, places)}f}" if places <= 9 else f"{value:.3e}"


def rounded(value: float) -> str:
    """Three significant digits at least, for sentences.

    Example:
        >>> rounded(212.34), rounded(12345.6), rounded(0.0123456)
        ('212', '12,346', '0.0123')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(0, places)}f}" if places <= 9 else f"{value:.2e}"


def signed(value: float) -> str:
    """With its sign, and a minus that is one.

    Example:
        >>> signed(0.25), signed(-0.25)
        ('+0.2500', '−0.2500')
    """
    return f"{'−' if value < 0 else '+'}{abs(value):.4f}"


def chance(p_value: float) -> str:
    """A p-value.

    Example:
        >>> chance(0.001998), chance(1.0)
        ('p = 0.002', 'p = 1')
    """
    return f"p = {p_value:.3g}"
