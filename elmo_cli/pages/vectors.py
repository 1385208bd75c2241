"""The page about vectors of chosen words: where they lie to one another, in what context each stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from elmo_cli.pages.charts import Axis, Spec, percent, scatter
from elmo_cli.pages.escaping import readable
from elmo_cli.pages.page import Chart, Figure, Figures, Folded, Samples, Section, Tiles, render


@dataclass(frozen=True, kw_only=True)
class VectorPoint:
    """One occurrence of a word on the plane."""

    x: float
    y: float
    group: str
    """What its colour stands for."""
    where: str
    """Its sentence, as people find it again."""
    context: str
    """What stands around the word, and the word between brackets."""


@dataclass(frozen=True, kw_only=True)
class VectorFigures:
    """All that the page shows."""

    points: Sequence[VectorPoint]
    variance: tuple[float, float]
    """Share of the points' variance along each axis, from 0 to 1."""
    alike: int
    """Points whose nearest other point in the full space has the same colour."""
    colour: str
    """What colours tell apart: ``word``, ``sentence`` or ``label``."""
    counts: Mapping[str, int]
    """By word: how often the text has it."""
    origin: Sequence[tuple[str, str]]
    """Where the vectors come from: names and values."""

    @property
    def words(self) -> str:
        """The words, for a title."""
        return ", ".join(self.counts)


def vectors_page(figures: VectorFigures, *, made_by: str) -> str:
    """The page as HTML.

    Raises:
        ElmoError: The package that draws charts is not installed.
    """
    groups = list(dict.fromkeys(point.group for point in figures.points))
    shown = sum(figures.variance)
    points = len(figures.points)
    tiles = [
        Figure("points", f"{points:,}", f"of {sum(figures.counts.values()):,} occurrences in the text"),
        Figure(f"{figures.colour}s", f"{len(groups):,}", "told apart by colour and shape"),
        Figure("variance shown", percent(shown), "of the points' variance lies in these two dimensions"),
    ]
    if 1 < len(groups) < points:
        meaning = f"points whose nearest other point, by cosine in all dimensions, has the same {figures.colour}"
        tiles.append(Figure("nearest alike", f"{figures.alike:,} of {points:,}", meaning))
    chart = Chart(
        vectors_chart(figures),
        f"The two axes show {percent(shown)} of the variance: points that lie apart here do differ so much, and points "
        "that lie together may still differ in other dimensions.",
        "Each point is one occurrence. Rest the pointer on it to read its sentence; drag to move, turn the wheel to "
        "zoom, click twice to go back. The axes are the first two principal components of the points themselves.",
    )
    sections = [
        Section("Where they lie", [Tiles(tiles), chart]),
        Section("In their sentences", [_sentences(figures, group) for group in groups]),
        Section("Where they come from", [Figures([Figure(name, value, "") for name, value in figures.origin])]),
    ]
    return render(figures.words, "Contextual vectors on a plane", sections, made_by=made_by)


def _sentences(figures: VectorFigures, group: str) -> Folded:
    points = sorted((point for point in figures.points if point.group == group), key=lambda point: point.x)
    lines = [f"{point.where}: {point.context}" for point in points]
    count = f"{len(points):,} points" if len(points) > 1 else "1 point"
    return Folded(f"{group}: {count}", Samples("From left to right", lines))


def vectors_chart(figures: VectorFigures) -> Spec:
    """The points as a chart."""
    points = [
        {
            "x": point.x,
            "y": point.y,
            "series": readable(point.group),
            "sentence": readable(point.where),
            "context": readable(point.context),
        }
        for point in figures.points
    ]
    first, second = figures.variance
    return scatter(
        points,
        x=Axis(title=f"first principal component ({percent(first)} of the variance)"),
        y=Axis(title=f"second principal component ({percent(second)})"),
        shown=["sentence", "context"],
        series_title=figures.colour,
    )
