"""``elmo embed``: a contextual vector for every word of a text."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, show_result
from elmo_cli.flows.reports import EmbedResult

EXAMPLES = options.examples(
    "elmo embed run/model sentences.txt --out vectors.hdf5",
    "elmo embed run/model sentences.txt --out vectors.hdf5 --layers average",
    "cat sentences.txt | elmo embed run/model - --out vectors.hdf5",
)
ALLENNLP = "As in AllenNLP"


class State(StrEnum):
    """What state a sentence begins with."""

    WARM = "warm"
    ZERO = "zero"
    CARRY = "carry"


class BlankLines(StrEnum):
    """What to do with a line without words."""

    ERROR = "error"
    SKIP = "skip"
    EMPTY = "empty"


STATES = {
    "warm": "every sentence begins with the model's warm state",
    "zero": "every sentence begins with zeros",
    "carry": "state carried from batch to batch, as AllenNLP does; order matters",
}


def command(
    model_dir: options.ModelDir,
    input_path: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="One sentence a line, or - for standard input.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="HDF5 file to write.", show_default=False)],
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="WHICH",
            help="all, top, average, or one by number: 0 is the token layer.",
            show_default="all",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="--layers all", rich_help_panel=ALLENNLP)] = False,
    top: Annotated[bool, typer.Option("--top", help="--layers top", rich_help_panel=ALLENNLP)] = False,
    average: Annotated[bool, typer.Option("--average", help="--layers average", rich_help_panel=ALLENNLP)] = False,
    state: Annotated[
        State,
        typer.Option(
            "--state",
            help="How a sentence begins. warm, zero: vectors depend on nothing but the sentence. "
            "carry: as in AllenNLP, state goes on from batch to batch.",
        ),
    ] = State.WARM,
    blank_lines: Annotated[
        BlankLines,
        typer.Option(
            "--blank-lines", help="error stops, skip leaves the line's number out, empty writes 0 vectors for it."
        ),
    ] = BlankLines.ERROR,
    tokenizer: options.ModelTokenizerOption = None,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    batch_tokens: options.BatchTokensOption = 4096,
    batch_sentences: Annotated[
        int,
        typer.Option(
            "--batch-sentences",
            metavar="N",
            min=1,
            help="Sentences in a batch, with --state carry only.",
            rich_help_panel=options.MACHINE,
        ),
    ] = 64,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    overwrite: options.OverwriteOption = False,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Write a contextual vector for every word of a text, as HDF5.

    The file has the layout of AllenNLP's: dataset "0" holds the first line's vectors, "1" the second's, and so on.
    """
    from elmo_cli.flows.embed import embed

    flow = embed(
        model_dir,
        input_path,
        out,
        layers=_choose_layers(layers, {"all": every, "top": top, "average": average}),
        state=state.value,
        blank_lines=blank_lines.value,
        tokenizer=tokenizer.value if tokenizer is not None else None,
        decode_errors=decode_errors.value,
        batch_tokens=batch_tokens,
        batch_sentences=batch_sentences,
        device=device,
        threads=threads,
        overwrite=overwrite,
    )
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, EmbedResult)
    rows = [
        ("sentences", figures.whole(result.sentences), "one dataset each, named by its line from 0"),
        ("tokens", figures.whole(result.tokens), "words that got vectors"),
        ("shape", result.shape, "of one sentence's array, n its tokens"),
        ("state", result.state, STATES.get(result.state, "")),
        ("blank lines", figures.whole(result.blank_lines), f"lines without words (--blank-lines {blank_lines.value})"),
        ("time", figures.duration(result.seconds), figures.rate(result.tokens_per_second, "tokens")),
    ]
    show_result(result, f"Vectors in {result.path}", rows, as_json=as_json)


def _choose_layers(layers: str | None, flags: dict[str, bool]) -> str:
    named = [name for name, given in flags.items() if given]
    if layers is not None:
        named.append(layers)
    if len(set(named)) > 1:
        raise typer.BadParameter(f"give one choice of layers, not {' and '.join(named)}", param_hint="--layers")
    chosen = named[0] if named else "all"
    if chosen not in flags and not chosen.isdecimal():
        raise typer.BadParameter(
            f"{chosen!r} is not one of all, top, average and a layer's number", param_hint="--layers"
        )
    return chosen
