"""Charts of losses as perplexities: by band, by sentence, by word, by model; perplexity's axis is logarithmic."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elmo_cli.pages.charts import BAR, COLOURS, HEIGHT, Spec, coloured, dashed, framed
from elmo_cli.pages.numbers import decimal

LARGEST_LOSS = 100.0
"""Nats; a larger loss is drawn as this one, so that its perplexity is a number."""


@dataclass(frozen=True)
class BandPoint:
    """A band of words or sentences in a chart."""

    band: str
    value: float
    """Perplexity, or bits per byte."""
    note: str
    """What stands beside the pointer, such as how many targets it has."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval."""

    name: str
    value: float
    low: float
    high: float
    label: str
    """The figure and its interval in words."""


def perplexity(loss: float) -> float:
    """The perplexity of a loss in nats, finite whatever the loss.

    Example:
        >>> perplexity(0.0), perplexity(1e9) < math.inf
        (1.0, True)
    """
    return math.exp(min(loss, LARGEST_LOSS))


def finite(value: float) -> float:
    """A figure that a chart can have, the nearest to one that may be infinite."""
    return max(-math.exp(LARGEST_LOSS), min(value, math.exp(LARGEST_LOSS)))


def band_curves(series: Mapping[str, Sequence[BandPoint]], *, x: str, y: str, log: bool = True) -> Spec:
    """A curve per series over bands in their order, such as places in a sentence.

    Args:
        series: By name; all have bands of the same names, but some may lack a few.
        x: What the bands are.
        y: What the values are.
        log: Whether the values' axis is logarithmic.
    """
    values, names = _band_values(series), list(series)
    across: Spec = {
        "field": "band",
        "type": "nominal",
        "sort": None,
        "title": x,
        "scale": {"type": "point", "padding": 0.4},
    }
    across["axis"] = {"labelAngle": 0, "labelOverlap": "greedy", "labelSeparation": 8, "grid": False}
    legend = {"legend": {"title": None, "symbolType": "stroke"} if len(names) > 1 else None}
    encoding = {"x": across, "y": _scaled("value", y, values, log=log), "color": coloured(names)["color"] | legend}
    curve = {
        "mark": {"type": "line", "strokeWidth": 2.25, "interpolate": "linear"},
        "encoding": {"strokeDash": dashed(names) | legend},
    }
    dots = {"mark": {"type": "point", "filled": True, "size": 55, "opacity": 1}, "encoding": _tooltip(y)}
    return framed(values, {"encoding": encoding, "layer": [curve, dots]})


def band_dots(series: Mapping[str, Sequence[BandPoint]], *, x: str, log: bool = True) -> Spec:
    """A row per band with a dot per series, for bands with long names.

    Args:
        series: By name.
        x: What the values are.
        log: Whether their axis is logarithmic.
    """
    values, names = _band_values(series), list(series)
    bands = list(dict.fromkeys(value["band"] for value in values))
    rows: Spec = {"field": "band", "type": "nominal", "sort": None, "title": None}
    rows["axis"] = {"labelLimit": 170, "ticks": False, "domain": False, "grid": True}
    span = {
        "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.35, "color": "currentColor"},
        "encoding": {
            "x": _scaled("value", x, values, log=log) | {"aggregate": "min"},
            "x2": {"field": "value", "aggregate": "max"},
        },
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
        "encoding": {
            "x": _scaled("value", x, values, log=log),
            **coloured(names),
            "shape": {"field": "series", "type": "nominal", "scale": {"domain": names}}
            | {"legend": {"title": None} if len(names) > 1 else None},
            **_tooltip(x),
        },
    }
    return framed(values, {"encoding": {"y": rows}, "layer": [span, dots], "height": 1.3 * BAR * max(1, len(bands))})


def share_bars(shares: Mapping[str, Mapping[str, float]], *, x: str) -> Spec:
    """Bars side by side for every band, one a series.

    Args:
        shares: By series, then by band, from 0 to 1.
        x: What the shares are of.
    """
    names = list(shares)
    values = [
        {"series": name, "band": band, "share": share, "shown": f"{100 * share:.1f} %"}
        for name, bands in shares.items()
        for band, share in bands.items()
    ]
    bands = len({value["band"] for value in values})
    encoding = {
        "y": {"field": "band", "type": "nominal", "sort": None, "title": None}
        | {"axis": {"labelLimit": 170, "ticks": False, "domain": False, "grid": False}},
        "yOffset": {"field": "series", "type": "nominal", "sort": names},
        "x": {"field": "share", "type": "quantitative", "title": x, "axis": {"format": "~%", "tickCount": 4}},
        **coloured(names),
        "tooltip": [{"field": field, "type": "nominal", "title": field} for field in ("series", "band")]
        + [{"field": "shown", "type": "nominal", "title": "share"}],
    }
    return framed(values, {"mark": {"type": "bar"}, "encoding": encoding, "height": 1.7 * BAR * max(1, bands)})


def spread(bins: Sequence[tuple[float, float, int]], *, middle: float, x: str, y: str) -> Spec:
    """A histogram on a logarithmic axis, with a line at the median.

    Args:
        bins: From, to, and how many.
        middle: The median.
        x: What is measured.
        y: What is counted.
    """
    values = [
        {"value": low, "end": high, "count": count, "from": decimal(low), "to": decimal(high)}
        for low, high, count in bins
    ]
    ends = [{"value": value["end"]} for value in values]
    bar = {
        "mark": {"type": "bar", "color": COLOURS[0], "opacity": 0.8, "binSpacing": 1},
        "encoding": {
            "x": _scaled("value", x, [*values, *ends]),
            "x2": {"field": "end"},
            "y": {"field": "count", "type": "quantitative", "title": y, "axis": {"format": ",d", "tickMinStep": 1}},
            "y2": {"datum": 0},
            "tooltip": [{"field": field, "type": "nominal", "title": field} for field in ("from", "to")]
            + [{"field": "count", "type": "quantitative", "title": y}],
        },
    }
    rule = {
        "data": {"values": [{"middle": middle}]},
        "mark": {"type": "rule", "strokeWidth": 2, "strokeDash": [5, 3], "color": COLOURS[1]},
        "encoding": {"x": {"field": "middle", "type": "quantitative"}},
    }
    return framed(values, {"layer": [bar, rule]})


def both_sides(words: Sequence[Mapping[str, Any]], *, x: str, y: str) -> Spec:
    """Words by what they cost from either side; on the line both cost the same.

    Args:
        words: Each with ``word``, ``count``, and the perplexities ``x`` and ``y``.
        x: What ``x`` is.
        y: What ``y`` is.
    """
    everything = [{"value": word[side]} for word in words for side in ("x", "y")]
    across, up = _scaled("x", x, everything), _scaled("y", y, everything)
    scale = across["scale"]
    low, high = scale["domain"]
    dots = {
        "mark": {"type": "point", "filled": True, "size": 42, "opacity": 0.65, "color": COLOURS[0]},
        "encoding": {
            "x": across,
            "y": up,
            "tooltip": [
                {"field": "word", "type": "nominal", "title": "word"},
                {"field": "count", "type": "quantitative", "title": "times"},
                {"field": "x", "type": "quantitative", "title": x},
                {"field": "y", "type": "quantitative", "title": y},
            ],
        },
    }
    diagonal = {
        "data": {"values": [{"x": low, "y": low}, {"x": high, "y": high}]},
        "mark": {"type": "line", "strokeDash": [5, 3], "strokeWidth": 1.5, "opacity": 0.5, "color": "currentColor"},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }
    return framed(list(words), {"layer": [diagonal, dots], "height": 1.5 * HEIGHT})


def intervals(estimates: Sequence[Estimate], *, x: str, zero: bool = False) -> Spec:
    """A dot with its interval per row, the figure in words above it.

    Args:
        estimates: From above to below.
        x: What is estimated.
        zero: Whether 0 is shown, as a line, because what matters is on which side of it an interval lies.
    """
    values: list[dict[str, Any]] = [
        {"name": one.name, "label": one.label}
        | {"value": finite(one.value), "low": finite(one.low), "high": finite(one.high)}
        for one in estimates
    ]
    edges = [one[bound] for one in values for bound in ("low", "high", "value")] + ([0.0] if zero else [])
    room = 0.08 * (max(edges) - min(edges) or abs(max(edges)) or 1)
    across = {"type": "quantitative", "title": x, "axis": {"format": ",.6~g", "tickCount": 5}}
    across |= {"scale": {"domain": [min(edges) - room, max(edges) + room], "nice": False, "zero": False}}
    rows: Spec = {"field": "name", "type": "nominal", "sort": None, "title": None}
    rows["axis"] = {"labelLimit": 170, "ticks": False, "domain": False, "grid": False}
    bar = {
        "mark": {"type": "rule", "strokeWidth": 3, "color": COLOURS[0], "strokeCap": "round"},
        "encoding": {"x": {**across, "field": "low"}, "x2": {"field": "high"}},
    }
    dot = {
        "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1, "color": COLOURS[0]},
        "encoding": {"x": {**across, "field": "value"}}
        | {"tooltip": [{"field": "name", "type": "nominal"}, {"field": "label", "type": "nominal", "title": x}]},
    }
    middle = (min(edges) + max(edges)) / 2
    # Words begin at their dot in the left half and end at it in the right one, so that they stay inside.
    words = [
        {
            "transform": [{"filter": {"field": "value", side: middle}}],
            "mark": {"type": "text", "dy": -13, "align": align, "color": "currentColor"},
            "encoding": {"x": {**across, "field": "value"}, "text": {"field": "label"}},
        }
        for side, align in (("lt", "left"), ("gte", "right"))
    ]
    line = {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "strokeDash": [5, 3], "color": "currentColor", "opacity": 0.6},
        "encoding": {"x": {**across, "field": "zero"}, "y": None},
    }
    layers = [*([line] if zero else []), bar, dot, *words]
    return framed(values, {"encoding": {"y": rows}, "layer": layers, "height": 2 * BAR * max(1, len(values))})


def _band_values(series: Mapping[str, Sequence[BandPoint]]) -> list[dict[str, Any]]:
    return [
        {**vars(point), "value": finite(point.value), "series": name, "shown": decimal(point.value)}
        for name, points in series.items()
        for point in points
    ]


def _tooltip(what: str) -> Spec:
    titles = {"series": "series", "band": "band", "shown": what, "note": "of"}
    return {"tooltip": [{"field": field, "type": "nominal", "title": title} for field, title in titles.items()]}


def _scaled(field: str, title: str, values: Sequence[Mapping[str, Any]], *, log: bool = True) -> Spec:
    """An axis around the values, with round numbers on it."""
    found = [value["value"] for value in values]
    if not log:
        return {"field": field, "type": "quantitative", "title": title, "scale": {"zero": False}}
    low, high = min(found, default=1), max(found, default=1)
    room = max(1.1, (high / low) ** 0.05)
    low, high = low / room, high * room
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    grids = ([step * 10.0**power for power in powers for step in steps] for steps in ((1,), (1, 2, 5), range(1, 10)))
    within = [[tick for tick in ticks if low <= tick <= high] for ticks in grids]
    ticks = next((ticks for ticks in within if len(ticks) >= 4), within[-1])
    axis = {"values": ticks, "format": ",~r" if high < 1_000_000 else "~s"} if len(ticks) > 1 else {"tickCount": 5}
    scale = {"type": "log", "domain": [low, high], "nice": False}
    return {"field": field, "type": "quantitative", "title": title, "axis": axis, "scale": scale}
