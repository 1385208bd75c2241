"""The page of ``elmo eval A B TEXT --report``."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from elmo_cli import __version__
from elmo_cli.files import write_text
from elmo_cli.flows.evaluation.evaluated import Evaluated
from elmo_cli.flows.evaluation.evaluation_page import SHOWN, context_of
from elmo_cli.flows.evaluation.page_request import PageRequest
from elmo_cli.flows.evaluation.shown_sentences import evenly_spaced, strongest_bits, text_sentences
from elmo_cli.flows.evaluation_results import CompareResult
from elmo_cli.flows.reports import Notice, Report
from elmo_cli.measure.bootstrap import perplexity_interval
from elmo_cli.pages.comparison import (
    ComparedBands,
    ComparedModel,
    ComparedSentence,
    ComparisonFigures,
    Gap,
    comparison_page,
)
from elmo_cli.pages.evaluation import HeatSentence
from elmo_cli.pages.evaluation_charts import Band, points
from elmo_cli.pages.loss_charts import BandPoint

SIZES = (50, 100, 200, 400, 800)
"""Upper bounds of the bands of paragraphs, in bytes."""

PLACES = "Words by their place in the sentence, both directions."
RANKS = "Words by their rank in the vocabulary, the most frequent first; <UNK> stands for all words outside it."
LENGTHS = "Sentences by their length; ends and begins are counted."
FILES = "Each file by itself."
PARAGRAPHS = "Paragraphs (lines of the text) by their size, which is the same for every model."


def write_comparison_page(
    found: Sequence[Evaluated],
    result: CompareResult,
    own: Sequence[Sequence[HeatSentence]],
    inputs: Sequence[str],
    request: PageRequest,
) -> Iterator[Report]:
    """Writes the page about several models on a text.

    Args:
        found: Each model's result and losses.
        result: How they compare.
        own: For each model, the sentences of one's own that it scored.
        inputs: What was named as the text.
        request: Where the page goes, and the sentences it shows.

    Raises:
        OutputError: It cannot be written.
    """
    if warning := request.missing_from(min(each.scored.num_sentences for each in found)):
        yield Notice(text=warning, warning=True)
    figures = comparison_figures(found, result, own, inputs, request)
    write_text(request.path, comparison_page(figures, made_by=f"Made by elmo eval, version {__version__}."))
    yield Notice(text=f"page in {request.path}")


def comparison_figures(
    found: Sequence[Evaluated],
    result: CompareResult,
    own: Sequence[Sequence[HeatSentence]],
    inputs: Sequence[str],
    request: PageRequest,
) -> ComparisonFigures:
    """All that the page shows; arguments as for :func:`write_comparison_page`."""
    same = result.measure == "loss"
    names = short_names([each.result.model for each in found])
    by_name = dict(zip(names, found, strict=True))
    gaps = [None, *(Gap(**_gap(vars(each.difference))) for each in result.differences)]
    models = [_model(name, each, gap, same) for (name, each), gap in zip(by_name.items(), gaps, strict=True)]
    first = found[0].result
    amount = (
        f"{first.words:,} words in {first.sentences:,} sentences"
        if same
        else f"{first.size and first.size.bytes:,} bytes"
    )
    return ComparisonFigures(
        title=" and ".join(names) if len(names) == 2 else f"{len(names)} models compared",
        subtitle=f"{', '.join(inputs)}: {amount}",
        same_targets=same,
        models=models,
        context=context_of(first),
        start_states=[each.result.start_state for each in found],
        bands=_same_bands(by_name) if same else _byte_bands(by_name),
        strongest=strongest_bits(len(each.read.text.vocabulary) for each in found),
        sentences_shown=_sentences(by_name, own, request, same),
    )


def short_names(paths: Sequence[str]) -> list[str]:
    """As much of the ends of paths as tells them apart, without what all of them end in.

    Example:
        >>> short_names(["/runs/books/model", "/runs/news/model"]), short_names(["a/model", "a/model"])
        (['books', 'news'], ['model 1', 'model 2'])
    """
    parts = [PurePath(path).parts for path in paths]
    if len(set(parts)) < len(parts):
        return [f"{PurePath(path).name} {number}" for number, path in enumerate(paths, 1)]
    while min(map(len, parts)) > 1 and len({each[-1] for each in parts}) == 1:
        parts = [each[:-1] for each in parts]
    names: list[str] = []
    for length in range(1, max(map(len, parts)) + 1):
        names = [str(PurePath(*each[-length:])) for each in parts]
        if len(set(names)) == len(names):
            break
    return names


def _gap(difference: Mapping[str, float]) -> dict[str, float]:
    return {"value" if name == "loss" else name: number for name, number in difference.items()}


def _model(name: str, each: Evaluated, gap: Gap | None, same: bool) -> ComparedModel:
    result = each.result
    if same:
        value, low, high = result.perplexity, result.interval.low, result.interval.high
    else:
        bytes_P = each.read.bytes_P.astype(np.float64)
        interval = perplexity_interval(_paragraph_losses(each), bytes_P)
        value = result.joint.bits_per_byte or math.nan
        low, high = math.log2(interval.low), math.log2(interval.high)
    return ComparedModel(
        name=name,
        path=result.model,
        value=value,
        low=low,
        high=high,
        perplexity=result.perplexity,
        forward=result.forward.perplexity,
        backward=result.backward.perplexity,
        bits_per_byte=result.joint.bits_per_byte,
        classes=len(each.read.text.vocabulary),
        oov_rate=result.oov_rate,
        gap=gap,
    )


def _same_bands(models: Mapping[str, Evaluated]) -> list[ComparedBands]:
    wanted = [
        ("By place in the sentence", "place of the word in its sentence, from 1", "by_place", PLACES, True),
        ("By frequency", "rank of the word", "by_frequency", RANKS, False),
        ("By sentence length", "words in the sentence", "by_length", LENGTHS, True),
        ("By file", "file", "by_file", FILES, False),
    ]
    return [
        ComparedBands(
            title=title,
            x=x,
            series={
                name: points(
                    [Band(**vars(band)) for band in getattr(each.result.breakdowns, field)], "joint", short=curve
                )
                for name, each in models.items()
            },
            caption=caption,
            curve=curve,
        )
        for title, x, field, caption, curve in wanted
        if all(getattr(each.result.breakdowns, field) for each in models.values())
    ]


def _byte_bands(models: Mapping[str, Evaluated]) -> list[ComparedBands]:
    """Bands that are the same for every model, whatever its tokens: by paragraph and by file."""
    first = next(iter(models.values())).read
    sizes_P = np.searchsorted(np.array(SIZES), first.bytes_P)
    bounds = [0, *SIZES]
    sizes = [*(f"{low + 1}–{high}" for low, high in zip(bounds[:-1], SIZES, strict=True)), f"{SIZES[-1] + 1}+"]
    series = {name: _bits_per_byte(each, sizes_P, sizes) for name, each in models.items()}
    found = [ComparedBands(title="By size", x="bytes of the paragraph", series=series, caption=PARAGRAPHS)]
    if len(first.files) > 1:
        files_P = np.zeros(len(first.bytes_P), dtype=np.int64)
        files_P[first.paragraphs_S] = first.files_S
        series = {name: _bits_per_byte(each, files_P, first.files) for name, each in models.items()}
        found.append(ComparedBands(title="By file", x="file", series=series, caption=FILES, curve=False))
    return found


def _bits_per_byte(each: Evaluated, kinds_P: npt.NDArray[np.int64], names: Sequence[str]) -> list[BandPoint]:
    losses_P = _paragraph_losses(each)
    with_text_P = losses_P > 0
    found = []
    for kind, name in enumerate(names):
        chosen_P = (kinds_P == kind) & with_text_P
        size = int(each.read.bytes_P[chosen_P].sum())
        if size:
            bits = float(losses_P[chosen_P].sum()) / math.log(2) / size
            found.append(BandPoint(name, bits, f"{int(chosen_P.sum()):,} paragraphs, {size:,} bytes"))
    return found


def _paragraph_losses(each: Evaluated) -> npt.NDArray[np.float64]:
    sums_S = each.scored.sums_GS.mean(axis=0)
    return np.bincount(each.read.paragraphs_S, sums_S, minlength=len(each.read.bytes_P)).astype(np.float64)


def _sentences(
    models: Mapping[str, Evaluated], own: Sequence[Sequence[HeatSentence]], request: PageRequest, same: bool
) -> dict[str, list[ComparedSentence]]:
    columns = [
        [*mine, *text_sentences(each.read, each.scored, request.numbers_within(each.scored.num_sentences))]
        for mine, each in zip(own, models.values(), strict=True)
    ]
    if any(columns):
        return {"Chosen sentences": _side_by_side(models, columns)}
    counts = {each.scored.num_sentences for each in models.values()}
    if len(counts) > 1:
        return {}  # The models cut the text into other sentences, so the same number is another sentence.
    numbers = evenly_spaced(counts.pop(), SHOWN)
    columns = [text_sentences(each.read, each.scored, numbers) for each in models.values()]
    return {"Evenly spaced": _side_by_side(models, columns)} | (_farthest(models) if same else {})


def _farthest(models: Mapping[str, Evaluated]) -> dict[str, list[ComparedSentence]]:
    """Where the second model gains and loses most against the first, per word."""
    first, second = list(models.values())[:2]
    sums_S = second.scored.sums_GS.mean(axis=0) - first.scored.sums_GS.mean(axis=0)
    means_S = sums_S / (first.scored.lengths_S + 1)
    long_S = np.flatnonzero(first.scored.lengths_S >= 5)
    order = long_S[np.argsort(means_S[long_S], kind="stable")]
    name, half = list(models)[1], SHOWN // 2
    found = {}
    for word, numbers in (("gains", order[:half]), ("loses", order[::-1][:half])):
        kept = [number for number in numbers.tolist() if (means_S[number] < 0) == (word == "gains")]
        if kept:
            columns = [text_sentences(each.read, each.scored, kept) for each in models.values()]
            found[f"Where {name} {word} most"] = _side_by_side(models, columns)
    return found


def _side_by_side(models: Mapping[str, Evaluated], columns: Sequence[Sequence[HeatSentence]]) -> list[ComparedSentence]:
    return [
        ComparedSentence(title=row[0].title, by_model=dict(zip(models, row, strict=True)))
        for row in zip(*columns, strict=False)
    ]
