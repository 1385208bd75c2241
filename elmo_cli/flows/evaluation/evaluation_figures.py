"""From a text's losses to everything that ``elmo eval`` says of them."""

import numpy as np

from elmo_cli.flows.evaluation.evaluation_text import EvaluationText
from elmo_cli.flows.evaluation.scorer import Scorer
from elmo_cli.flows.evaluation_results import (
    BaselineResult,
    Breakdowns,
    CostlySentence,
    CostlyWord,
    EvaluateResult,
)
from elmo_cli.measure.bootstrap import paired_difference, perplexity_interval
from elmo_cli.measure.breakdowns import by_file, by_frequency, by_length, by_place, costliest_words, worst_sentences
from elmo_cli.measure.perplexity import direction_figures
from elmo_cli.measure.scored_text import ScoredText

EXTREMES = 20
"""Worst sentences and costliest words that a result has."""


def evaluate_result(
    scorer: Scorer,
    read: EvaluationText,
    scored: ScoredText,
    *,
    context: str,
    stretches: int | None,
    ngrams: BaselineResult | None,
    seconds: float,
) -> EvaluateResult:
    """A model's figures on a text.

    Args:
        scorer: The model.
        read: The text.
        scored: Its losses.
        context: How sentences were read.
        stretches: Into how many pieces a stream was cut.
        ngrams: The baseline's figures.
        seconds: What scoring took.
    """
    outside = scored.types_N[~scored.known_N]
    joint = direction_figures(scored, (0.5, 0.5))
    targets_S = (scored.lengths_S + 1).astype(np.float64)
    return EvaluateResult(
        model=str(scorer.model.path),
        context=context,
        start_state=scorer.start_name,
        precision=scorer.model.precision,
        stretches=stretches,
        sentences=scored.num_sentences,
        words=scored.num_words,
        size=read.size,
        loss=joint.loss,
        perplexity=joint.perplexity,
        interval=perplexity_interval(scored.sums_GS.mean(axis=0), targets_S),
        joint=joint,
        forward=direction_figures(scored, (1.0, 0.0)),
        backward=direction_figures(scored, (0.0, 1.0)),
        oov_tokens=len(outside),
        oov_types=len(np.unique(outside)),
        oov_rate=len(outside) / scored.num_words if scored.num_words else 0.0,
        breakdowns=_breakdowns(read, scored),
        baseline=ngrams,
        seconds=seconds,
        words_per_second=scored.num_words / seconds,
    )


def _breakdowns(read: EvaluationText, scored: ScoredText) -> Breakdowns:
    lexicon = read.text.lexicon
    sums_S, starts = scored.sums_GS.mean(axis=0), scored.starts_S
    sentences = [
        CostlySentence(
            sentence=number + 1,
            file=read.files[read.files_S[number]],
            words=int(scored.lengths_S[number]),
            loss=float(sums_S[number] / (scored.lengths_S[number] + 1)),
            text=" ".join(lexicon[place] for place in scored.types_N[starts[number] : starts[number + 1]].tolist()),
        )
        for number in worst_sentences(scored, EXTREMES).tolist()
    ]
    types, counts, sums = costliest_words(scored, EXTREMES)
    total = float(scored.words_GN.mean(axis=0).sum())
    words = [
        CostlyWord(word=lexicon[number], count=count, loss=loss / count, share=loss / total)
        for number, count, loss in zip(types.tolist(), counts.tolist(), sums.tolist(), strict=True)
    ]
    return Breakdowns(
        by_place=by_place(scored),
        by_frequency=by_frequency(scored),
        by_length=by_length(scored),
        by_file=by_file(scored, read.files_S, read.files) if len(read.files) > 1 else [],
        sentences=sentences,
        words=words,
    )


def baseline_result(counted: ScoredText, scored: ScoredText, *, order: int, training_words: int) -> BaselineResult:
    """The n-gram model's figures beside those of the network.

    Args:
        counted: The text with the n-gram model's losses.
        scored: The same with the network's.
        order: Words of an n-gram.
        training_words: What n-grams were counted on.
    """
    targets_S = (scored.lengths_S + 1).astype(np.float64)
    return BaselineResult(
        order=order,
        training_words=training_words,
        forward=direction_figures(counted, (1.0, 0.0)),
        backward=direction_figures(counted, (0.0, 1.0)),
        joint=direction_figures(counted, (0.5, 0.5)),
        by_place=by_place(counted),
        by_frequency=by_frequency(counted),
        difference=paired_difference(scored.sums_GS.mean(axis=0), counted.sums_GS.mean(axis=0), targets_S),
    )
