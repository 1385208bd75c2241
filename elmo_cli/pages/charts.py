"""Charts as Vega-Lite specifications: plain dicts, with the data in them.

Axes and letters take the colour of the text around them, so that a chart follows a page from light to dark. Series
differ in their dashes, too, for print and for people who do not tell the colours apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""Says which language this is; nothing is loaded from there."""

COLOURS = ("#4477AA", "#EE6677", "#228833", "#BBA033", "#3FA7C4", "#AA3377")
"""Paul Tol's bright scheme, which the colour-blind tell apart, two of them darkened for a white page."""

DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 1], [1, 3])

HEIGHT = 280
BAR = 26
"""Height of a horizontal bar with the space around it."""

Spec = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What a direction of a chart shows."""

    title: str
    log: bool = False
    percent: bool = False
    """Whether the values are shares, from 0 to 1."""
    from_zero: bool = False

    def encoding(self, field: str, values: Sequence[float]) -> Spec:
        """The axis for a field with these values."""
        axis: Spec = {"format": "~%" if self.percent else "~s" if self.log or _wide(values) else ",.6~g"}
        scale: Spec = {"zero": self.from_zero and not self.log}
        if self.log:
            scale |= {"type": "log", "nice": False}
            axis["values"] = _powers_of_ten(values)
        if self.percent and values and max(values) > 0.8:
            scale |= {"domain": [0 if self.from_zero else min(values), 1], "nice": False}
        return {"field": field, "type": "quantitative", "title": self.title, "axis": axis, "scale": scale}


@dataclass(frozen=True)
class Bin:
    """A bar of a histogram: whole numbers from ``begin`` to before ``end``."""

    begin: int
    end: int
    count: int
    share: float


def lines(
    series: Mapping[str, Sequence[Mapping[str, Any]]], *, x: Axis, y: Axis, shown: Mapping[str, str] | None = None
) -> Spec:
    """Curves over one another.

    Args:
        series: By name: points with ``x``, ``y`` and the fields of ``shown``.
        shown: Fields that appear where the pointer rests, each with what it is called there; None: ``x`` and ``y``.
    """
    shown = shown or {"x": x.title, "y": y.title}
    values = [{**point, "series": name} for name, points in series.items() for point in points]
    encoding = {
        "x": x.encoding("x", [point["x"] for point in values]),
        "y": y.encoding("y", [point["y"] for point in values]),
        **coloured(list(series)),
    }
    tooltip = [{"field": field, "type": "nominal", "title": title} for field, title in shown.items()]
    hidden = {"mark": {"type": "point", "opacity": 0, "size": 120}, "encoding": {"tooltip": tooltip}}
    line = {
        "mark": {"type": "line", "strokeWidth": 2.25, "interpolate": "linear"},
        "encoding": {"strokeDash": dashed(list(series))},
    }
    return framed(values, {"encoding": encoding, "layer": [line, hidden]})


def histogram(series: Mapping[str, Sequence[Bin]], *, x: str, y: str) -> Spec:
    """Shares by size: the first series as bars, the others as outlines over them.

    Args:
        series: By name: its bins, side by side.
        x: What is measured, in what unit.
        y: What the shares are of.
    """
    # A bar stands around its values, so that the axis names them at its middle.
    values = [
        {"from": bar.begin - 0.5, "to": bar.end - 0.5, "middle": (bar.begin + bar.end - 1) / 2, "share": bar.share}
        | {"values": _span(bar), "shown": percent(bar.share), "count": bar.count, "series": name}
        for name, bars in series.items()
        for bar in bars
    ]
    names = list(series)
    across = {"type": "quantitative", "title": x, "axis": {"format": ",d", "grid": False, "tickMinStep": 1}}
    across |= {"scale": {"nice": False, "zero": False}}
    up = {"field": "share", "type": "quantitative", "title": y, "axis": {"format": "~%"}, "scale": {"zero": True}}
    titles = {"series": "series", "values": x, "shown": "share", "count": "count"}
    tooltip = [{"field": field, "type": "nominal", "title": title} for field, title in titles.items()]
    solid = {
        "transform": [{"filter": {"field": "series", "equal": names[0]}}],
        "mark": {"type": "bar", "opacity": 0.75},
        "encoding": {
            "x": {**across, "field": "from"},
            "x2": {"field": "to"},
            "y2": {"datum": 0},
            "tooltip": tooltip,
        },
    }
    outlines = {
        "transform": [{"filter": {"not": {"field": "series", "equal": names[0]}}}],
        "mark": {"type": "line", "interpolate": "step", "strokeWidth": 2},
        "encoding": {"x": {**across, "field": "middle"}, "strokeDash": dashed(names)},
    }
    layers = [solid, outlines] if len(names) > 1 else [solid]
    return framed(values, {"encoding": {"y": up, **coloured(names)}, "layer": layers})


def bars(shares: Mapping[str, float], counts: Mapping[str, int], *, x: str) -> Spec:
    """Horizontal bars, in the order given, each with its share at its end.

    Args:
        shares: By name, from 0 to 1.
        counts: By the same names; shown where the pointer rests.
        x: What the shares are of.
    """
    values = [
        {"name": name, "share": share, "count": counts[name], "label": percent(share)} for name, share in shares.items()
    ]
    encoding = {
        "y": {"field": "name", "type": "nominal", "sort": None, "title": None}
        | {"axis": {"labelLimit": 170, "ticks": False, "domain": False}},
        "x": {"field": "share", "type": "quantitative", "title": x, "axis": {"format": "~%", "tickCount": 4}}
        # Room for the label behind the longest bar.
        | {"scale": {"domain": [0, 1.25 * max(shares.values(), default=1)], "nice": False}},
    }
    tooltip = [{"field": field, "type": "nominal"} for field in ("name", "count")]
    bar = {"mark": {"type": "bar", "color": COLOURS[0], "height": {"band": 0.62}}, "encoding": {"tooltip": tooltip}}
    label = {
        "mark": {"type": "text", "align": "left", "dx": 6, "color": "currentColor"},
        "encoding": {"text": {"field": "label"}},
    }
    return framed(values, {"encoding": encoding, "layer": [bar, label], "height": BAR * max(1, len(values))})


def scatter(
    points: Sequence[Mapping[str, Any]], *, x: Axis, y: Axis, shown: Sequence[str] = (), series_title: str = "series"
) -> Spec:
    """Points with words where the pointer rests; the chart can be dragged and zoomed.

    Args:
        points: Each with ``x``, ``y``, ``series`` and the fields of ``shown``.
        shown: Fields that appear beside the pointer.
        series_title: What a series is called there.
    """
    values = [dict(point) for point in points]
    names = list(dict.fromkeys(point["series"] for point in values))
    series = coloured(names)
    if len(names) > 1:
        wide = 40 + min(160, 7 * max(map(len, names)))  # pixels of a name and its mark, about
        series["color"]["legend"]["columns"] = {"expr": f"max(1, floor(width / {wide}))"}
    places = [axis.encoding(field, [point[field] for point in values]) for field, axis in (("x", x), ("y", y))]
    for place in places:
        place["scale"]["padding"] = 12  # pixels; otherwise the outermost points are cut in half
    tooltip = [{"field": "series", "type": "nominal", "title": series_title}]
    unit = {
        "params": [{"name": "view", "select": "interval", "bind": "scales"}],
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.8},
        "encoding": {
            "x": places[0],
            "y": places[1],
            **series,
            "shape": {"field": "series", "type": "nominal", "scale": {"domain": names}}
            | {"legend": series["color"]["legend"]},
            "tooltip": tooltip + [{"field": name, "type": "nominal"} for name in shown],
        },
    }
    return framed(values, {**unit, "height": 2 * HEIGHT})


def percent(share: float) -> str:
    """A share as people write it, never rounded to nothing or to all.

    Example:
        >>> percent(0.1234), percent(0.00001), percent(0.99999), percent(1), percent(0)
        ('12.3 %', '<0.1 %', '>99.9 %', '100 %', '0 %')
    """
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    return "<0.1 %" if share < 0.001 else ">99.9 %" if share > 0.999 else f"{100 * share:.1f} %"


def framed(values: Sequence[Mapping[str, Any]], body: Spec) -> Spec:
    """A chart with its data, in the look of all charts.

    Args:
        values: What ``field`` names stand for.
        body: Marks and encodings.
    """
    letters = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 12, "titleFontSize": 12}
    lines = {"domainColor": "currentColor", "tickColor": "currentColor", "domainOpacity": 0.5, "tickOpacity": 0.5}
    grid = {"gridColor": "currentColor", "gridOpacity": 0.13, "titleFontWeight": "normal", "titlePadding": 10}
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": HEIGHT,
        "background": None,
        "data": {"values": list(values)},
        **body,
        "config": {
            "font": "system-ui, sans-serif",
            "view": {"stroke": None},
            "axis": {**letters, **lines, **grid, "labelOverlap": True},
            "text": {"fontSize": 12},
            "legend": {**letters, "orient": "top", "symbolStrokeWidth": 3, "offset": 8},
        },
    }


def coloured(names: Sequence[str]) -> Spec:
    """The encoding that gives each series its colour, and a legend where there are several."""
    legend = {"title": None} if len(names) > 1 else None
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(names))]
    return {
        "color": {"field": "series", "type": "nominal", "legend": legend}
        | {"scale": {"domain": list(names), "range": colours}}
    }


def dashed(names: Sequence[str]) -> Spec:
    """The encoding that gives each series its dashes."""
    dashes = [DASHES[place % len(DASHES)] for place in range(len(names))]
    return {"field": "series", "type": "nominal", "scale": {"domain": list(names), "range": dashes}} | {
        "legend": {"title": None} if len(names) > 1 else None
    }


def _span(bar: Bin) -> str:
    return f"{bar.begin:,}" if bar.end == bar.begin + 1 else f"{bar.begin:,} to {bar.end - 1:,}"


def _powers_of_ten(values: Sequence[float]) -> list[float]:
    positive = [value for value in values if value > 0] or [1]
    return [
        10.0**power for power in range(math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive))) + 1)
    ]


def _wide(values: Sequence[float]) -> bool:
    return max(map(abs, values), default=0) >= 1_000_000
