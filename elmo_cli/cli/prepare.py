"""``elmo prepare``: raw text to tokenised sentences."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import Row, follow, show_result
from elmo_cli.config import CleaningConfig, InputConfig, PiecesConfig, SplitConfig, TextConfig
from elmo_cli.flows.corpus_results import PrepareResult

EXAMPLES = options.examples(
    "elmo prepare books/*.txt --out prepared",
    "elmo prepare news.jsonl.gz --out prepared --shuffle --deduplicate",
    "elmo prepare zh.txt --out prepared --language zh --tokenizer sentencepiece",
)

CLEANING, SPLITS = "Cleaning", "Splits and files"
"""Panels of the help."""

DROPPED = {
    "too short": "sentences with fewer tokens than --min-tokens",
    "too long": "sentences with more tokens than --max-tokens",
    "non-letters": "sentences with a larger share than --max-non-letters",
    "duplicate": "sentences with the same tokens as an earlier one",
}
"""What each rule of cleaning drops."""


EXAMPLES_SHOWN = 2
"""Of what each rule dropped; ``prepare.json`` and the page have more."""

WIDEST_EXAMPLE = 60
"""Characters of each."""

TOKENS = {
    options.Tokenizer.WORDS: "words and punctuation marks",
    options.Tokenizer.SENTENCEPIECE: "pieces of words and punctuation marks",
    options.Tokenizer.WHITESPACE: "what stands between spaces",
}
"""What tokens are, by tokenizer."""


class SplitBy(StrEnum):
    """What is dealt out to the splits; the values are those of :class:`elmo_cli.config.SplitConfig`."""

    SENTENCE = "sentence"
    DOCUMENT = "document"


DEFAULT_SPLIT_BY = SplitBy(SplitConfig.by)


def command(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write.", show_default=False)],
    format: options.FormatOption = options.DEFAULT_FORMAT,
    field: options.FieldOption = InputConfig.field,
    encoding: options.EncodingOption = InputConfig.encoding,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    documents: options.DocumentsOption = options.DEFAULT_DOCUMENTS,
    tokenizer: options.TokenizerOption = options.DEFAULT_TOKENIZER,
    language: options.LanguageOption = TextConfig.language,
    normalization: options.NormalizationOption = options.DEFAULT_NORMALIZATION,
    lowercase: options.LowercaseOption = TextConfig.lowercase,
    zero_digits: options.ZeroDigitsOption = TextConfig.zero_digits,
    pieces: options.PiecesOption = PiecesConfig.size,
    pieces_algorithm: options.PiecesAlgorithmOption = options.DEFAULT_ALGORITHM,
    character_coverage: options.CoverageOption = PiecesConfig.character_coverage,
    pieces_model: options.PiecesModelOption = None,
    deduplicate: Annotated[
        bool,
        typer.Option(
            "--deduplicate", help="Keep one of the sentences that have the same tokens.", rich_help_panel=CLEANING
        ),
    ] = CleaningConfig.deduplicate,
    min_tokens: Annotated[
        int,
        typer.Option("--min-tokens", metavar="N", min=1, help="Drop shorter sentences.", rich_help_panel=CLEANING),
    ] = CleaningConfig.min_tokens,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", metavar="N", min=1, help="Drop longer sentences.", rich_help_panel=CLEANING),
    ] = CleaningConfig.max_tokens,
    max_non_letters: Annotated[
        float | None,
        typer.Option(
            "--max-non-letters",
            metavar="SHARE",
            help="Drop sentences where a larger share of the characters are no letters.",
            rich_help_panel=CLEANING,
        ),
    ] = CleaningConfig.max_non_letters,
    held_out: Annotated[
        float,
        typer.Option("--held-out", metavar="SHARE", help="Share kept apart for validation.", rich_help_panel=SPLITS),
    ] = SplitConfig.held_out,
    test: Annotated[
        float, typer.Option("--test", metavar="SHARE", help="Share kept apart for testing.", rich_help_panel=SPLITS)
    ] = SplitConfig.test,
    split_by: Annotated[
        SplitBy,
        typer.Option(
            "--split-by",
            help="With document, no document has sentences in two splits.",
            rich_help_panel=SPLITS,
        ),
    ] = DEFAULT_SPLIT_BY,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Put the sentences of a split in random order.", rich_help_panel=SPLITS)
    ] = SplitConfig.shuffle,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Decides which and what order.", rich_help_panel=SPLITS)
    ] = SplitConfig.seed,
    shard_sentences: Annotated[
        int,
        typer.Option(
            "--shard-sentences",
            metavar="N",
            min=1,
            help="Sentences to a training file, at most.",
            rich_help_panel=SPLITS,
        ),
    ] = SplitConfig.shard_sentences,
    processes: options.ProcessesOption = None,
    overwrite: options.OverwriteOption = False,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Cut raw text into files with one tokenised sentence a line.

    'elmo pretrain' does the same on the way; this is for a large corpus that is read often.
    """
    reading = InputConfig(
        format=format.value,
        field=field,
        encoding=encoding,
        decode_errors=decode_errors.value,
        documents=documents.value,
    )
    text = TextConfig(
        tokenizer=tokenizer.value,
        language=language,
        normalization=normalization.value,
        lowercase=lowercase,
        zero_digits=zero_digits,
    )
    inventory = PiecesConfig(size=pieces, algorithm=pieces_algorithm.value, character_coverage=character_coverage)
    cleaning = CleaningConfig(
        deduplicate=deduplicate, min_tokens=min_tokens, max_tokens=max_tokens, max_non_letters=max_non_letters
    )
    split = SplitConfig(
        held_out=held_out,
        test=test,
        by=split_by.value,
        shuffle=shuffle,
        shard_sentences=shard_sentences,
        seed=seed,
    )
    from elmo_cli.flows.corpora.prepare import prepare

    flow = prepare(
        inputs,
        out,
        reading=reading,
        text=text,
        cleaning=cleaning,
        split=split,
        pieces=inventory,
        pieces_model=pieces_model,
        processes=processes,
        overwrite=overwrite,
    )
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, PrepareResult)
    show_result(result, f"Prepared text in {result.out_dir}", list(_rows(result, TOKENS[tokenizer])), as_json=as_json)


def _rows(result: PrepareResult, tokens_are: str) -> Iterator[Row]:
    whole = figures.whole
    where = f"in {figures.counted(result.files, 'file')} with {figures.counted(result.documents, 'document')}"
    yield "read", figures.size(result.bytes), where
    yield "sentences", whole(result.sentences), f"for training, in {figures.counted(result.shards, 'file')}"
    yield "tokens", whole(result.tokens), f"{tokens_are} in them"
    apart = (
        ("held out", "held-out", "validation", result.held_out_sentences, result.held_out_tokens),
        ("test", "test", "testing", result.test_sentences, result.test_tokens),
    )
    overlaps = (result.held_out_overlap, result.test_overlap)
    for (name, adjective, purpose, sentences, tokens), overlap in zip(apart, overlaps, strict=True):
        if sentences or name == "held out":
            yield name, whole(sentences), f"sentences for {purpose}"
            yield f"{adjective} tokens", whole(tokens), f"{tokens_are} in them"
        if overlap is not None:
            yield f"{adjective} overlap", figures.percent(overlap), "of these sentences also stand in training"
    for rule, dropped in result.dropped.items():
        yield f"dropped, {rule}", whole(dropped.sentences), f"{DROPPED[rule]}; {whole(dropped.tokens)} tokens"
        for example in dropped.examples[:EXAMPLES_SHOWN]:
            yield "", "such as", example if len(example) <= WIDEST_EXAMPLE else f"{example[: WIDEST_EXAMPLE - 1]}…"
    for oddity, count in result.oddities.items():
        yield oddity, whole(count), "met in the input"
    shared = figures.counted(result.processes, "process").replace("processs", "processes")
    yield "speed", figures.rate(result.bytes_per_second, "bytes"), f"of input, by {shared}"
