"""One measured figure, with what is needed to judge it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.flops import Products, total_flops
from benchmarks.limits import ProductLimits
from benchmarks.timing import Timing

TEXT = "text"
"""The case of parts that need no model."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A rate, how far it strayed, and how near it comes to what products alone would reach."""

    part: str
    """What ``--only`` calls it by."""
    case: str
    """Model and rows; :data:`TEXT` for none."""
    name: str
    unit: str
    """Of ``median``, ``low`` and ``high``; higher is better."""
    median: float
    low: float
    high: float
    repeats: int
    explanation: str
    flops_per_unit: float | None = None
    """Operations in matrix products, as benchmarks/flops.py counts them; None where there are none."""
    gflops: float | None = None
    """Those products at the median rate, in 10^9 operations a second."""
    share_of_products: float | None = None
    """Time of its own products alone / its time."""
    share_of_large: float | None = None
    """Its operations a second / those of the large product."""
    step_milliseconds: float | None = None
    """For a part of a training step, or the whole one: how long it takes in one."""
    details: dict[str, Any] = field(default_factory=dict)
    """Sizes, and figures besides."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def model_figure(
    limits: ProductLimits,
    timing: Timing,
    *,
    units: float,
    products: Products | None = None,
    runs: int = 1,
    in_step: bool = False,
    details: Mapping[str, Any] | None = None,
    **named: Any,
) -> Figure:
    """A figure from readings of a clock.

    Args:
        limits: What the device reaches.
        timing: Of work that does ``units``.
        units: In the figure's unit.
        products: What that work multiplies, ``runs`` times over; None where it multiplies nothing.
        runs: How often ``products`` holds the work's products: several where they differ from one time to the next.
        in_step: Whether the work is what one training step does of it.
        details: Sizes, and figures besides; the peak memory of a GPU joins them.
        named: The other fields.
    """
    median, low, high = timing.rates(units)
    figure: dict[str, Any] = {
        "median": median,
        "low": low,
        "high": high,
        "repeats": len(timing.seconds),
        "step_milliseconds": 1000 * timing.median if in_step else None,
    }
    if products:
        flops = total_flops(products) / runs
        figure |= {
            "flops_per_unit": flops / units,
            "gflops": flops / timing.median / 1e9,
            "share_of_products": limits.seconds(products) / runs / timing.median,
            "share_of_large": flops / timing.median / limits.large_rate,
        }
    memory = {} if timing.peak_memory is None else {"peak_memory_gib": timing.peak_memory / 2**30}
    return Figure(**figure, details={**(details or {}), **memory}, **named)


def number(value: float) -> str:
    """A figure as people read it.

    Example:
        >>> number(123456.7), number(12.345), number(0.5)
        ('123,457', '12.3', '0.50')
    """
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}"


def besides(details: Mapping[str, Any]) -> str:
    """What of a figure's details stands beside it in tables.

    Example:
        >>> besides({"bytes": 7, "megabytes_per_second": 2.5})
        ', 2.50 MB/s'
    """
    units = {
        "megabytes_per_second": "MB/s",
        "megabytes_per_cpu_second": "MB per CPU second",
        "peak_memory_gib": "GiB at most",
        "peak_memory_mib": "MiB at most",
        "share_of_raw_write": "of the raw write",
        "computing_alone": "tokens/s computing alone",
        "writing_alone": "writing alone",
        "share_of_the_slower": "of the slower one",
    }
    return "".join(f", {number(details[key])} {unit}" for key, unit in units.items() if key in details)
