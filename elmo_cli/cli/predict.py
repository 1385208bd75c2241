"""``elmo predict``: the words that a model expects in a gap."""

from typing import Annotated

import typer

from elmo_cli.cli import options
from elmo_cli.cli.console import follow, show_json
from elmo_cli.cli.evaluate import Start
from elmo_cli.flows.probability_results import Candidate, Gap, PredictResult

EXAMPLES = options.examples(
    'elmo predict run/model "the bank of the [?]"', 'elmo predict run/model "he sat on the [?] ." --word bank'
)


def command(
    model_dir: options.ModelDir,
    sentence: Annotated[
        str, typer.Argument(metavar="SENTENCE", help="Text with [?] where a word is sought.", show_default=False)
    ],
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Words to list.")] = 10,
    words: Annotated[
        list[str] | None,
        typer.Option("--word", metavar="WORD", help="Show this word's rank, too (repeatable).", show_default=False),
    ] = None,
    start: Annotated[
        Start,
        typer.Option("--start", help="State to begin with: the model's own, zero, or warm from a fixed neutral text."),
    ] = Start.MODEL,
    tokenizer: options.ModelTokenizerOption = None,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """List the most probable words for a gap, with their probabilities.

    forward: from the words before the gap. backward: from those after it. both: their product, renormalised.
    """
    from elmo_cli.flows.evaluation.predict import predict

    flow = predict(
        model_dir,
        sentence,
        top=top,
        words=words or [],
        start=start.value,
        tokenizer=tokenizer.value if tokenizer is not None else None,
        device=device,
        threads=threads,
    )
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, PredictResult)
    if as_json:
        show_json(result)
        return
    for gap in result.gaps:
        print("\n".join(_lines(result, gap)))


def _lines(result: PredictResult, gap: Gap) -> list[str]:
    other = {"[?]": "<UNK>"}  # how the model reads a gap that is not the one it fills
    shown = " ".join(
        token if place == gap.place else other.get(token, token) for place, token in enumerate(result.tokens)
    )
    lists = (gap.forward, gap.backward, gap.combined)
    widths = [max(len(_shown(candidate)) for candidate in column) for column in lists]
    heads = ("forward", "backward", "both")
    widths = [max(width, len(head)) for width, head in zip(widths, heads, strict=True)]
    rows = [
        f"  {rank:>4}  " + "  ".join(f"{_shown(cell):<{width}}" for cell, width in zip(cells, widths, strict=True))
        for rank, cells in enumerate(zip(*lists, strict=True), start=1)
    ]
    head = "  rank  " + "  ".join(f"{name:<{width}}" for name, width in zip(heads, widths, strict=True))
    asked = [
        f"  {each[0].word}: "
        + ", ".join(
            f"{head} rank {one.rank:,} ({_probability(one.probability)})" for head, one in zip(heads, each, strict=True)
        )
        for each in gap.asked
    ]
    return [line.rstrip() for line in (shown, head, *rows, *asked)]


def _shown(candidate: Candidate) -> str:
    return f"{candidate.word} {_probability(candidate.probability)}"


def _probability(probability: float) -> str:
    return f"{100 * probability:.1f} %" if probability >= 0.001 else f"{probability:.1e}"
