"""``elmo neighbors``: what a model takes for alike, word by word in context."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, show_json, stderr
from elmo_cli.cli.evaluate import Start
from elmo_cli.config import InputConfig

if TYPE_CHECKING:
    from elmo_cli.flows.vector_results import NeighborsResult, TokenInContext, TokenNeighbors

EXAMPLES = options.examples(
    "elmo neighbors run/model --word bank sentences.txt",
    'elmo neighbors run/model --word bank --in "on the bank of a river" books.txt',
    "elmo neighbors run/model --word bank --other-words --json sentences.txt",
)
SHOWN = 44
"""Columns of context on either side, at most."""
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], "\ufffd")
"""A word may be anything, and a terminal obeys these."""


def command(
    model_dir: options.ModelDir,
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Text files, compressed or not, or folders of them.", show_default=False),
    ],
    word: Annotated[str, typer.Option("--word", metavar="WORD", help="The word, one token.", show_default=False)],
    sentence: Annotated[
        str | None,
        typer.Option(
            "--in",
            metavar="SENTENCE",
            help="Compare with the word in this sentence. Without it: with occurrences of the word in the text.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Neighbours to list for each.")] = 10,
    occurrences: Annotated[
        int,
        typer.Option(
            "--occurrences", metavar="N", min=1, help="Occurrences to compare with, spread evenly over the text."
        ),
    ] = 3,
    layers: Annotated[
        str, typer.Option("--layers", metavar="WHICH", help="top, average, or one by number: 0 is the token layer.")
    ] = "average",
    centre: Annotated[
        bool, typer.Option("--centre", help="Subtract the text's mean vector before vectors are compared.")
    ] = False,
    other_words: Annotated[bool, typer.Option("--other-words", help="Leave out words that are spelled alike.")] = False,
    start: Annotated[
        Start,
        typer.Option("--start", help="State to begin with: the model's own, zero, or warm from a fixed neutral text."),
    ] = Start.MODEL,
    tokenizer: options.ModelTokenizerOption = None,
    format: options.FormatOption = options.DEFAULT_FORMAT,
    field: options.FieldOption = InputConfig.field,
    encoding: options.EncodingOption = InputConfig.encoding,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    batch_tokens: options.VectorBatchOption = None,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """List the words of a text that are most like a word, each in its context.

    A line per neighbour: cosine, word, number of the sentence, and the sentence around the word.

    The same sentence counts once, however often the text has it.
    """
    from elmo_cli.flows.vector_results import NeighborsResult
    from elmo_cli.flows.vectors.neighbors import neighbors

    flow = neighbors(
        model_dir,
        inputs,
        word=word,
        sentence=sentence,
        top=top,
        occurrences=occurrences,
        layers=layers,
        centre=centre,
        other_words=other_words,
        start=start.value,
        tokenizer=tokenizer.value if tokenizer is not None else None,
        reading=InputConfig(format=format.value, field=field, encoding=encoding, decode_errors=decode_errors.value),
        batch_tokens=batch_tokens,
        device=device,
        threads=threads,
    )
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, NeighborsResult)
    if as_json:
        show_json(result)
        return
    for query in result.queries:
        _print(_lines(query))
    if not quiet:
        stderr().print(_summary(result))


def _summary(result: "NeighborsResult") -> str:
    seen = f"{figures.counted(result.sentences, 'sentence')}, {figures.counted(result.tokens, 'token')}"
    often = "" if result.occurrences is None else f" with {result.word} in {result.occurrences:,} places"
    return f"{seen}{often}, compared in {figures.duration(result.seconds)}"


def _lines(query: "TokenNeighbors") -> list[Text]:
    where = f"sentence {query.query.sentence:,}: " if query.query.sentence else ""
    before, word, after = _cut(query.query)
    head = Text.assemble(where, before, (word, "bold"), after)
    tokens = [neighbor.token for neighbor in query.neighbors]
    cosines = [f"{one.similarity:.3f}" for one in query.neighbors]
    words = _padded([token.word.translate(_CONTROLS) for token in tokens], right=False)
    numbers = _padded([f"{token.sentence:,}" for token in tokens], right=True)
    contexts = [_cut(token) for token in tokens]
    befores = _padded([before for before, _, _ in contexts], right=True)
    lines = [
        Text.assemble(f"  {cosine:>6}  {word}  {number}  {before}", (middle, "bold"), after)
        for cosine, word, number, before, (_, middle, after) in zip(
            cosines, words, numbers, befores, contexts, strict=True
        )
    ]
    return [head, *lines, Text()]


def _cut(token: "TokenInContext") -> tuple[str, str, str]:
    """What stands before a word, the word, and what stands after it, in the width there is."""
    before, word, after = (part.translate(_CONTROLS) for part in (f"{token.before} ", token.word, f" {token.after}"))
    before, after = before.lstrip(), after.rstrip()
    while cell_len(before) > SHOWN:
        before = before[1:]
    while cell_len(after) > SHOWN:
        after = after[:-1]
    return before, f"[{word}]", after


def _padded(cells: Sequence[str], *, right: bool) -> list[str]:
    """Cells as wide as the widest of them; a Chinese character is two columns wide."""
    width = max(map(cell_len, cells), default=0)
    spaces = [" " * (width - cell_len(cell)) for cell in cells]
    return [space + cell if right else cell + space for cell, space in zip(cells, spaces, strict=True)]


def _print(lines: Sequence[Text]) -> None:
    if sys.stdout.isatty():
        console = Console(highlight=False)
        for line in lines:
            console.print(line, soft_wrap=True)
    else:
        print("\n".join(line.plain.rstrip() for line in lines), flush=True)
