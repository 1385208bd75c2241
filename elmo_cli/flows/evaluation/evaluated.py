"""A text under a model: read, scored, and every figure of it."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmo_cli.config import InputConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.evaluation.baseline import ORDER, score_with_ngrams
from elmo_cli.flows.evaluation.evaluation_figures import baseline_result, evaluate_result
from elmo_cli.flows.evaluation.evaluation_text import EvaluationText, read_evaluation_text
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scorer import Scorer, scored_text
from elmo_cli.flows.evaluation.scoring import sentence_sequences, stream_sequences
from elmo_cli.flows.evaluation.shared_scoring import score_files, score_shared
from elmo_cli.flows.evaluation_results import EvaluateResult
from elmo_cli.flows.models.loaded import other_libraries
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.flows.vectors.agreement import measure_agreement
from elmo_cli.measure.scored_text import ScoredText
from elmo_cli.model.precision import slow_precision
from elmo_cli.text.readers import STDIN
from elmo_cli.text.windows import Line
from elmo_cli.train.process_group import ProcessGroup

STRETCHES = 32
"""Pieces that a stream is cut into, at sentence ends. Each begins from the start state, so the number is part of the
result and is reported with it; it does not depend on the machine."""

SAMPLED_SENTENCES = 500
"""Of these a sample is taken where int8 is compared with float32."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A model's result on a text, and what it was computed from."""

    read: EvaluationText
    scored: ScoredText
    result: EvaluateResult


def check_settings(context: str, batch_tokens: int, scores_dir: Path | None = None) -> None:
    """Refuses settings before any work is done.

    Raises:
        ConfigError: The context or the batch size is none that there is, or scores cannot be kept with this context.
    """
    if context not in ("sentence", "stream"):
        raise ConfigError(f"--context {context}: expected sentence or stream")
    if batch_tokens < 1:
        raise ConfigError(f"--batch-tokens {batch_tokens}: expected at least 1")
    if scores_dir is not None and context == "stream":
        raise ConfigError(
            "--scores-dir with --context stream: a stream runs through all files, so no file has losses of its own",
            hint="use --context sentence, or score each file by itself",
        )


def check_inputs(inputs: Sequence[str], *, several_times: bool = False, group: ProcessGroup) -> None:
    """Refuses standard input where the text is read more than once.

    Args:
        inputs: What was named.
        several_times: Whether one process reads the text more than once.
        group: Its processes read the text each.

    Raises:
        ConfigError: Standard input is among them.
    """
    if str(STDIN) in inputs and (several_times or group.ranks > 1):
        who = "every model" if several_times else f"each of {group.ranks} processes"
        raise ConfigError(
            f"-: standard input can be read once, and {who} reads the text", hint="save it to a file and name that"
        )


def evaluate_model(
    scorer: Scorer,
    inputs: Sequence[str],
    *,
    context: str,
    tokenizer: str | None,
    reading: InputConfig,
    split: str,
    baseline: Sequence[str] = (),
    baseline_order: int = ORDER,
    scores_dir: Path | None = None,
    batch_tokens: int = 4096,
    group: ProcessGroup,
) -> Generator[Report, None, Evaluated]:
    """Reads a text and scores it with a model that is open.

    Args:
        scorer: The model.
        group: The processes that share the work. All get the same result, but the baseline, which the first one counts.

    The other arguments are those of :func:`elmo_cli.flows.evaluation.evaluate.evaluate`.
    """
    if warning := slow_precision(scorer.model.precision, scorer.model.device):
        yield Notice(text=warning, warning=True)
    read = yield from read_text(scorer, inputs, tokenizer, reading, split)
    if scorer.model.precision == "int8" and (agreement := measure_agreement(scorer.model, scorer.start, _some(read))):
        agreement.check()
        yield Notice(text=str(agreement))
    line = Line(read.text)
    sequences = sentence_sequences(line) if context == "sentence" else stream_sequences(line, STRETCHES)
    losses, began = LineLosses(line), time.perf_counter()
    if scores_dir is not None:
        yield from score_files(scorer, read, losses, scores_dir, batch_tokens, group)
    else:
        for done in score_shared(scorer, sequences, scorer.start, losses, batch_tokens, group):
            yield Progress(stage="scoring", done=done, total=line.num_positions, unit="positions")
    seconds = time.perf_counter() - began
    scored = scored_text(losses, read.size)
    ngrams = None
    if baseline and group.is_first:
        training = yield from read_text(scorer, baseline, tokenizer, reading, "train")
        counted = yield from score_with_ngrams(training.text, read.text, order=baseline_order, size=read.size)
        ngrams = baseline_result(counted, scored, order=baseline_order, training_words=training.text.num_tokens)
    stretches = len(sequences[0]) if context == "stream" else None
    result = evaluate_result(scorer, read, scored, context=context, stretches=stretches, ngrams=ngrams, seconds=seconds)
    return Evaluated(read=read, scored=scored, result=result)


def _some(read: EvaluationText) -> list[list[str]]:
    """Sentences spread evenly over a text, as tokens."""
    text = read.text
    some = np.unique(np.linspace(0, text.num_sentences - 1, SAMPLED_SENTENCES).astype(np.int64))
    return [[text.lexicon[token] for token in text.tokens_N[text.starts[s] : text.starts[s + 1]]] for s in some]


def read_text(
    scorer: Scorer, inputs: Sequence[str], tokenizer: str | None, reading: InputConfig, split: str
) -> Generator[Report, None, EvaluationText]:
    """Reads a text as a model's own was read, and warns where other versions of libraries cut it."""
    text = scorer.model.text_settings(tokenizer=tokenizer)
    if warning := other_libraries(scorer.model, text):
        yield Notice(text=warning, warning=True)
    return (
        yield from read_evaluation_text(
            inputs, model=scorer.model, vocabulary=scorer.vocabulary, reading=reading, text=text, split=split
        )
    )
