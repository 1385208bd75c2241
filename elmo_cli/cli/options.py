"""Options that several commands share, each written once so that it means the same everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.config import TextConfig

TEXT, MACHINE, OUTPUT = "Text", "Machine", "Output"
"""Panels of a command's help; options outside them stand first."""


class Tokenizer(StrEnum):
    """How raw text is cut; the values are those of :class:`elmo_cli.config.TextConfig`."""

    WORDS = "words"
    WHITESPACE = "whitespace"


class DecodeErrors(StrEnum):
    """What to do with bytes that are not UTF-8; the values are those of :class:`elmo_cli.config.TextConfig`."""

    STRICT = "strict"
    REPLACE = "replace"


DEFAULT_TOKENIZER = Tokenizer(TextConfig.tokenizer)
DEFAULT_DECODE_ERRORS = DecodeErrors(TextConfig.decode_errors)

INPUT_HELP = "Text files in UTF-8, folders (every *.txt in them), or - for standard input."
CORPUS_HELP = (
    "Text files in UTF-8, folders (every *.txt in them, or what 'elmo prepare' wrote), or - for standard input."
)
TOKENIZER_HELP = "words: sentences and words of raw text. whitespace: one sentence a line, cut at spaces."
LANGUAGE_HELP = "ISO 639 code whose sentence rules 'words' follows."
DECODE_ERRORS_HELP = "Bytes that are not UTF-8: strict stops with file and line, replace puts U+FFFD."

Inputs = Annotated[list[str], typer.Argument(metavar="INPUT", help=INPUT_HELP, show_default=False)]
CorpusInputs = Annotated[list[str], typer.Argument(metavar="INPUT", help=CORPUS_HELP, show_default=False)]
ModelDir = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Model folder, or run folder with one in it.", show_default=False)
]

TokenizerOption = Annotated[Tokenizer, typer.Option("--tokenizer", help=TOKENIZER_HELP, rich_help_panel=TEXT)]
ModelTokenizerOption = Annotated[
    Tokenizer | None,
    typer.Option(
        "--tokenizer",
        help="How to cut the text. Usually left out: the model remembers its own.",
        rich_help_panel=TEXT,
    ),
]
LanguageOption = Annotated[str, typer.Option("--language", metavar="CODE", help=LANGUAGE_HELP, rich_help_panel=TEXT)]
DecodeErrorsOption = Annotated[
    DecodeErrors, typer.Option("--decode-errors", help=DECODE_ERRORS_HELP, rich_help_panel=TEXT)
]

DeviceOption = Annotated[
    str,
    typer.Option(
        "--device", metavar="NAME", help="auto (CUDA where there is one), cpu, cuda or cuda:N.", rich_help_panel=MACHINE
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="CPU threads; without it, one per core this process may use.",
        rich_help_panel=MACHINE,
    ),
]
BatchTokensOption = Annotated[
    int,
    typer.Option(
        "--batch-tokens",
        metavar="N",
        min=1,
        help="Words computed together. Fewer need less memory and give the same.",
        rich_help_panel=MACHINE,
    ),
]

OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace what is already at --out.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object.", rich_help_panel=OUTPUT)
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Show nothing but warnings, errors and the result.", rich_help_panel=OUTPUT),
]
VerboseOption = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Show the log, and with an error where it arose.", rich_help_panel=OUTPUT),
]


def examples(*commands: str) -> str:
    """The end of a command's help: commands to copy, each on a line of its own in 80 columns."""
    return "\n\n".join(("Examples:" if len(commands) > 1 else "Example:", *commands))
