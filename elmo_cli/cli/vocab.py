"""``elmo vocab``: text to the list of words that a model can predict."""

from pathlib import Path
from typing import Annotated, Any

import typer

from elmo_cli.cli import options
from elmo_cli.cli.console import follow, show_result
from elmo_cli.cli.vocab_tables import check_rows, check_title, counts_rows, vocabulary_rows
from elmo_cli.config import CharCnnConfig, InputConfig, TextConfig, VocabularyConfig
from elmo_cli.flows.corpus_results import CountsResult, VocabularyCheckResult, VocabularyResult
from elmo_cli.flows.reports import Reports

EXAMPLES = options.examples(
    "elmo vocab corpus.txt --out vocab.txt",
    "elmo vocab prepared --out vocab.txt --size 50000 --min-count 3",
    "elmo vocab part-7.txt --counts-only counts-7.tsv.gz",
    "elmo vocab --merge counts-*.tsv.gz --out vocab.txt",
    "elmo vocab --check vocab.txt --repair --out mended.txt",
)

PARTS, CHECKS = "In parts, over several machines", "A vocabulary that is there"
"""Panels of the help."""


def command(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="[INPUT]...", help=options.CORPUS_HELP, show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Vocabulary to write.", show_default=False)
    ] = None,
    size: Annotated[
        int, typer.Option("--size", metavar="N", min=4, help="Words at most, <S>, </S> and <UNK> included.")
    ] = VocabularyConfig.size,
    min_count: Annotated[
        int | None,
        typer.Option(
            "--min-count",
            metavar="N",
            min=1,
            help="Leave out words seen less often.",
            show_default="2; 1 for the pieces of sentencepiece",
        ),
    ] = None,
    force_words: Annotated[
        Path | None,
        typer.Option("--force-words", metavar="FILE", help="Words, one a line, to keep however rare they are."),
    ] = None,
    held_out_text: Annotated[
        list[str] | None,
        typer.Option(
            "--held-out-text",
            metavar="INPUT",
            help="Text to measure the coverage on; without it, what 'elmo prepare' held out.",
            show_default=False,
        ),
    ] = None,
    max_characters: Annotated[
        int,
        typer.Option(
            "--max-characters", metavar="N", min=3, help="Width of the character table; longer words are reported."
        ),
    ] = CharCnnConfig.max_characters,
    counts_only: Annotated[
        Path | None,
        typer.Option(
            "--counts-only",
            metavar="FILE",
            help="Write counts instead, to be merged; compressed if it ends in .gz.",
            rich_help_panel=PARTS,
        ),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="The inputs are such files of counts.", rich_help_panel=PARTS)
    ] = False,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            metavar="FILE",
            help="List all that is wrong with a vocabulary; exit code 1 if anything is.",
            rich_help_panel=CHECKS,
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --check: write a mended one to --out.", rich_help_panel=CHECKS)
    ] = False,
    tokenizer: options.TokenizerOption = options.DEFAULT_TOKENIZER,
    language: options.LanguageOption = TextConfig.language,
    normalization: options.NormalizationOption = options.DEFAULT_NORMALIZATION,
    lowercase: options.LowercaseOption = False,
    zero_digits: options.ZeroDigitsOption = False,
    pieces_model: options.PiecesModelOption = None,
    format: options.FormatOption = options.DEFAULT_FORMAT,
    field: options.FieldOption = InputConfig.field,
    encoding: options.EncodingOption = InputConfig.encoding,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    max_types: Annotated[
        int,
        typer.Option(
            "--max-types",
            metavar="N",
            min=1_000,
            help="Distinct words held at a time; beyond it the rarest are forgotten.",
            rich_help_panel=options.MACHINE,
        ),
    ] = VocabularyConfig.max_types,
    processes: options.ProcessesOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Count words and write them as a vocabulary, the most frequent first.

    Not needed before 'elmo pretrain', which builds one when none is given.
    """
    names = inputs or []
    _refuse_contradictions(names, out, counts_only, merge, check, repair)
    config = VocabularyConfig(size=size, min_count=min_count, max_types=max_types)
    text = TextConfig(
        tokenizer=tokenizer.value,
        language=language,
        normalization=normalization.value,
        lowercase=lowercase,
        zero_digits=zero_digits,
    )
    reading = InputConfig(format=format.value, field=field, encoding=encoding, decode_errors=decode_errors.value)

    def run(flow: Reports) -> object:
        return follow(flow, quiet=quiet, verbose=verbose)

    if check is not None:
        from elmo_cli.flows.corpora.vocabulary_check import check_vocabulary

        checked = run(check_vocabulary(check, repaired=out if repair else None))
        assert isinstance(checked, VocabularyCheckResult)
        show_result(checked, check_title(checked), check_rows(checked), as_json=as_json)
        if not checked.sound and not repair:
            raise typer.Exit(1)
    elif counts_only is not None:
        from elmo_cli.flows.corpora.part_counts import count_only

        counted = run(
            count_only(
                names,
                counts_only,
                config=config,
                text=text,
                reading=reading,
                pieces_model=pieces_model,
                processes=processes,
            )
        )
        assert isinstance(counted, CountsResult)
        show_result(counted, f"Counts in {counted.path}", counts_rows(counted), as_json=as_json)
    else:
        assert out is not None, "refused above"
        common: dict[str, Any] = {
            "config": config,
            "reading": reading,
            "pieces_model": pieces_model,
            "max_characters": max_characters,
            "forced": force_words,
            "held_out": held_out_text or [],
            "processes": processes,
        }
        if merge:
            from elmo_cli.flows.corpora.merging import merge_counts

            built = run(merge_counts([Path(name) for name in names], out, **common))
        else:
            from elmo_cli.flows.corpora.vocabulary import build_vocabulary

            built = run(build_vocabulary(names, out, text=text, **common))
        assert isinstance(built, VocabularyResult)
        show_result(built, f"Vocabulary in {built.path}", vocabulary_rows(built), as_json=as_json)


def _refuse_contradictions(
    inputs: list[str], out: Path | None, counts_only: Path | None, merge: bool, check: Path | None, repair: bool
) -> None:
    if check is not None and (inputs or merge or counts_only):
        raise typer.BadParameter("looks at one vocabulary and takes no other input", param_hint="--check")
    if repair and (check is None or out is None):
        raise typer.BadParameter("needs --check FILE and --out FILE", param_hint="--repair")
    if check is not None:
        if out is not None and not repair:
            raise typer.BadParameter("writes nothing without --repair", param_hint="--check")
        return
    if not inputs:
        raise typer.BadParameter("name a text to count", param_hint="INPUT")
    if counts_only is not None and (out is not None or merge):
        raise typer.BadParameter("writes counts alone: leave out --out and --merge", param_hint="--counts-only")
    if counts_only is None and out is None:
        raise typer.BadParameter("say where the vocabulary goes", param_hint="--out")
