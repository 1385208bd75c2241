"""``elmo score``: a filter that says how probable each line is."""

from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, show_json, stderr
from elmo_cli.cli.evaluate import Start
from elmo_cli.config import InputConfig
from elmo_cli.flows.probability_results import ScoreResult, SentenceScore
from elmo_cli.flows.reports import Result

EXAMPLES = options.examples(
    "elmo score run/model < sentences.txt > scores.tsv", "tail -f log.txt | elmo score run/model --unbuffered --json"
)

COLUMNS = ("line", "tokens", "oov", "log10_forward", "log10_backward", "log10", "perplexity")


def command(
    model_dir: options.ModelDir,
    start: Annotated[
        Start,
        typer.Option("--start", help="State to begin with: the model's own, zero, or warm from a fixed neutral text."),
    ] = Start.MODEL,
    unbuffered: Annotated[
        bool, typer.Option("--unbuffered", "-u", help="Score each line before the next is waited for.")
    ] = False,
    tokenizer: options.ModelTokenizerOption = None,
    encoding: Annotated[
        str, typer.Option("--encoding", metavar="NAME", help="Encoding of the input.", rich_help_panel=options.TEXT)
    ] = InputConfig.encoding,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object per line.", rich_help_panel=options.OUTPUT)
    ] = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Score the lines of standard input, one sentence each.

    Writes a line per line: tokens, words outside the vocabulary, log10 of the probability forward, backward and their
    mean (sentence end or begin included), and the joint perplexity. Tab-separated with a heading, or JSON lines.
    """
    from elmo_cli.flows.evaluation.score import score_lines

    flow = score_lines(
        model_dir,
        reading=InputConfig(encoding=encoding, decode_errors=decode_errors.value),
        at_once=1 if unbuffered else 64,
        start=start.value,
        tokenizer=tokenizer.value if tokenizer is not None else None,
        device=device,
        threads=threads,
    )
    if not as_json:
        print("\t".join(COLUMNS), flush=True)
    result = follow(flow, quiet=quiet, verbose=verbose, on_item=show_json if as_json else _print)
    assert isinstance(result, ScoreResult)
    if not quiet:
        seen = f"{figures.counted(result.lines, 'line')}, {figures.counted(result.tokens, 'token')}"
        stderr().print(f"{seen} in {figures.duration(result.seconds)}; log10 of the whole text {result.log10:.2f}")


def _print(score: Result) -> None:
    assert isinstance(score, SentenceScore)
    values = (getattr(score, name) for name in COLUMNS)
    print("\t".join("" if value is None else _number(value) for value in values), flush=True)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"
