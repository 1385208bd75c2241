"""What ``elmo pretrain --dry-run`` shows."""

import re

import typer

from elmo_cli.cli import figures
from elmo_cli.cli.console import Row, show_result, suggest
from elmo_cli.flows.dry_run_results import DiskEstimate, DryRunResult, MemoryEstimate, RowsFit, TimeEstimate
from elmo_cli.flows.reports import Result

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
"""Bytes of each unit of a size."""
PARTS = {
    "word table": "a vector for each word",
    "characters": "their vectors, and the convolutions over them",
    "highways": "between convolutions and projection",
    "token projection": "to the width of a direction",
    "LSTM": "all layers, both directions",
    "softmax": "a vector and a bias for each word of the vocabulary",
}
"""What the parts of a model are."""


def parse_size(text: str) -> int:
    """Bytes of a size such as ``8GB`` or ``1.5 GiB``.

    Raises:
        BadParameter: It is no such size.

    Example:
        >>> parse_size("8GB"), parse_size("1.5 kB")
        (8000000000, 1500)
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2].upper() not in UNITS or not float(match[1]):
        raise typer.BadParameter(f"{text!r} is no size; expected one such as 8GB or 500MiB", param_hint="--memory")
    return int(float(match[1]) * UNITS[match[2].upper()])


def show_dry_run(result: Result, *, as_json: bool, quiet: bool) -> None:
    """Prints the figures, and how to begin the run."""
    assert isinstance(result, DryRunResult)
    title = (
        f"What {result.preset} will take: {figures.counted(result.rows, 'row')} of {result.window} positions, "
        f"{result.precision}, {result.device}"
    )
    rows = [
        *_parameter_rows(result.parameters),
        *_memory_rows(result.memory, result.time.steps_measured),
        *_disk_rows(result.disk),
        *_time_rows(result.time),
        *(_fit_rows(result.fit) if result.fit is not None else ()),
    ]
    show_result(result, title, rows, as_json=as_json)
    if not quiet:
        more = f", with --rows {result.fit.rows}" if result.fit is not None else ""
        suggest(f"Nothing was begun. To begin, type the same command without --dry-run{more}.", [])


def _parameter_rows(parameters: dict[str, int]) -> list[Row]:
    total = sum(parameters.values())
    rows = [("parameters", figures.whole(total), "numbers that training sets, the softmax included")]
    return rows + [(f"  {part}", figures.whole(count), PARTS[part]) for part, count in parameters.items()]


def _memory_rows(memory: MemoryEstimate, steps: int) -> list[Row]:
    free = f", of {figures.size(memory.free)} that are free" if memory.free is not None else ""
    rows = [
        ("memory", figures.size(memory.peak), f"at the most{free}; of step and evaluation the larger counts"),
        ("  parameters", figures.size(memory.parameters), "4 bytes each"),
        ("  optimizer", figures.size(memory.optimizer), "what it remembers of each parameter"),
        ("  step", figures.size(memory.step), f"measured over {steps} steps: activations, and what is listed next"),
        ("    gradients", figures.size(memory.gradients), "of whole parameters, and of the rows that a step reads"),
        ("    logits", figures.size(memory.logits), "of a step's predictions"),
        ("  evaluation", figures.size(memory.evaluation), "measured on held-out text"),
        ("  carried state", figures.size(memory.state), "of the LSTMs, from step to step"),
    ]
    if memory.text:
        rows.append(("  text", figures.size(memory.text), "mapped files; the system may let go of them"))
    if memory.program:
        rows.append(("  program", figures.size(memory.program), "Python, libraries and vocabulary, before the model"))
    return rows


def _disk_rows(disk: DiskEstimate) -> list[Row]:
    total = disk.checkpoints + disk.model + disk.stores
    return [
        ("disk", figures.size(total), f"at the most, of {figures.size(disk.free)} that are free"),
        ("  stores", figures.size(disk.stores), "the text as numbers"),
        ("  checkpoints", figures.size(disk.checkpoints), f"those kept and one in writing, {_each(disk)}"),
        ("  model", figures.size(disk.model), "the trained model, twice while a better one is written"),
    ]


def _each(disk: DiskEstimate) -> str:
    return f"{figures.size(disk.checkpoint)} each"


def _time_rows(time: TimeEstimate) -> list[Row]:
    span = f"{_milliseconds(time.step_seconds_lowest)} to {_milliseconds(time.step_seconds_highest)} ms"
    rows = [
        (
            "speed",
            figures.rate(time.words_per_second, "words"),
            f"median of {figures.counted(time.steps_measured, 'step')}, {span} each",
        ),
        ("  waiting", figures.percent(time.waiting_share), "of that time, for the words of a step"),
    ]
    if time.cores_used_by_others is not None:
        rows.append(("  other load", f"{time.cores_used_by_others:.1f}", "cores that others used meanwhile"))
    return [
        *rows,
        ("epoch", figures.duration(time.epoch_seconds), f"{figures.counted(time.steps_per_epoch, 'step')}, one pass"),
        (
            "evaluation",
            figures.duration(time.evaluation_seconds),
            f"of held-out perplexity, {figures.counted(time.evaluations, 'time')} in the run",
        ),
        (
            "run",
            figures.duration(time.run_seconds),
            f"{figures.counted(time.steps, 'step')}, {figures.decimal(time.epochs)} epochs, and its evaluations; "
            "without checkpoints",
        ),
    ]


def _fit_rows(fit: RowsFit) -> list[Row]:
    why = {"memory": "fit into", "text": "are all that the text fills, within"}[fit.bound_by]
    return [
        ("rows", figures.whole(fit.rows), f"{why} {figures.size(fit.budget)}: tried, {figures.size(fit.peak)}"),
        ("  speed", figures.rate(fit.words_per_second, "words"), "with so many"),
        ("  of each row", figures.size(round(fit.bytes_per_row)), f"beside {figures.size(round(fit.fixed_bytes))}"),
        ("  tried", ", ".join(figures.whole(rows) for rows, _ in fit.trials), "rows"),
    ]


def _milliseconds(seconds: float) -> str:
    return figures.decimal(1000 * seconds)
