"""The page of ``elmo eval MODEL TEXT --report``."""

from collections.abc import Iterator, Sequence

import numpy as np

from elmo_cli import __version__
from elmo_cli.files import write_text
from elmo_cli.flows.evaluation.evaluated import Evaluated
from elmo_cli.flows.evaluation.page_request import PageRequest
from elmo_cli.flows.evaluation.scorer import Scorer
from elmo_cli.flows.evaluation.shown_sentences import (
    evenly_spaced,
    strongest_bits,
    text_sentences,
)
from elmo_cli.flows.evaluation_results import EXPLANATIONS, BaselineResult, EvaluateResult
from elmo_cli.flows.reports import Notice, Report
from elmo_cli.measure import breakdowns
from elmo_cli.measure.scored_text import ScoredText
from elmo_cli.pages.evaluation import (
    EvaluationFigures,
    HeatSentence,
    NgramBaseline,
    SidedFigure,
    evaluation_page,
)
from elmo_cli.pages.evaluation_charts import Band, SentenceSpread, WordCost
from elmo_cli.pages.loss_charts import perplexity

SHOWN = 10
"""Sentences under each heading of their own accord."""

WORDS = 300
"""Words that the page knows the costs of."""

BINS = 40

CONTEXTS = {"sentence": "each sentence by itself", "stream": "state carried on from sentence to sentence"}


def write_evaluation_page(
    scorer: Scorer,
    found: Evaluated,
    own: Sequence[HeatSentence],
    inputs: Sequence[str],
    tokenizer: str | None,
    request: PageRequest,
) -> Iterator[Report]:
    """Writes the page about a model on a text.

    Args:
        scorer: The model.
        found: Its result on the text.
        own: Sentences of one's own that it scored.
        inputs: What was named as the text.
        tokenizer: Instead of the model's own.
        request: Where the page goes, and the sentences it shows.

    Raises:
        OutputError: It cannot be written.
    """
    if warning := request.missing_from(found.scored.num_sentences):
        yield Notice(text=warning, warning=True)
    figures = evaluation_figures(scorer, found, own, inputs, tokenizer, request)
    write_text(request.path, evaluation_page(figures, made_by=f"Made by elmo eval, version {__version__}."))
    yield Notice(text=f"page in {request.path}")


def evaluation_figures(
    scorer: Scorer,
    found: Evaluated,
    own: Sequence[HeatSentence],
    inputs: Sequence[str],
    tokenizer: str | None,
    request: PageRequest,
) -> EvaluationFigures:
    """All that the page shows; arguments as for :func:`write_evaluation_page`."""
    result, scored = found.result, found.scored
    interval = result.interval
    return EvaluationFigures(
        title=f"Perplexity of {result.model}",
        subtitle=f"{', '.join(inputs)}: {result.words:,} words in {result.sentences:,} sentences",
        perplexity=result.perplexity,
        interval=(interval.low, interval.high, interval.confidence),
        context=context_of(result),
        start_state=result.start_state,
        words=result.words,
        sentences=result.sentences,
        oov_tokens=result.oov_tokens,
        oov_types=result.oov_types,
        figures=[
            SidedFigure(
                name=name,
                meaning=meaning,
                joint=getattr(result.joint, name),
                forward=getattr(result.forward, name),
                backward=getattr(result.backward, name),
            )
            for name, meaning in EXPLANATIONS.items()
        ],
        by_place=_bands(result.breakdowns.by_place),
        by_frequency=_bands(result.breakdowns.by_frequency),
        by_length=_bands(result.breakdowns.by_length),
        by_file=_bands(result.breakdowns.by_file),
        sentence_spread=sentence_spread(scored),
        word_costs=word_costs(scored, found.read.text.lexicon),
        strongest=strongest_bits([len(scorer.vocabulary)]),
        sentences_shown=_sentences(found, own, request),
        baseline=None if result.baseline is None else _baseline(result.baseline),
        settings=[
            ("text", ", ".join(inputs)),
            ("tokenizer", tokenizer or scorer.model.text.tokenizer),
            ("context", result.context),
            ("start state", result.start_state),
            ("classes of the softmax", f"{len(scorer.vocabulary):,}"),
            ("time", f"{result.seconds:,.1f} seconds, {result.words_per_second:,.0f} words/s"),
        ],
    )


def context_of(result: EvaluateResult) -> str:
    """How sentences were read, in words."""
    if result.stretches is None:
        return CONTEXTS[result.context]
    return f"{CONTEXTS[result.context]}, in {result.stretches:,} stretches that each begin from the start state"


def sentence_spread(scored: ScoredText) -> SentenceSpread:
    """How the joint perplexities of sentences lie; bins of one width on a logarithmic axis."""
    losses_S = np.minimum(scored.sums_GS.mean(axis=0) / (scored.lengths_S + 1), 100.0)
    low, tenth, median, ninth, high = np.quantile(losses_S, [0.005, 0.1, 0.5, 0.9, 0.995])
    edges = np.linspace(low, max(high, low + 0.01), min(BINS, max(5, len(losses_S) // 5)) + 1)
    edges[-1] = np.nextafter(edges[-1], np.inf)
    counts, _ = np.histogram(losses_S, edges)
    ends = np.exp(edges).tolist()
    return SentenceSpread(
        bins=list(zip(ends[:-1], ends[1:], counts.tolist(), strict=True)),
        median=float(np.exp(median)),
        tenth=float(np.exp(tenth)),
        ninth=float(np.exp(ninth)),
        outside=len(losses_S) - int(counts.sum()),
    )


def word_costs(scored: ScoredText, lexicon: Sequence[str]) -> list[WordCost]:
    """The words that take up most of the loss."""
    types, counts, sums = breakdowns.costliest_words(scored, WORDS)
    sides = [np.bincount(scored.types_N, losses) for losses in scored.words_GN]
    total = float(scored.words_GN.mean(axis=0).sum()) or 1.0
    return [
        WordCost(
            word=lexicon[number],
            count=count,
            share=loss / total,
            forward=float(sides[0][number] / count),
            backward=float(sides[1][number] / count),
        )
        for number, count, loss in zip(types.tolist(), counts.tolist(), sums.tolist(), strict=True)
    ]


def _sentences(found: Evaluated, own: Sequence[HeatSentence], request: PageRequest) -> dict[str, list[HeatSentence]]:
    read, scored = found.read, found.scored
    chosen = [*own, *text_sentences(read, scored, request.numbers_within(scored.num_sentences))]
    spaced = evenly_spaced(scored.num_sentences, SHOWN)
    shown = {"Chosen sentences": chosen} if chosen else {"Evenly spaced": text_sentences(read, scored, spaced)}
    worst = breakdowns.worst_sentences(scored, SHOWN).tolist()
    return {**shown, "The worst": text_sentences(read, scored, worst)} if worst else shown


def _bands(found: Sequence[breakdowns.Band]) -> list[Band]:
    return [Band(**vars(band)) for band in found]


def _baseline(found: BaselineResult) -> NgramBaseline:
    return NgramBaseline(
        order=found.order,
        training_words=found.training_words,
        joint=perplexity(found.joint.loss),
        forward=perplexity(found.forward.loss),
        backward=perplexity(found.backward.loss),
        by_place=_bands(found.by_place),
        by_frequency=_bands(found.by_frequency),
        **vars(found.difference),
    )
