"""The page that compares several models on one text."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from elmo_cli.pages.evaluation import HeatSentence, heat_lines
from elmo_cli.pages.heat_text import heat_scale
from elmo_cli.pages.loss_charts import BandPoint, Estimate, band_curves, band_dots, intervals
from elmo_cli.pages.numbers import chance, decimal, rounded, signed
from elmo_cli.pages.page import Chart, Figure, Heading, Markup, Paragraph, Part, Section, Table, Tiles, render

CERTAIN = 0.05
"""The p-value below which a difference is said to be one."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A model's loss less that of the first: nats per target, or bits per byte."""

    value: float
    low: float
    high: float
    """Bounds of its 95 % interval."""
    p_value: float


@dataclass(frozen=True, kw_only=True)
class ComparedModel:
    """A model and its figures."""

    name: str
    """Short, and different from the others'."""
    path: str
    value: float
    """Joint perplexity, or bits per byte where models do not predict the same targets."""
    low: float
    high: float
    perplexity: float
    forward: float
    backward: float
    bits_per_byte: float | None
    classes: int
    oov_rate: float
    gap: Gap | None
    """None for the first."""


@dataclass(frozen=True, kw_only=True)
class ComparedBands:
    """The models over bands of words or sentences."""

    title: str
    x: str
    series: Mapping[str, Sequence[BandPoint]]
    caption: str
    curve: bool = True
    """Whether bands have an order and short names; else they are rows."""


@dataclass(frozen=True, kw_only=True)
class ComparedSentence:
    """One sentence under every model."""

    title: str
    by_model: Mapping[str, HeatSentence]


@dataclass(frozen=True, kw_only=True)
class ComparisonFigures:
    """All that the page shows."""

    title: str
    subtitle: str
    same_targets: bool
    """Whether the models predict the same classes of the same tokens; if not, bits per byte are compared."""
    models: Sequence[ComparedModel]
    context: str
    start_states: Sequence[str]
    bands: Sequence[ComparedBands]
    strongest: float
    sentences_shown: Mapping[str, Sequence[ComparedSentence]]

    @property
    def unit(self) -> str:
        """What values are."""
        return "perplexity" if self.same_targets else "bits per byte"


def comparison_page(figures: ComparisonFigures, *, made_by: str) -> str:
    """The page as HTML.

    Raises:
        ElmoError: The package that draws charts is not installed.
    """
    sections = [
        Section("Which is better", list(_summary(figures))),
        Section("Differences", list(_differences(figures))),
        Section("Where they differ", [_band_chart(bands, figures) for bands in figures.bands]),
        *([Section("Sentence by sentence", list(_sentences(figures)))] if figures.sentences_shown else []),
    ]
    return render(figures.title, figures.subtitle, sections, made_by=made_by)


def _summary(figures: ComparisonFigures) -> Iterator[Part]:
    best = min(figures.models, key=lambda model: model.value)
    yield Tiles(
        [
            Figure(model.name, decimal(model.value), f"{figures.unit}, {rounded(model.low)} to {rounded(model.high)}")
            for model in figures.models
        ]
    )
    if figures.same_targets:
        about = "All models predict the same targets, so their perplexities compare."
    else:
        rates = ", ".join(f"{model.name} {100 * model.oov_rate:.2f} %" for model in figures.models)
        about = (
            "The models' vocabularies or tokens differ, so their perplexities do not compare; bits per byte of the "
            "original text do. Words outside a vocabulary are scored as <UNK>, which tells no spelling, so a model "
            f"that has many of them looks better than it is: {rates}."
        )
    yield Paragraph(f"{best.name} has the lowest {figures.unit}, {rounded(best.value)}. Lower is better. {about}")
    estimates = [
        Estimate(
            model.name,
            model.value,
            model.low,
            model.high,
            f"{decimal(model.value)}  ({rounded(model.low)} to {rounded(model.high)})",
        )
        for model in figures.models
    ]
    yield Chart(
        intervals(estimates, x=figures.unit),
        f"{best.name}: {decimal(best.value)} {figures.unit}.",
        "Each bar is the 95 % interval by the bootstrap over the text. Intervals may overlap and the models differ all "
        "the same, because both read the same text: see the differences below.",
    )
    rows = [
        (
            model.name,
            decimal(model.perplexity),
            decimal(model.forward),
            decimal(model.backward),
            decimal(model.bits_per_byte),
            f"{model.classes:,}",
            f"{100 * model.oov_rate:.2f} %",
        )
        for model in figures.models
    ]
    heads = ("model", "perplexity", "forward", "backward", "bits per byte", "classes", "OOV")
    yield Table(heads, rows, frozenset(range(1, 7)))
    yield Table(
        ("model", "path", "start state"),
        [(model.name, model.path, start) for model, start in zip(figures.models, figures.start_states, strict=True)],
    )
    yield Paragraph(f"Context: {figures.context}.")


def _differences(figures: ComparisonFigures) -> Iterator[Part]:
    first = figures.models[0]
    gaps = [(model, model.gap) for model in figures.models if model.gap is not None]
    as_shown = _percent if figures.same_targets else float
    unit = "change of perplexity in %" if figures.same_targets else "bits per byte"
    estimates = [
        Estimate(
            model.name,
            as_shown(gap.value),
            as_shown(gap.low),
            as_shown(gap.high),
            f"{_change(gap.value, figures)}, {chance(gap.p_value)}",
        )
        for model, gap in gaps
    ]
    yield Chart(
        intervals(estimates, x=f"{unit}, against {first.name}", zero=True),
        " ".join(_verdict(model, gap, first, figures) for model, gap in gaps),
        "Left of the dashed line a model is better than the first. Bars are 95 % intervals of the paired bootstrap: "
        f"{'sentences' if figures.same_targets else 'paragraphs'} are drawn with replacement, the same for both.",
    )
    heads = ("model", "difference", "95 % interval", "p-value")
    rows = [
        (model.name, signed(gap.value), f"{signed(gap.low)} to {signed(gap.high)}", f"{gap.p_value:.3g}")
        for model, gap in gaps
    ]
    yield Table(heads, rows, frozenset({1, 2, 3}))
    per = "nats per target" if figures.same_targets else "bits per byte"
    yield Paragraph(
        f"Differences are in {per}, less {first.name}. The p-value is the chance of a difference at least as far on "
        "the other side of 0, were there none; it is two-sided."
    )


def _verdict(model: ComparedModel, gap: Gap, first: ComparedModel, figures: ComparisonFigures) -> str:
    if gap.p_value >= CERTAIN:
        return f"{model.name} and {first.name} cannot be told apart on this text ({chance(gap.p_value)})."
    word = "better" if gap.value < 0 else "worse"
    return f"{model.name} is {word} than {first.name}: {_change(gap.value, figures)} ({chance(gap.p_value)})."


def _change(value: float, figures: ComparisonFigures) -> str:
    if not figures.same_targets:
        return f"{signed(value)} bits per byte"
    return f"{'−' if value < 0 else '+'}{rounded(abs(_percent(value)))} % perplexity"


def _percent(loss: float) -> float:
    return 100 * math.expm1(min(loss, 50.0))


def _band_chart(bands: ComparedBands, figures: ComparisonFigures) -> Chart:
    log = figures.same_targets
    draw = band_curves(bands.series, x=bands.x, y=figures.unit, log=log)
    spec = draw if bands.curve else band_dots(bands.series, x=figures.unit, log=log)
    return Chart(spec, _widest(bands), bands.caption + (" The axis is logarithmic." if log else ""))


def _widest(bands: ComparedBands) -> str:
    """Where the second model gains or loses most against the first."""
    first, *others = bands.series.items()
    values = {point.band: point.value for point in first[1]}
    apart = [
        (math.log(point.value / values[point.band]), point.band, name)
        for name, points in others
        for point in points
        if values.get(point.band) and point.value
    ]
    if not apart:
        return f"{bands.title}."
    change, band, name = max(apart, key=lambda found: abs(found[0]))
    word = "lower" if change < 0 else "higher"
    size = rounded(abs(100 * math.expm1(min(change, 50.0))))
    return f"{bands.title}: the models are farthest apart at “{band}”, where {name} is {size} % {word} than {first[0]}."


def _sentences(figures: ComparisonFigures) -> Iterator[Part]:
    yield Paragraph(
        "The surprisal of every token under each model, in bits: the stronger the colour, the less it was expected. "
        "The strongest colour is what a blind guess among all classes costs. Rest the pointer on a token, or tap it. "
        "A dotted line marks words outside that model's vocabulary, scored as <UNK>."
    )
    yield Markup(heat_scale(figures.strongest))
    for heading, sentences in figures.sentences_shown.items():
        yield Heading(heading)
        for sentence in sentences:
            yield Markup(heat_lines(sentence.title, sentence.by_model, figures.strongest))
