"""Charts of losses compile whatever the figures."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.pages.charts import Spec
from elmo_cli.pages.drawing import compiled
from elmo_cli.pages.loss_charts import (
    BandPoint,
    Estimate,
    band_curves,
    band_dots,
    both_sides,
    intervals,
    perplexity,
    share_bars,
    spread,
)

POINTS = [BandPoint("1", 150.0, "10 targets"), BandPoint("</script>", 90.0, "5 targets")]
ESTIMATE = Estimate("m", 1.5, 1.25, 1.75, "1.5")
CHARTS = {
    "curves": band_curves({"a": POINTS, "b": POINTS[:1]}, x="place", y="perplexity"),
    "plain curve": band_curves({"a": POINTS}, x="place", y="bits", log=False),
    "dots": band_dots({"a": POINTS, "b": POINTS}, x="perplexity"),
    "plain dots": band_dots({"a": POINTS}, x="bits", log=False),
    "shares": share_bars({"words": {"a": 0.5}, "loss": {"a": 0.25}}, x="share"),
    "spread": spread([(10.0, 20.0, 3), (20.0, 40.0, 0)], middle=15.0, x="perplexity", y="sentences"),
    "sides": both_sides([{"word": "</script>", "count": 3, "x": 10.0, "y": 1000.0}], x="forward", y="backward"),
    "intervals": intervals([ESTIMATE, ESTIMATE], x="perplexity"),
    "endless": intervals([Estimate("m", math.inf, 2.0, math.inf, "inf")], x="perplexity"),
    "endless dots": band_dots({"a": [BandPoint("1", math.inf, "")]}, x="perplexity"),
    "differences": intervals([ESTIMATE], x="difference", zero=True),
}


@pytest.mark.parametrize("name", CHARTS)
def test_every_kind_of_chart_compiles(name: str) -> None:
    vega = compiled(CHARTS[name])
    assert vega["$schema"].endswith("/vega/v6.json")
    assert any("containerSize" in str(signal) for signal in vega["signals"])


def _axis(spec: Spec) -> Spec:
    return spec["encoding"]["y"]


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=5))
def test_every_perplexity_lies_within_its_axis(losses: list[float]) -> None:
    points = [BandPoint(str(place), perplexity(loss), "") for place, loss in enumerate(losses)]
    axis = _axis(band_curves({"a": points}, x="x", y="y"))
    low, high = axis["scale"]["domain"]
    assert all(low < point.value < high for point in points)
    assert all(low <= tick <= high for tick in axis["axis"].get("values", []))


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((100.0, 1e6), [100, 1e3, 1e4, 1e5, 1e6]),
        ((60.0, 500.0), [100, 200, 500]),
        ((200.0, 500.0), [200, 300, 400, 500]),
    ],
)
def test_ticks_are_round_numbers(values: tuple[float, float], ticks: list[float]) -> None:
    points = [BandPoint(str(value), value, "") for value in values]
    found = _axis(band_curves({"a": points}, x="x", y="y"))["axis"]["values"]
    assert set(ticks) <= set(found)


def test_a_difference_s_chart_shows_zero() -> None:
    layers = CHARTS["differences"]["layer"]
    assert layers[0]["data"]["values"] == [{"zero": 0}]
    low, high = layers[1]["encoding"]["x"]["scale"]["domain"]
    assert low < 0 and high > 1.75
