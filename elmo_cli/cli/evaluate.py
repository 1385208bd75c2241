"""``elmo eval``: a model's perplexity on text, or several models compared."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from elmo_cli.cli import options
from elmo_cli.cli.console import follow, show_result
from elmo_cli.cli.evaluation_rows import compared_rows, detail_rows, explained_rows, figure_rows, reference_rows
from elmo_cli.config import InputConfig
from elmo_cli.flows.reports import Reports
from elmo_cli.processes import place_in_group

EXAMPLES = options.examples(
    "elmo eval run/model test.txt",
    "elmo eval run/model test.txt --context stream --json",
    "elmo eval run/model test.txt --baseline run/corpus --details",
    "elmo eval run/model test.txt --report page.html",
    "elmo eval run-1 run-2 run-3 test.txt",
)
DETAIL = "Detail"


class Context(StrEnum):
    """What a sentence may know of those before it."""

    SENTENCE = "sentence"
    STREAM = "stream"


class Start(StrEnum):
    """The state that a sentence or stream begins with."""

    MODEL = "model"
    ZERO = "zero"
    WARM = "warm"


class Protocol(StrEnum):
    """How positions are chosen."""

    EXACT = "exact"
    BILM_TF = "bilm-tf"


class Split(StrEnum):
    """A part of a prepared folder."""

    HELD_OUT = "held-out"
    TEST = "test"
    TRAIN = "train"


def command(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... INPUT...",
            help="A model (or several, to compare them on the same text), then the text: files, folders, a prepared "
            "folder, or - for standard input.",
            show_default=False,
        ),
    ],
    context: Annotated[
        Context,
        typer.Option("--context", help="sentence: each by itself. stream: state carried over the text."),
    ] = Context.SENTENCE,
    start: Annotated[
        Start,
        typer.Option(
            "--start",
            help="State to begin with: the model's own, zero, or warm from a fixed neutral text.",
        ),
    ] = Start.MODEL,
    protocol: Annotated[
        Protocol,
        typer.Option(
            "--protocol",
            help="exact: every position once. bilm-tf: the reference's procedure, for comparison with old figures.",
        ),
    ] = Protocol.EXACT,
    rows: Annotated[
        int, typer.Option("--rows", metavar="N", min=1, help="With --protocol bilm-tf: sentences read side by side.")
    ] = 256,
    split: Annotated[Split, typer.Option("--split", help="What to score of a prepared folder.")] = Split.HELD_OUT,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline",
            metavar="TEXT",
            help="Text to count an n-gram model on, which is scored beside; of a prepared folder, the training text.",
            show_default=False,
        ),
    ] = None,
    order: Annotated[int, typer.Option("--order", metavar="N", min=1, help="Words of the baseline's n-grams.")] = 5,
    explain: Annotated[
        bool, typer.Option("--explain", help="Every figure with its formula.", rich_help_panel=DETAIL)
    ] = False,
    details: Annotated[
        bool, typer.Option("--details", help="Show where the loss comes from.", rich_help_panel=DETAIL)
    ] = False,
    sentences_table: Annotated[
        Path | None,
        typer.Option(
            "--sentences",
            metavar="FILE",
            help="Write a row per sentence: .tsv, .jsonl or .parquet.",
            show_default=False,
            rich_help_panel=DETAIL,
        ),
    ] = None,
    words_table: Annotated[
        Path | None,
        typer.Option(
            "--words",
            metavar="FILE",
            help="Write a row per word, the same way.",
            show_default=False,
            rich_help_panel=DETAIL,
        ),
    ] = None,
    scores_dir: Annotated[
        Path | None,
        typer.Option(
            "--scores-dir",
            metavar="DIR",
            help="Keep the losses of each file here, and go on from those that are there.",
            show_default=False,
            rich_help_panel=DETAIL,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write an HTML page with charts; of several models, one that compares them.",
            show_default=False,
            rich_help_panel=DETAIL,
        ),
    ] = None,
    heat: Annotated[
        list[str] | None,
        typer.Option(
            "--heat",
            metavar="SENTENCE",
            help="A sentence that the page shows word by word.",
            show_default=False,
            rich_help_panel=DETAIL,
        ),
    ] = None,
    heat_sentences: Annotated[
        list[str] | None,
        typer.Option(
            "--heat-sentences",
            metavar="N,...",
            help="Sentences of the text that it shows so, counted from 1.",
            show_default=False,
            rich_help_panel=DETAIL,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace tables and a page that exist.", rich_help_panel=DETAIL)
    ] = False,
    tokenizer: options.ModelTokenizerOption = None,
    format: options.FormatOption = options.DEFAULT_FORMAT,
    field: options.FieldOption = InputConfig.field,
    encoding: options.EncodingOption = InputConfig.encoding,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    batch_tokens: options.BatchTokensOption = 4096,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    precision: options.PrecisionOption = options.DEFAULT_PRECISION,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Measure a model's perplexity on text, or compare several models.

    Perplexity is how many words the model hesitates between, on average: lower is better.

    Every position is scored once, with the full softmax and without dropout. Of a prepared corpus, the held-out text.
    """
    from elmo_cli.flows.evaluation.arguments import models_and_inputs

    reading = InputConfig(format=format.value, field=field, encoding=encoding, decode_errors=decode_errors.value)
    models, inputs = models_and_inputs(arguments)
    shared: dict[str, Any] = {
        "tokenizer": tokenizer.value if tokenizer is not None else None,
        "reading": reading,
        "split": split.value,
        "device": device,
        "threads": threads,
        "batch_tokens": batch_tokens,
    }
    policy: dict[str, Any] = {"context": context.value, "start": start.value, "precision": precision.value}
    single: dict[str, Any] = {
        "sentences_table": sentences_table,
        "words_table": words_table,
        "baseline": baseline or [],
        "baseline_order": order,
        "scores_dir": scores_dir,
    }
    shown: dict[str, Any] = {
        "page": report,
        "heat": heat or [],
        "heat_sentences": _numbers(heat_sentences or []),
        "overwrite": overwrite,
    }
    alone = {
        "--baseline": baseline is not None,
        "--sentences": sentences_table is not None,
        "--words": words_table is not None,
        "--scores-dir": scores_dir is not None,
    }
    on_page = {"--report": report is not None, "--heat": bool(heat), "--heat-sentences": bool(heat_sentences)}
    is_first = place_in_group()[0] == 0

    def run(flow: Reports) -> Any:
        """Its result; of several processes the first one speaks."""
        return follow(flow, quiet=quiet, verbose=verbose) if is_first else list(flow)[-1]

    if len(models) > 1:
        from elmo_cli.flows.evaluation.compare import compare

        _refuse(
            {"--protocol": protocol is not Protocol.EXACT, "--explain": explain, "--details": details, **alone},
            "is for one model; several are compared without it",
        )
        result = run(compare(models, inputs, **policy, **shown, **shared))
        title, rows_shown = f"Compared on {' '.join(inputs)}", compared_rows(result)
    elif protocol is Protocol.BILM_TF:
        from elmo_cli.flows.evaluation.reference_evaluation import evaluate_as_reference

        _refuse(
            {"--context": context is not Context.SENTENCE, "--start": start is not Start.MODEL, "--explain": explain}
            | {"--precision": precision is not options.DEFAULT_PRECISION}
            | {"--details": details, **alone, **on_page},
            "is not for --protocol bilm-tf, which settles how the text is read",
        )
        result = run(evaluate_as_reference(models[0], inputs, rows=rows, **shared))
        title, rows_shown = f"Perplexity of {result.model} by bilm-tf's procedure", reference_rows(result)
    else:
        from elmo_cli.flows.evaluation.evaluate import evaluate

        result = run(evaluate(models[0], inputs, **policy, **single, **shown, **shared))
        title = f"Perplexity of {result.model}"
        rows_shown = explained_rows(result) if explain else figure_rows(result)
        rows_shown += detail_rows(result) if details else []
    if is_first:
        show_result(result, title, rows_shown, as_json=as_json)


def _refuse(given: dict[str, bool], why: str) -> None:
    for name, is_given in given.items():
        if is_given:
            raise typer.BadParameter(why, param_hint=name)


def _numbers(lists: list[str]) -> list[int]:
    """``1,5,9`` as numbers."""
    words = [word.strip() for each in lists for word in each.split(",")]
    for word in words:
        if not word.isascii() or not word.isdigit():
            raise typer.BadParameter(f"expected numbers such as 1,5,9, found {word!r}", param_hint="--heat-sentences")
    return [int(word) for word in words]
