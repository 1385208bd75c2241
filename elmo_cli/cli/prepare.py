"""``elmo prepare``: raw text to tokenised sentences."""

from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, show_result
from elmo_cli.cli.options import DecodeErrors
from elmo_cli.config import TextConfig
from elmo_cli.flows.reports import PrepareResult

EXAMPLES = options.examples("elmo prepare books/*.txt --out prepared", "elmo prepare corpus.txt --out prepared")


def command(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write.", show_default=False)],
    tokenizer: options.TokenizerOption = options.DEFAULT_TOKENIZER,
    language: options.LanguageOption = TextConfig.language,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    held_out: Annotated[
        float, typer.Option("--held-out", metavar="SHARE", help="Share of the sentences kept apart for validation.")
    ] = 0.02,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Decides which sentences are held out.")] = 1,
    shard_sentences: Annotated[
        int, typer.Option("--shard-sentences", metavar="N", min=1, help="Sentences to a file.")
    ] = 100_000,
    overwrite: options.OverwriteOption = False,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Cut raw text into files with one tokenised sentence a line.

    'elmo pretrain' does the same on the way; this is for a large corpus that is read often.
    """
    text = TextConfig(tokenizer=tokenizer.value, language=language, decode_errors=decode_errors.value)
    from elmo_cli.flows.prepare import prepare

    flow = prepare(
        inputs,
        out,
        text=text,
        held_out=held_out,
        seed=seed,
        shard_sentences=shard_sentences,
        overwrite=overwrite,
    )
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, PrepareResult)
    rows = [
        ("read", figures.size(result.bytes), f"of text in {figures.counted(result.files, 'file')}"),
        ("sentences", figures.whole(result.sentences), f"for training, in {figures.counted(result.shards, 'file')}"),
        ("tokens", figures.whole(result.tokens), "words and punctuation marks in them"),
        ("held out", figures.whole(result.held_out_sentences), "sentences for validation"),
        ("held-out tokens", figures.whole(result.held_out_tokens), "words and punctuation marks in them"),
    ]
    if decode_errors is DecodeErrors.REPLACE:
        rows.append(("replaced", figures.whole(result.replaced_bytes), "stretches of bytes that were not UTF-8"))
    show_result(result, f"Prepared text in {result.out_dir}", rows, as_json=as_json)
