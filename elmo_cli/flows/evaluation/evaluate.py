"""``elmo eval``: perplexity of a text under a model, with a full softmax and every position scored once."""

from collections.abc import Sequence
from pathlib import Path

from elmo_cli.config import InputConfig
from elmo_cli.cores import CoreWatch
from elmo_cli.device import pick_device
from elmo_cli.flows.core_notes import describe_cores, other_load
from elmo_cli.flows.evaluation.baseline import ORDER, check_order
from elmo_cli.flows.evaluation.evaluated import check_inputs, check_settings, evaluate_model
from elmo_cli.flows.evaluation.evaluation_page import write_evaluation_page
from elmo_cli.flows.evaluation.evaluation_tables import check_tables, write_tables
from elmo_cli.flows.evaluation.page_request import page_request
from elmo_cli.flows.evaluation.scorer import open_scorer
from elmo_cli.flows.evaluation.shown_sentences import own_sentences
from elmo_cli.flows.reports import Reports
from elmo_cli.train.process_group import process_group


def evaluate(
    model_dir: Path | str,
    inputs: Sequence[str],
    *,
    context: str = "sentence",
    start: str = "model",
    tokenizer: str | None = None,
    reading: InputConfig | None = None,
    split: str = "held-out",
    sentences_table: Path | None = None,
    words_table: Path | None = None,
    page: Path | None = None,
    heat: Sequence[str] = (),
    heat_sentences: Sequence[int] = (),
    overwrite: bool = False,
    baseline: Sequence[str] = (),
    baseline_order: int = ORDER,
    scores_dir: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    batch_tokens: int = 4096,
    precision: str = "fp32",
) -> Reports:
    """Scores a text.

    Args:
        model_dir: A model folder, or a run folder with one in it; it must have its softmax and its vocabulary.
        inputs: Raw text, tokenised as the model's own was; or one prepared folder.
        context: ``sentence`` (each from the start state, independent of its neighbours) or ``stream`` (state carried
            over the text, in 32 pieces).
        start: ``model``, ``zero`` or ``warm``; see :func:`elmo_cli.flows.models.loaded.start_state`.
        tokenizer: Instead of the model's own.
        reading: How files are read.
        split: What is scored of a prepared folder: ``held-out``, ``test`` or ``train``.
        sentences_table: Where a row per sentence goes, as TSV, JSON lines or Parquet.
        words_table: The same with a row per word.
        page: Where a page with charts goes, as HTML.
        heat: Sentences of one's own whose words the page shows by their surprisal.
        heat_sentences: The same for sentences of the text, by their numbers from 1. The page always has the worst ones,
            and evenly spaced ones where none is chosen.
        overwrite: Whether tables and a page that exist may be replaced.
        baseline: Text to count an n-gram model on, or a prepared folder, of which the training text is taken; none: no
            baseline.
        baseline_order: Words of its n-grams.
        scores_dir: Where the losses of every file are kept, and found again by a call that goes on; sentences only.
        device: Where to compute.
        threads: CPU threads; None takes every core this process may use.
        batch_tokens: Positions computed together; no influence on the result beyond rounding.
        precision: Of matrix products: ``fp32``, ``bf16``, on CUDA ``tf32``, on CPUs ``int8`` (of the LSTMs).

    Returns:
        Reports, the last of them an :class:`~elmo_cli.flows.evaluation_results.EvaluateResult`.

    Raises:
        ElmoError: Model, text or settings are not usable.
    """
    watch = CoreWatch()
    check_settings(context, batch_tokens, scores_dir)
    check_order(baseline_order)
    check_tables(sentences_table, words_table, overwrite=overwrite)
    request = page_request(page, heat, heat_sentences, overwrite=overwrite)
    group = process_group(pick_device(device))
    check_inputs(inputs, group=group)
    scorer = open_scorer(model_dir, start=start, device=device, threads=threads, precision=precision)
    yield from describe_cores(scorer.model.device, threads)
    own = own_sentences(scorer, heat, tokenizer)
    found = yield from evaluate_model(
        scorer,
        inputs,
        context=context,
        tokenizer=tokenizer,
        reading=reading or InputConfig(),
        split=split,
        baseline=baseline,
        baseline_order=baseline_order,
        scores_dir=scores_dir,
        batch_tokens=batch_tokens,
        group=group,
    )
    yield from other_load(scorer.model.device, watch)
    if group.is_first:
        yield from write_tables(found.read, found.scored, sentences_table, words_table, overwrite=overwrite)
        if request is not None:
            yield from write_evaluation_page(scorer, found, own, inputs, tokenizer, request)
    yield found.result
