"""The page about vectors."""

from dataclasses import replace

from elmo_cli.pages.drawing import compiled
from elmo_cli.pages.vectors import VectorFigures, VectorPoint, vectors_chart, vectors_page

POINTS = [
    VectorPoint(x=2, y=0, group="shore", where="1", context="the [bank] of <the> river"),
    VectorPoint(x=-1, y=1, group="house", where="2", context="a [bank]"),
    VectorPoint(x=-1, y=-1, group="shore", where="1,204", context="[bank] \ud800"),
]
FIGURES = VectorFigures(
    points=POINTS,
    variance=(0.5, 0.1234),
    alike=1,
    colour="label",
    counts={"bank": 7},
    origin=[("file", "<v>.hdf5")],
)


def test_the_page_tells_its_figures_and_sentences() -> None:
    page = vectors_page(FIGURES, made_by="test")
    for figure in ("<b>3</b>", "<b>2</b>", "<b>62.3 %</b>", "<b>1 of 3</b>", "of 7 occurrences in the text"):
        assert figure in page
    assert "has the same label" in page
    assert "<summary>shore: 2 points</summary>" in page
    assert "<summary>house: 1 point</summary>" in page
    left, right = page.index("1,204: [bank] \ufffd"), page.index("1: the [bank] of &lt;the&gt; river")
    assert left < right
    assert "&lt;v&gt;.hdf5" in page


def test_the_chart_says_what_its_axes_and_points_are() -> None:
    spec = vectors_chart(FIGURES)
    assert spec["encoding"]["x"]["title"] == "first principal component (50.0 % of the variance)"
    assert spec["encoding"]["y"]["title"] == "second principal component (12.3 %)"
    assert [(field["field"], field.get("title")) for field in spec["encoding"]["tooltip"]] == [
        ("series", "label"),
        ("sentence", None),
        ("context", None),
    ]
    assert [value["series"] for value in spec["data"]["values"]] == ["shore", "house", "shore"]
    assert compiled(spec)["$schema"].endswith("/vega/v6.json")


def test_what_says_nothing_is_left_out() -> None:
    one = replace(FIGURES, points=[replace(point, group="shore") for point in POINTS])
    each = replace(FIGURES, points=[replace(point, group=point.where) for point in POINTS])
    assert "nearest alike" in vectors_page(FIGURES, made_by="test")
    for figures in (one, each):
        assert "nearest alike" not in vectors_page(figures, made_by="test")


def test_many_names_stand_in_several_rows() -> None:
    points = [replace(POINTS[0], group=f"sentence {number}") for number in range(100, 112)]
    spec = vectors_chart(replace(FIGURES, points=points))
    color = spec["encoding"]["color"]
    assert color["legend"]["columns"] == {"expr": "max(1, floor(width / 124))"}
    assert compiled(spec)["legends"][0]["columns"] == {"signal": "max(1, floor(width / 124))"}
    assert len(color["scale"]["domain"]) == 12
