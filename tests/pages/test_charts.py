"""Charts compile, and hold the figures they were given."""

from pathlib import Path

import pytest

from elmo_cli.errors import ConfigError, ElmoError
from elmo_cli.pages import drawing
from elmo_cli.pages.charts import Axis, Bin, Spec, bars, histogram, lines, percent, scatter
from elmo_cli.pages.drawing import compiled, write_picture

POINTS = [{"x": 1, "y": 100, "word": "the"}, {"x": 10, "y": 7, "word": "</script>"}]
CHARTS = {
    "curve": lines({"a": POINTS}, x=Axis(title="rank", log=True), y=Axis(title="count", log=True), shown={"word": "w"}),
    "curves": lines({"a": POINTS, "b": POINTS}, x=Axis(title="x"), y=Axis(title="y", percent=True)),
    "histogram": histogram({"a": [Bin(1, 2, 3, 0.75), Bin(2, 3, 1, 0.25)]}, x="tokens", y="share"),
    "histograms": histogram({"a": [Bin(1, 3, 3, 1.0)], "b": [Bin(1, 3, 2, 1.0)]}, x="tokens", y="share"),
    "bars": bars({"Latin": 0.75, "Han": 0.25}, {"Latin": 3, "Han": 1}, x="share"),
    "scatter": scatter(
        [{**point, "series": "s"} for point in POINTS], x=Axis(title="1"), y=Axis(title="2"), shown=["word"]
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_every_kind_of_chart_compiles(name: str) -> None:
    vega = compiled(CHARTS[name])
    assert vega["$schema"].endswith("/vega/v6.json")
    assert any("containerSize" in str(signal) for signal in vega["signals"])


@pytest.mark.parametrize("name", CHARTS)
def test_letters_and_lines_take_the_colour_of_the_page(name: str) -> None:
    config = CHARTS[name]["config"]
    assert CHARTS[name]["background"] is None
    assert {config["axis"][part] for part in ("labelColor", "titleColor", "gridColor")} == {"currentColor"}


def test_a_histogram_s_bars_stand_around_their_values() -> None:
    values = CHARTS["histogram"]["data"]["values"]
    assert [(bar["from"], bar["to"], bar["values"], bar["count"]) for bar in values] == [
        (0.5, 1.5, "1", 3),
        (1.5, 2.5, "2", 1),
    ]
    assert CHARTS["histograms"]["data"]["values"][0]["values"] == "1 to 2"


def test_shares_are_never_rounded_to_nothing_or_to_all() -> None:
    shares = [percent(share) for share in (0, 1e-9, 0.05, 0.9999, 1)]
    assert shares == ["0 %", "<0.1 %", "5.0 %", ">99.9 %", "100 %"]


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<svg")])
def test_a_chart_is_written_as_a_picture(tmp_path: Path, name: str, begins: bytes) -> None:
    write_picture(CHARTS["bars"], tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_other_kinds_of_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a\.gif: expected a name ending in \.svg or \.png, found \.gif"):
        write_picture(CHARTS["bars"], tmp_path / "a.gif")


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "PACKAGE", "no_such_package")
    with pytest.raises(ElmoError, match="charts needs the package vl-convert-python") as error:
        compiled(Spec())
    assert error.value.hint == "pip install vl-convert-python"
