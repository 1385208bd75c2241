"""What ``elmo eval A B C TEXT`` does: several models on the same text, and whether they differ."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli.config import InputConfig
from elmo_cli.device import pick_device
from elmo_cli.errors import ModelError
from elmo_cli.flows.evaluation.comparison_page import write_comparison_page
from elmo_cli.flows.evaluation.evaluated import Evaluated, check_inputs, check_settings, evaluate_model
from elmo_cli.flows.evaluation.page_request import page_request
from elmo_cli.flows.evaluation.scorer import open_scorer
from elmo_cli.flows.evaluation.shown_sentences import own_sentences
from elmo_cli.flows.evaluation_results import CompareResult, ModelDifference
from elmo_cli.flows.reports import Notice, Reports
from elmo_cli.measure.bootstrap import Difference, paired_difference
from elmo_cli.pages.evaluation import HeatSentence
from elmo_cli.train.process_group import process_group

CHEAP_UNKNOWN = 0.001
"""Share of words outside the vocabulary from which on bits per byte flatter a model: ``<UNK>`` tells no spelling."""


def compare(
    model_dirs: Sequence[Path | str],
    inputs: Sequence[str],
    *,
    context: str = "sentence",
    start: str = "model",
    tokenizer: str | None = None,
    reading: InputConfig | None = None,
    split: str = "held-out",
    page: Path | None = None,
    heat: Sequence[str] = (),
    heat_sentences: Sequence[int] = (),
    overwrite: bool = False,
    device: str = "auto",
    threads: int | None = None,
    batch_tokens: int = 4096,
    precision: str = "fp32",
) -> Reports:
    """Scores a text with several models and compares each with the first, sentences drawn in pairs.

    Models with the same vocabulary are compared by loss per target. Others are compared by bits per byte of the
    original text, which has to be at hand.

    Args:
        model_dirs: Two models or more; memory holds one at a time.

    The other arguments are those of :func:`elmo_cli.flows.evaluation.evaluate.evaluate`.

    Returns:
        Reports, the last of them a :class:`~elmo_cli.flows.evaluation_results.CompareResult`.

    Raises:
        ModelError: The models' figures do not compare on this text.
        ElmoError: A model, the text or the settings are not usable.
    """
    check_settings(context, batch_tokens)
    request = page_request(page, heat, heat_sentences, overwrite=overwrite)
    found: list[Evaluated] = []
    own: list[list[HeatSentence]] = []
    group = process_group(pick_device(device))
    check_inputs(inputs, several_times=True, group=group)
    for model_dir in model_dirs:
        yield Notice(text=f"model {len(found) + 1} of {len(model_dirs)}: {model_dir}")
        scorer = open_scorer(model_dir, start=start, device=device, threads=threads, precision=precision)
        own.append(own_sentences(scorer, heat, tokenizer))
        each = yield from evaluate_model(
            scorer,
            inputs,
            context=context,
            tokenizer=tokenizer,
            reading=reading or InputConfig(),
            split=split,
            batch_tokens=batch_tokens,
            group=group,
        )
        if found:
            _check_comparable(found[0], each)
        found.append(each)
    same = all(_same_targets(found[0], each) for each in found)
    if not same:
        for each in found:
            if each.result.oov_rate > CHEAP_UNKNOWN:
                yield Notice(
                    text=f"{each.result.model}: {each.result.oov_rate:.1%} of the words are <UNK>, whose spelling "
                    "costs nothing: its bits per byte look better than they are",
                    warning=True,
                )
    first, *others = found
    result = CompareResult(
        measure="loss" if same else "bits_per_byte",
        models=[each.result for each in found],
        differences=[
            ModelDifference(model=each.result.model, difference=_difference(first, each, same)) for each in others
        ],
    )
    if request is not None and group.is_first:
        yield from write_comparison_page(found, result, own, inputs, request)
    yield result


def _same_targets(first: Evaluated, other: Evaluated) -> bool:
    return first.read.text.vocabulary.sha256 == other.read.text.vocabulary.sha256 and np.array_equal(
        first.scored.classes_N, other.scored.classes_N
    )


def _check_comparable(first: Evaluated, other: Evaluated) -> None:
    if _same_targets(first, other):
        return
    if first.read.size is None or other.read.size is None:
        raise ModelError(
            f"{first.result.model} and {other.result.model}: different vocabularies or tokens, so their perplexities "
            "do not compare; bits per byte would, but of this text only the tokens are at hand",
            hint="give the raw text instead of the prepared folder",
        )
    if len(first.read.bytes_P) != len(other.read.bytes_P) or first.read.size.bytes != other.read.size.bytes:
        raise ModelError(f"{first.result.model} and {other.result.model}: did not read the same text")


def _difference(first: Evaluated, other: Evaluated, same: bool) -> Difference:
    if same:
        targets_S = (first.scored.lengths_S + 1).astype(np.float64)
        return paired_difference(other.scored.sums_GS.mean(axis=0), first.scored.sums_GS.mean(axis=0), targets_S)
    bits = 1 / np.log(2)
    return paired_difference(
        bits * _by_paragraph(other), bits * _by_paragraph(first), first.read.bytes_P.astype(np.float64)
    )


def _by_paragraph(each: Evaluated) -> npt.NDArray[np.float64]:
    """Losses of the paragraphs: models may cut them into different sentences."""
    sums_S = each.scored.sums_GS.mean(axis=0)
    return np.bincount(each.read.paragraphs_S, sums_S, minlength=len(each.read.bytes_P)).astype(np.float64)
