"""What ``elmo score`` does: the probability of every line, as lines come."""

import math
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from elmo_cli.config import InputConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.evaluation.scorer import Scorer, open_scorer
from elmo_cli.flows.probability_results import ScoreResult, SentenceScore
from elmo_cli.flows.reports import Item, Reports
from elmo_cli.text.live_lines import live_lines


def score_lines(
    model_dir: Path | str,
    *,
    reading: InputConfig | None = None,
    at_once: int = 64,
    start: str = "model",
    tokenizer: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Reports:
    """Scores the lines of standard input, each by itself, from the start state.

    Args:
        model_dir: A model folder, or a run folder with one in it; it must have its softmax and its vocabulary.
        reading: How bytes become text.
        at_once: Lines that are read before they are scored together; 1 gives each line's score before the next line
            is waited for.
        start: ``model``, ``zero`` or ``warm``; see :func:`elmo_cli.flows.models.loaded.start_state`.
        tokenizer: Instead of the model's own.
        device: Where to compute.
        threads: CPU threads; None takes every core this process may use.

    Returns:
        Reports: an :class:`~elmo_cli.flows.reports.Item` per line with its
        :class:`~elmo_cli.flows.probability_results.SentenceScore`, and at last a
        :class:`~elmo_cli.flows.probability_results.ScoreResult`.

    Raises:
        ElmoError: Model, text or settings are not usable.
    """
    if at_once < 1:
        raise ConfigError(f"lines scored at once: expected at least 1, not {at_once}")
    scorer = open_scorer(model_dir, start=start, device=device, threads=threads)
    text = scorer.model.text_settings(tokenizer=tokenizer)
    cut = scorer.model.make_tokenizer(text).tokens
    began = time.perf_counter()
    lines, tokens, oov, log10 = 0, 0, 0, 0.0
    sentences = (cut(line) for line in live_lines(reading or InputConfig()))
    while batch := list(islice(sentences, at_once)):
        for item in _scores(scorer, batch, lines):
            lines, tokens, oov = lines + 1, tokens + item.tokens, oov + item.oov
            log10 += item.log10 or 0.0
            yield Item(value=item)
    yield ScoreResult(
        model=str(scorer.model.path),
        start_state=scorer.start_name,
        lines=lines,
        tokens=tokens,
        oov=oov,
        log10=log10,
        seconds=time.perf_counter() - began,
    )


def _scores(scorer: Scorer, sentences: Sequence[Sequence[str]], before: int) -> Iterator[SentenceScore]:
    losses = scorer.losses([sentence for sentence in sentences if sentence])
    sums_GS = losses.sums_GS()
    starts = np.cumsum([0, *losses.line.lengths_S])
    known_N = losses.known_N
    number = 0
    for line, sentence in enumerate(sentences, start=before + 1):
        if not sentence:
            yield SentenceScore(
                line=line, tokens=0, log10_forward=None, log10_backward=None, log10=None, perplexity=None, oov=0
            )
            continue
        forward, backward = (float(total) for total in sums_GS[:, number])
        mean = (forward + backward) / 2
        yield SentenceScore(
            line=line,
            tokens=len(sentence),
            log10_forward=-forward / math.log(10),
            log10_backward=-backward / math.log(10),
            log10=-mean / math.log(10),
            perplexity=math.exp(mean / (len(sentence) + 1)),
            oov=len(sentence) - int(known_N[starts[number] : starts[number + 1]].sum()),
        )
        number += 1
