"""The charts of the page about an evaluation, each with its caption."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from elmo_cli.pages.charts import percent
from elmo_cli.pages.loss_charts import BandPoint, band_curves, band_dots, both_sides, perplexity, share_bars, spread
from elmo_cli.pages.numbers import rounded
from elmo_cli.pages.page import Chart

OFTEN = 10
"""Occurrences of a word that the words under a chart name."""

LOGARITHMIC = "The axis is logarithmic."


@dataclass(frozen=True, kw_only=True)
class Band:
    """Targets of one kind and their mean losses in nats."""

    name: str
    targets: int
    share: float
    """Of the text's whole loss, both directions, from 0 to 1."""
    forward: float
    backward: float

    @property
    def joint(self) -> float:
        """Mean of both directions."""
        return (self.forward + self.backward) / 2


@dataclass(frozen=True, kw_only=True)
class SentenceSpread:
    """How the sentences' joint perplexities lie."""

    bins: Sequence[tuple[float, float, int]]
    """From, to, and how many sentences; to is the next one's from."""
    median: float
    tenth: float
    """A tenth of the sentences have at most this."""
    ninth: float
    """Nine tenths have at most this."""
    outside: int
    """Sentences beyond the first and the last bin."""


@dataclass(frozen=True, kw_only=True)
class WordCost:
    """A word and its mean losses in nats."""

    word: str
    count: int
    share: float
    """Of the loss of all words, from 0 to 1."""
    forward: float
    backward: float


def place_chart(bands: Sequence[Band]) -> Chart:
    """Loss by place in the sentence."""
    first, last = bands[0], bands[-1]
    return Chart(
        band_curves(_both(bands), x="place of the word in its sentence, from 1", y="perplexity"),
        f"The first word of a sentence costs {rounded(perplexity(first.forward))} forward, "
        f"{rounded(perplexity(first.backward))} backward; {_phrase(last)}, it is "
        f"{rounded(perplexity(last.forward))} and {rounded(perplexity(last.backward))}.",
        "Perplexity of the words alone, sentence ends not counted. Forward, a word's context grows from left to right, "
        f"so the curve falls where the model makes use of it. {LOGARITHMIC}",
    )


def frequency_chart(bands: Sequence[Band]) -> Chart:
    """Loss by the word's rank in the vocabulary."""
    ranked = [band for band in bands if band.name.startswith("rank")]
    finding = "All words are outside the vocabulary."
    if ranked:
        low, high = (rounded(perplexity(band.joint)) for band in (ranked[0], ranked[-1]))
        names = f"rank {short_name(ranked[0].name)} to rank {short_name(ranked[-1].name)}"
        finding = f"From {names}, perplexity goes from {low} to {high}."
    return Chart(
        band_dots(_both(bands, short=False), x="perplexity"),
        finding,
        "Words by their rank in the vocabulary, the most frequent of the training text first. Words outside it are "
        f"scored as <UNK>, which is one frequent class, whatever the word. {LOGARITHMIC}",
    )


def share_chart(bands: Sequence[Band], targets: int) -> Chart:
    """What each band takes of the text and of the loss.

    Args:
        bands: By frequency.
        targets: Of the whole text.
    """
    most = max(bands, key=lambda band: band.share)
    shares = {
        "of the targets": {band.name: band.targets / targets for band in bands},
        "of the loss": {band.name: band.share for band in bands},
    }
    return Chart(
        share_bars(shares, x="share"),
        f"{percent(most.share)} of the loss is in {_named(most)}, which are {percent(most.targets / targets)} of the "
        "targets.",
        "Where the second bar is the longer one, words of that kind cost more than the average. What is missing to "
        "100 % is that of sentence ends and begins.",
    )


def length_chart(bands: Sequence[Band]) -> Chart:
    """Loss by the length of the sentence."""
    best, worst = min(bands, key=lambda band: band.joint), max(bands, key=lambda band: band.joint)
    return Chart(
        band_curves(_both(bands), x="words in the sentence", y="perplexity"),
        f"Sentences of {best.name} are the cheapest per target, with {rounded(perplexity(best.joint))}; those of "
        f"{worst.name} the dearest, with {rounded(perplexity(worst.joint))}.",
        f"Sentence ends and begins are counted here. {LOGARITHMIC}",
    )


def file_chart(bands: Sequence[Band]) -> Chart:
    """Loss by file."""
    best, worst = min(bands, key=lambda band: band.joint), max(bands, key=lambda band: band.joint)
    return Chart(
        band_dots(_both(bands, short=False), x="perplexity"),
        f"{len(bands):,} files, from {rounded(perplexity(best.joint))} ({best.name}) to "
        f"{rounded(perplexity(worst.joint))} ({worst.name}).",
        f"A file that stands apart is often of another kind, language or cleaning. {LOGARITHMIC}",
    )


def spread_chart(found: SentenceSpread) -> Chart:
    """How sentences differ."""
    beyond = f" {found.outside:,} sentences are beyond the edges." if found.outside else ""
    return Chart(
        spread(found.bins, middle=found.median, x="perplexity of a sentence, both directions", y="sentences"),
        f"Half of the sentences have at most {rounded(found.median)}; the middle eight tenths lie between "
        f"{rounded(found.tenth)} and {rounded(found.ninth)}.",
        "The dashed line is the median. It differs from the text's perplexity, in which every target counts the same "
        f"and long sentences count more. {LOGARITHMIC}{beyond}",
    )


def sides_chart(words: Sequence[WordCost]) -> Chart:
    """Words by their cost from either side."""
    points = [
        {"word": one.word, "count": one.count, "x": perplexity(one.forward), "y": perplexity(one.backward)}
        for one in words
    ]
    often = sorted((one for one in words if one.count >= OFTEN), key=lambda one: one.forward - one.backward)
    finding = (
        f"Of the words met {OFTEN} times or more, “{often[0].word}” gains most from what stands before it, "
        f"“{often[-1].word}” from what stands after it."
        if len(often) > 1
        else f"No two words are met {OFTEN} times or more, so single points say little."
    )
    return Chart(
        both_sides(points, x="perplexity forward", y="perplexity backward"),
        finding,
        f"The {len(words):,} words that take up most of the loss, each a point: above the line a word is easier from "
        "the left, below it from the right. Rest the pointer on a point to see its word. Both axes are logarithmic.",
    )


def baseline_chart(models: Mapping[str, tuple[float, float, float]], finding: str) -> Chart:
    """The model beside another.

    Args:
        models: By name: joint, forward and backward perplexity.
        finding: What is seen.
    """
    sides = ("both", "forward", "backward")
    series = {
        name: [BandPoint(side, value, "the whole text") for side, value in zip(sides, values, strict=True)]
        for name, values in models.items()
    }
    return Chart(
        band_dots(series, x="perplexity"),
        finding,
        f"An interpolated Kneser-Ney model with the same classes, on the same text, from either side. {LOGARITHMIC}",
    )


def against_chart(name: str, model: Sequence[Band], other: Sequence[Band], *, ordered: bool) -> Chart:
    """Where a model is better than another, band by band, and where it is not.

    Args:
        name: The other's.
        model: The model's bands.
        other: The other's, the same ones.
        ordered: Whether they are places in a sentence; else they are ranks.
    """
    series = {
        "this model": points(model, "joint", short=ordered),
        name: points(other, "joint", short=ordered),
    }
    better = [ours.name for ours, theirs in zip(model, other, strict=True) if ours.joint < theirs.joint]
    if not better:
        finding = f"nowhere better than {name}"
    else:
        where = "everywhere" if len(better) == len(model) else f"at {', '.join(better)}"
        finding = f"better than {name} {where}"
    what = "place in the sentence" if ordered else "frequency"
    x = "place of the word in its sentence, from 1"
    spec = band_curves(series, x=x, y="perplexity") if ordered else band_dots(series, x="perplexity")
    return Chart(
        spec,
        f"By {what}, the model is {finding}.",
        f"Both directions together, words alone. {LOGARITHMIC}",
    )


def points(bands: Sequence[Band], side: str, *, short: bool = True) -> list[BandPoint]:
    """Bands as points of a chart.

    Args:
        bands: In order.
        side: ``forward``, ``backward`` or ``joint``.
        short: Whether their names are shortened for an axis.
    """
    return [
        BandPoint(
            short_name(band.name) if short else band.name, perplexity(getattr(band, side)), f"{band.targets:,} targets"
        )
        for band in bands
    ]


def short_name(name: str) -> str:
    """A band's name as an axis has room for it.

    Example:
        >>> short_name("word 7 to 8"), short_name("101 and more words"), short_name("word 1")
        ('7–8', '101+', '1')
    """
    return re.sub(r"^word |^rank | words$", "", name).replace(" to ", "–").replace(" and more", "+")


def _both(bands: Sequence[Band], *, short: bool = True) -> dict[str, list[BandPoint]]:
    return {side: points(bands, side, short=short) for side in ("forward", "backward")}


def _phrase(band: Band) -> str:
    return f"from word {short_name(band.name)[:-1]} on" if band.name.endswith("more") else f"of {band.name}"


def _named(band: Band) -> str:
    return f"words of {band.name}" if band.name.startswith("rank") else f"words {band.name}"
