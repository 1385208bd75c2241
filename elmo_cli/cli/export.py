"""``elmo export``: a model for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import Row, follow, show_result
from elmo_cli.flows.model_results import ExportResult

EXAMPLES = options.examples(
    "elmo export run/model --to hdf5 --out elmo --language en --license mit",
    "elmo export run/model --to nlpl --out elmo.zip --no-softmax",
    "elmo export run/model --to safetensors --out elmo-hub",
    "elmo export run/model --vectors words.txt --out vectors.txt",
)
CARD = "Model card"


class Container(StrEnum):
    """The forms that a model can be written in."""

    HDF5 = "hdf5"
    NLPL = "nlpl"
    SAFETENSORS = "safetensors"
    WORD2VEC = "word2vec"


def command(
    model_dir: options.ModelDir,
    out: Annotated[Path, typer.Option("--out", metavar="PLACE", help="Folder or file to write.", show_default=False)],
    to: Annotated[
        Container | None,
        typer.Option(
            "--to",
            help="hdf5: a folder for AllenNLP, bilm-tf, simple_elmo. nlpl: a zip file. safetensors: a folder for hubs. "
            "word2vec: vectors of words alone, as text.",
            show_default=False,
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            "--vectors",
            metavar="WORDS",
            help="Words for --to word2vec, one a line; without it, the model's vocabulary.",
            show_default=False,
        ),
    ] = None,
    softmax: Annotated[
        bool, typer.Option("--softmax/--no-softmax", help="Whether the softmax goes along, if there is one.")
    ] = True,
    card: Annotated[
        bool, typer.Option("--card/--no-card", help="Whether a README.md goes along.", rich_help_panel=CARD)
    ] = True,
    language: Annotated[
        str | None, typer.Option("--language", metavar="CODE", help="ISO 639 code.", rich_help_panel=CARD)
    ] = None,
    license_name: Annotated[
        str | None, typer.Option("--license", metavar="NAME", help="Such as apache-2.0.", rich_help_panel=CARD)
    ] = None,
    corpus: Annotated[
        str | None, typer.Option("--corpus", metavar="TEXT", help="What it was trained on.", rich_help_panel=CARD)
    ] = None,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    overwrite: options.OverwriteOption = False,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Write a model for other programs, or its context-free word vectors.

    Weights come out as they are, to the bit, in every form.
    """
    if to is None and vectors is None:
        raise typer.BadParameter("say in which form: hdf5, nlpl, safetensors or word2vec", param_hint="--to")
    from elmo_cli.flows.models.export import export

    flow = export(
        model_dir,
        out,
        to=(to or Container.WORD2VEC).value,
        vectors=vectors,
        softmax=softmax,
        card=card,
        language=language,
        license_name=license_name,
        corpus=corpus,
        device=device,
        threads=threads,
        overwrite=overwrite,
    )
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, ExportResult)
    show_result(result, f"Exported to {result.path}", _rows(result), as_json=as_json)


def _rows(result: ExportResult) -> list[Row]:
    rows: list[Row] = [("form", result.container, "")]
    if result.words is not None and result.width is not None:
        rows.append(("words", figures.whole(result.words), "one a line, behind a line with both numbers"))
        rows.append(("width", figures.whole(result.width), "D: numbers in each vector"))
    if result.parameters is not None:
        rows.append(("parameters", figures.whole(result.parameters), "those of the softmax not counted"))
        rows.append(("softmax", "yes" if result.softmax else "no", "whether it went along"))
    rows.append(("size", figures.size(result.bytes), ", ".join(result.files)))
    rows.append(("time", figures.duration(result.seconds), ""))
    return rows
