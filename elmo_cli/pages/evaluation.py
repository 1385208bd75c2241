"""The page about an evaluation: one model, one text, and where its loss comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from elmo_cli.pages.charts import percent
from elmo_cli.pages.escaping import escape, isolate
from elmo_cli.pages.evaluation_charts import (
    Band,
    SentenceSpread,
    WordCost,
    against_chart,
    baseline_chart,
    file_chart,
    frequency_chart,
    length_chart,
    place_chart,
    share_chart,
    sides_chart,
    spread_chart,
)
from elmo_cli.pages.heat_text import HeatToken, heat_scale, heat_text
from elmo_cli.pages.loss_charts import perplexity
from elmo_cli.pages.numbers import chance, decimal, rounded, signed
from elmo_cli.pages.page import Figure, Figures, Folded, Heading, Markup, Paragraph, Part, Section, Table, Tiles, render

SIDES = ("joint", "forward", "backward")


@dataclass(frozen=True, kw_only=True)
class SidedFigure:
    """A figure of both directions together and of each."""

    name: str
    meaning: str
    joint: float | int | None
    forward: float | int | None
    backward: float | int | None


@dataclass(frozen=True, kw_only=True)
class HeatSentence:
    """A sentence with the surprisal of its tokens."""

    title: str
    """Where it is from."""
    perplexity: float
    tokens: Sequence[HeatToken]


@dataclass(frozen=True, kw_only=True)
class NgramBaseline:
    """An n-gram model on the same text."""

    order: int
    training_words: int
    joint: float
    """Perplexity, as the next two."""
    forward: float
    backward: float
    by_place: Sequence[Band]
    by_frequency: Sequence[Band]
    loss: float
    """The model's less the baseline's, in nats per target; the bounds of its 95 % interval and its p-value follow."""
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class EvaluationFigures:
    """All that the page shows. Losses are in nats, surprisals in bits."""

    title: str
    subtitle: str
    perplexity: float
    interval: tuple[float, float, float]
    """Its bounds and the confidence, from 0 to 1."""
    context: str
    """How sentences were read, in words: ``each sentence by itself``."""
    start_state: str
    words: int
    sentences: int
    oov_tokens: int
    oov_types: int
    figures: Sequence[SidedFigure]
    by_place: Sequence[Band]
    by_frequency: Sequence[Band]
    by_length: Sequence[Band]
    by_file: Sequence[Band]
    sentence_spread: SentenceSpread
    word_costs: Sequence[WordCost]
    """The words that take up most of the loss, the first of all before."""
    strongest: float
    """Bits of the strongest colour: those of a guess among all classes alike."""
    sentences_shown: Mapping[str, Sequence[HeatSentence]]
    """Sentences under headings."""
    baseline: NgramBaseline | None = None
    settings: Sequence[tuple[str, str]] = field(default=())

    def sided(self, name: str) -> SidedFigure:
        """The figure of that name."""
        return next(figure for figure in self.figures if figure.name == name)


SHOWN_WORDS = 30
"""Rows of the table of words."""


def evaluation_page(figures: EvaluationFigures, *, made_by: str) -> str:
    """The page as HTML.

    Raises:
        ElmoError: The package that draws charts is not installed.
    """
    sections = [
        Section("Perplexity", list(_summary(figures))),
        *([Section("Beside an n-gram model", list(_baseline(figures)))] if figures.baseline else []),
        Section("Where the loss comes from", list(_bands(figures))),
        Section("Sentence by sentence", [spread_chart(figures.sentence_spread), *heat_parts(figures)]),
        Section("Word by word", list(_words(figures))),
        Section("Every figure", list(_figures(figures))),
    ]
    return render(figures.title, figures.subtitle, sections, made_by=made_by)


def _summary(figures: EvaluationFigures) -> Iterator[Part]:
    low, high, confidence = figures.interval
    found = figures.sided("perplexity")
    sure = f"{100 * confidence:.0f} %"
    yield Tiles(
        [
            Figure("perplexity", decimal(figures.perplexity), "exp of the mean loss of both directions"),
            Figure(f"{sure} interval", f"{rounded(low)} to {rounded(high)}", "by the bootstrap over sentences"),
            Figure("forward", decimal(found.forward), "each word from those before it"),
            Figure("backward", decimal(found.backward), "each word from those after it"),
            *_bits_tile(figures),
        ]
    )
    targets = int(figures.sided("targets").joint or 0)
    share = percent(figures.oov_tokens / max(1, figures.words))
    yield Paragraph(
        f"Over {targets:,} targets the model hesitates between {rounded(figures.perplexity)} words, on average: "
        f"{rounded(found.forward or 0)} reading forward, {rounded(found.backward or 0)} reading backward. Lower is "
        f"better. On other texts of this kind, one would expect it between {rounded(low)} and {rounded(high)}, with "
        f"{sure} confidence."
    )
    rows = [
        ("context", figures.context),
        ("start state", figures.start_state),
        (
            "outside the vocabulary",
            f"{share} of the words ({figures.oov_tokens:,} of {figures.words:,}, {figures.oov_types:,} different ones);"
            " as targets they are <UNK>, which is easier than the word itself",
        ),
    ]
    yield Table(("setting", "value"), rows)


def _bits_tile(figures: EvaluationFigures) -> list[Figure]:
    bits = figures.sided("bits_per_byte").joint
    return [] if bits is None else [Figure("bits per byte", decimal(bits), "of the text; compares any two models")]


def _baseline(figures: EvaluationFigures) -> Iterator[Part]:
    found = figures.baseline
    assert found is not None
    network = figures.sided("perplexity")
    ratio = perplexity(abs(found.loss))
    verdict = "worse" if found.loss > 0 else "better"
    yield baseline_chart(
        {
            "this model": (figures.perplexity, network.forward or 0, network.backward or 0),
            f"{found.order}-grams": (found.joint, found.forward, found.backward),
        },
        f"The model is {ratio:.2f} times {verdict} than a {found.order}-gram model counted on "
        f"{found.training_words:,} words.",
    )
    rows = [
        ("this model", decimal(figures.perplexity), decimal(network.forward), decimal(network.backward)),
        (f"{found.order}-grams", decimal(found.joint), decimal(found.forward), decimal(found.backward)),
    ]
    yield Table(("perplexity", "joint", "forward", "backward"), rows, frozenset({1, 2, 3}))
    yield Paragraph(
        f"Model less n-grams: {signed(found.loss)} nats per target, 95 % interval {signed(found.low)} to "
        f"{signed(found.high)}, {chance(found.p_value)} (paired bootstrap over sentences)."
    )
    name = f"{found.order}-grams"
    yield against_chart(name, figures.by_place, found.by_place, ordered=True)
    yield against_chart(name, figures.by_frequency, found.by_frequency, ordered=False)


def _bands(figures: EvaluationFigures) -> Iterator[Part]:
    yield place_chart(figures.by_place)
    yield frequency_chart(figures.by_frequency)
    yield share_chart(figures.by_frequency, int(figures.sided("targets").joint or 1))
    yield length_chart(figures.by_length)
    if figures.by_file:
        yield file_chart(figures.by_file)
    for title, bands in (
        ("by place in the sentence", figures.by_place),
        ("by frequency", figures.by_frequency),
        ("by sentence length", figures.by_length),
        ("by file", figures.by_file),
    ):
        if bands:
            yield Folded(f"The figures {title}", band_table(bands))


def band_table(bands: Sequence[Band]) -> Table:
    """Bands as rows, their losses as perplexities."""
    rows = [
        (
            one.name,
            f"{one.targets:,}",
            percent(one.share),
            decimal(perplexity(one.forward)),
            decimal(perplexity(one.backward)),
        )
        for one in bands
    ]
    return Table(("band", "targets", "share of loss", "forward", "backward"), rows, frozenset({1, 2, 3, 4}))


def heat_parts(figures: EvaluationFigures) -> Iterator[Part]:
    """The scale and the sentences in colour."""
    yield Heading("Surprisal of every token")
    yield Paragraph(
        "The stronger the colour, the less the model expected the token: the surprisal in bits is the base-2 logarithm "
        "of one over its probability. The strongest colour is what a blind guess among all classes of the softmax "
        "costs. Rest the pointer on a token, or tap it, for both directions. A dotted line marks words outside the "
        "vocabulary: their figures are those of <UNK>."
    )
    yield Markup(heat_scale(figures.strongest))
    for heading, sentences in figures.sentences_shown.items():
        yield Heading(heading)
        for sentence in sentences:
            yield Markup(heat_lines(sentence.title, {"": sentence}, figures.strongest))


def heat_lines(title: str, found: Mapping[str, HeatSentence], strongest: float) -> str:
    """A sentence in colour, once for each model, as HTML.

    Args:
        title: Where the sentence is from.
        found: By the model's name, which is empty where there is one.
        strongest: Bits of the strongest colour.
    """
    lines = "".join(
        f"<small>{isolate(name or title)} · perplexity {rounded(one.perplexity)}</small>"
        f"{heat_text(one.tokens, strongest=strongest)}"
        for name, one in found.items()
    )
    head = f"<small><b>{isolate(title)}</b></small><br>" if "" not in found else ""
    return f'<div class="heat-line">{head}{lines}</div>'


def _words(figures: EvaluationFigures) -> Iterator[Part]:
    yield sides_chart(figures.word_costs)
    shown = figures.word_costs[:SHOWN_WORDS]
    rows = [
        (
            one.word,
            f"{one.count:,}",
            percent(one.share),
            decimal(perplexity(one.forward)),
            decimal(perplexity(one.backward)),
        )
        for one in shown
    ]
    yield Heading("The costliest words")
    yield Paragraph(
        "Words by the loss that all their occurrences add up to; the share is of the loss of all words. Frequent words "
        "stand here although each is cheap, rare ones because each is dear."
    )
    yield Table(("word", "times", "share of loss", "forward", "backward"), rows, frozenset({1, 2, 3, 4}))


def _figures(figures: EvaluationFigures) -> Iterator[Part]:
    yield Paragraph(
        "W is the number of words (tokens), O of those outside the vocabulary, S of sentences; L is the summed loss of "
        "one direction in nats, or the mean of both directions' sums for the joint figures."
    )
    yield SidedTable(figures.figures)
    yield Figures(
        [
            Figure("W", f"{figures.words:,}", "words, or pieces of words, of the text"),
            Figure("S", f"{figures.sentences:,}", "sentences"),
            Figure("O", f"{figures.oov_tokens:,}", "words outside the vocabulary"),
        ]
    )
    if figures.settings:
        yield Folded("How it was measured", Table(("setting", "value"), figures.settings))


@dataclass(frozen=True)
class SidedTable:
    """Figures with three values each, and what they are in a line below."""

    figures: Sequence[SidedFigure]

    def html(self, name: str) -> str:
        """As HTML."""
        heads = "".join(f'<th scope="col" style="text-align:end">{side}</th>' for side in SIDES)
        rows = "".join(
            f'<tr><th scope="row">{escape(figure.name.replace("_", " "))}</th>'
            + "".join(f'<td class="number">{_value(getattr(figure, side))}</td>' for side in SIDES)
            + f'</tr><tr class="formula"><td colspan="4">{escape(figure.meaning)}</td></tr>'
            for figure in self.figures
        )
        head = f'<thead><tr><th scope="col">figure</th>{heads}</tr></thead>'
        return f'<table class="sided">{head}<tbody>{rows}</tbody></table>'


def _value(value: float | int | None) -> str:
    return f"{value:,}" if isinstance(value, int) else decimal(value)
