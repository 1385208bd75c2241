"""``elmo plot``: words in context on a plane."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, show_result
from elmo_cli.config import InputConfig

EXAMPLES = options.examples(
    "elmo plot vectors.hdf5 --word bank --word river --out bank.html",
    "elmo plot run/model sentences.txt --word bank --labels senses.txt",
    "elmo plot vectors.hdf5 --word spring --out spring.png",
)


class Colour(StrEnum):
    """What colours tell apart; the values are those of the flow."""

    WORD = "word"
    SENTENCE = "sentence"
    LABEL = "label"


def command(
    source: Annotated[
        Path, typer.Argument(metavar="FEATURES|MODEL", help="What 'elmo embed' wrote; or a model.", show_default=False)
    ],
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="[INPUT]", help="With a model: text files.", show_default=False)
    ] = None,
    words: Annotated[
        list[str] | None, typer.Option("--word", metavar="WORD", help="A word (repeatable).", show_default=False)
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="A page (.html) or a picture (.png, .svg).")
    ] = Path("plot.html"),
    colour: Annotated[
        Colour | None,
        typer.Option("--colour", help="What colours tell apart.", show_default="label with --labels, else word"),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="A label for each line of the text, such as the sense of the word there.",
            show_default=False,
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="WHICH",
            help="top, average, or one by number: 0 is the token layer.",
            show_default="average",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Points of each word, spread evenly over the text.")
    ] = 200,
    tokenizer: options.ModelTokenizerOption = None,
    format: options.FormatOption = options.DEFAULT_FORMAT,
    field: options.FieldOption = InputConfig.field,
    encoding: options.EncodingOption = InputConfig.encoding,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    overwrite: options.OverwriteOption = False,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Draw the vectors of chosen words on a plane, coloured by word, sense or sentence.

    The page is one file that needs no network; where the pointer rests on a point, its sentence is shown. The axes are
    the points' first two principal components.
    """
    from elmo_cli.flows.vector_results import PlotResult
    from elmo_cli.flows.vectors.plot import plot

    flow = plot(
        source,
        inputs or [],
        words=words or [],
        out=out,
        colour=colour.value if colour is not None else None,
        labels=labels,
        layers=layers,
        limit=limit,
        tokenizer=tokenizer.value if tokenizer is not None else None,
        reading=InputConfig(format=format.value, field=field, encoding=encoding, decode_errors=decode_errors.value),
        device=device,
        threads=threads,
        overwrite=overwrite,
    )
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, PlotResult)
    rows = [
        ("points", figures.whole(result.points), f"of {figures.whole(sum(result.occurrences.values()))} occurrences"),
        ("layers", result.layers, "whose vectors are drawn"),
        ("variance", figures.percent(sum(result.variance)), "of the points' variance that the two axes show"),
    ]
    if 1 < len(result.groups) < result.points:
        rows.append(("alike", figures.whole(result.alike), "points whose nearest other point has the same colour"))
    rows.append(("time", figures.duration(result.seconds), "to find, compute and draw"))
    show_result(result, f"{', '.join(result.occurrences)} in {result.out}", rows, as_json=as_json)
