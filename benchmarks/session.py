"""One run of the benchmark: every part of a plan, one after another, in one process."""

import gc
import sys
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks import corpus_parts, inference_parts, text_parts, training_parts, writing_parts
from benchmarks.figures import TEXT, Figure
from benchmarks.lab import Bench, Lab
from benchmarks.limits import LARGE, ProductLimits
from benchmarks.plans import Plan
from benchmarks.texts import BenchText

FORMAT = 1
"""Version of the JSON; raised when a reader of the old one would misread the new one."""

LIMIT = "limit"
"""The part that is always measured: shares are given of it."""

TEXT_PARTS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "tokenise": text_parts.tokenise,
    "vocabulary": text_parts.vocabulary,
    "encode": text_parts.encode,
    "corpus": corpus_parts.corpus,
    "writing": writing_parts.writing,
}
MODEL_PARTS: dict[str, Callable[[Lab], Iterator[Figure]]] = {
    "step": training_parts.step,
    "batches": training_parts.batches,
    "char-cnn": training_parts.char_cnn,
    "lstm": training_parts.lstm,
    "cudnn": training_parts.cudnn,
    "softmax": training_parts.softmax,
    "optimizer": training_parts.optimizer,
    "evaluate": inference_parts.evaluate,
    "embed": inference_parts.embed,
    "embed-files": inference_parts.embed_to_files,
}
PARTS = (LIMIT, *TEXT_PARTS, *MODEL_PARTS)


def measure_all(
    plan: Plan,
    device: torch.device,
    text: BenchText,
    folder: Path,
    *,
    seconds: float,
    only: Collection[str] = PARTS,
    large: bool = False,
) -> Iterator[Figure]:
    """Measures the parts of a plan, each figure as soon as it is there.

    Args:
        plan: What to measure.
        device: Where models compute.
        text: What they read.
        folder: For files that come and go.
        seconds: Time to spend on a figure.
        only: Parts to measure.
        large: Whether a text of gigabytes is measured on too.
    """
    limits = ProductLimits(device, seconds)
    bench = Bench(device, seconds, text, folder, limits, large)
    of_cases = (case.config.train.precision for case in plan.cases)
    for precision in dict.fromkeys(["fp32", *of_cases, *inference_parts.gpu_precisions(device)]):
        yield _large_product(limits.of(precision))
    for name, measure_text in TEXT_PARTS.items():
        if name in only:
            yield from measure_text(bench)
    for case in plan.cases:
        lab = Lab(bench, case)
        for name in MODEL_PARTS:
            if name in only and name in case.parts:
                yield from _measured(lab, name)
        del lab
        _release(device)


def _measured(lab: Lab, name: str) -> Iterator[Figure]:
    """A part's figures, as many as come: what a library of the machine does not do must not cost the others theirs."""
    try:
        yield from MODEL_PARTS[name](lab)
    except RuntimeError as error:
        print(f"{name} of {lab.case.title} is left out: {error}", file=sys.stderr)


def record(
    figures: Collection[Figure],
    *,
    plan: Plan,
    text: BenchText,
    machine: dict[str, Any],
    seconds: float,
    took: float,
    is_whole: bool = True,
) -> dict[str, Any]:
    """What a run's JSON says.

    Args:
        figures: In the order measured.
        plan: What was to be measured.
        text: What was read.
        machine: From :func:`benchmarks.machine.describe_machine`, before the run.
        seconds: Per figure, as asked for.
        took: Seconds of the whole run.
        is_whole: Whether nothing more is to come.
    """
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "plan": plan.name,
        "text": text.description,
        "drawn_text": sorted({figure.case for figure in figures if figure.details.get("drawn_tokens")}),
        "seconds_per_figure": seconds,
        "seconds": round(took, 1),
        "is_whole": is_whole,
        "figures": [figure.to_json() for figure in figures],
    }


def _large_product(limits: ProductLimits) -> Figure:
    timing = limits.timing(LARGE)
    median, low, high = timing.rates(LARGE.flops / 1e9)
    return Figure(
        part=LIMIT,
        case=TEXT,
        name="large product" if limits.precision == "fp32" else f"large product, {limits.precision}",
        unit="GFLOP/s",
        median=median,
        low=low,
        high=high,
        repeats=len(timing.seconds),
        explanation=f"{limits.precision}, {LARGE.m} x {LARGE.k} x {LARGE.n}: what this machine multiplies at best",
        details={"m": LARGE.m, "k": LARGE.k, "n": LARGE.n},
    )


def _release(device: torch.device) -> None:
    """Frees a case's model before the next one is made: the published vocabulary takes gigabytes."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
