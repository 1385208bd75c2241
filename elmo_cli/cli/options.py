"""Options that several commands share, each written once so that it means the same everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.config import InputConfig, PiecesConfig, TextConfig

INPUT, TEXT, MACHINE, OUTPUT = "Input", "Text", "Machine", "Output"
"""Panels of a command's help; options outside them stand first."""


class Tokenizer(StrEnum):
    """How raw text is cut; the values are those of :class:`elmo_cli.config.TextConfig`."""

    WORDS = "words"
    WHITESPACE = "whitespace"
    SENTENCEPIECE = "sentencepiece"


class Normalization(StrEnum):
    """Unicode normal forms; the values are those of :class:`elmo_cli.config.TextConfig`."""

    AUTO = "auto"
    NFC = "nfc"
    NFKC = "nfkc"
    NONE = "none"


class PiecesAlgorithm(StrEnum):
    """How pieces are learned; the values are those of :class:`elmo_cli.config.PiecesConfig`."""

    UNIGRAM = "unigram"
    BPE = "bpe"


class DecodeErrors(StrEnum):
    """What to do with bytes not in the encoding; the values are those of :class:`elmo_cli.config.InputConfig`."""

    STRICT = "strict"
    REPLACE = "replace"
    SKIP = "skip"


class InputFormat(StrEnum):
    """What files of text look like; the values are those of :class:`elmo_cli.config.InputConfig`."""

    AUTO = "auto"
    TEXT = "text"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    CONLLU = "conllu"
    TAGGED = "tagged"


class Documents(StrEnum):
    """Where a document ends; the values are those of :class:`elmo_cli.config.InputConfig`."""

    AUTO = "auto"
    FILE = "file"
    BLANK_LINE = "blank-line"
    RECORD = "record"
    LINE = "line"


class Precision(StrEnum):
    """Of matrix products; the values are those of :data:`elmo_cli.config.PRECISIONS`."""

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"


class InferencePrecision(StrEnum):
    """The same where nothing is learned; the values are those of :data:`elmo_cli.config.INFERENCE_PRECISIONS`."""

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"
    INT8 = "int8"


DEFAULT_PRECISION = InferencePrecision.FP32
DEFAULT_TOKENIZER = Tokenizer(TextConfig.tokenizer)
DEFAULT_NORMALIZATION = Normalization(TextConfig.normalization)
DEFAULT_ALGORITHM = PiecesAlgorithm(PiecesConfig.algorithm)
DEFAULT_DECODE_ERRORS = DecodeErrors(InputConfig.decode_errors)
DEFAULT_FORMAT = InputFormat(InputConfig.format)
DEFAULT_DOCUMENTS = Documents(InputConfig.documents)

INPUT_HELP = (
    "Text files, compressed or not; folders (every file in them that ends in .txt, .jsonl, .csv, .tsv, .conllu or "
    ".tagged); or - for standard input."
)
CORPUS_HELP = f"{INPUT_HELP.removesuffix('.')}; or a folder that 'elmo prepare' wrote."
TOKENIZER_HELP = (
    "words: sentences and words of raw text. sentencepiece: sentences and learned pieces, for languages without "
    "spaces. whitespace: one sentence a line, cut at spaces."
)
LANGUAGE_HELP = "ISO 639 code whose sentence rules raw text follows."
NORMALIZATION_HELP = "Unicode normal form: nfc, nfkc or none. auto is nfc, and none for --tokenizer whitespace."
LOWERCASE_HELP = "Make all letters small."
ZERO_DIGITS_HELP = "Make every decimal digit 0."
PIECES_HELP = "With sentencepiece: pieces to learn, at most."
PIECES_ALGORITHM_HELP = "With sentencepiece: how pieces are learned."
COVERAGE_HELP = "With sentencepiece: share of the text's characters that pieces spell."
PIECES_MODEL_HELP = "With sentencepiece: a model that is learned already, instead."
FORMAT_HELP = "auto goes by the file's name; text has a paragraph a line, tagged token<TAB>tag."
FIELD_HELP = "Which field of a JSON line, or which column (name, or number from 1), has the text."
ENCODING_HELP = "Encoding of the text, such as latin-1, utf-16, gb18030 or shift_jis."
DOCUMENTS_HELP = "Where a document ends; auto: records where there are any, else files."
DECODE_ERRORS_HELP = (
    "Bytes not in the encoding: strict stops with file and line, replace puts U+FFFD, skip leaves the line out."
)

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
NormalizationOption = Annotated[
    Normalization, typer.Option("--normalization", help=NORMALIZATION_HELP, rich_help_panel=TEXT)
]
LowercaseOption = Annotated[bool, typer.Option("--lowercase", help=LOWERCASE_HELP, rich_help_panel=TEXT)]
ZeroDigitsOption = Annotated[bool, typer.Option("--zero-digits", help=ZERO_DIGITS_HELP, rich_help_panel=TEXT)]
PiecesOption = Annotated[int, typer.Option("--pieces", metavar="N", min=8, help=PIECES_HELP, rich_help_panel=TEXT)]
PiecesAlgorithmOption = Annotated[
    PiecesAlgorithm, typer.Option("--pieces-algorithm", help=PIECES_ALGORITHM_HELP, rich_help_panel=TEXT)
]
CoverageOption = Annotated[
    float, typer.Option("--character-coverage", metavar="SHARE", help=COVERAGE_HELP, rich_help_panel=TEXT)
]
PiecesModelOption = Annotated[
    Path | None, typer.Option("--pieces-model", metavar="FILE", help=PIECES_MODEL_HELP, rich_help_panel=TEXT)
]
LanguageOption = Annotated[str, typer.Option("--language", metavar="CODE", help=LANGUAGE_HELP, rich_help_panel=TEXT)]
DecodeErrorsOption = Annotated[
    DecodeErrors, typer.Option("--decode-errors", help=DECODE_ERRORS_HELP, rich_help_panel=INPUT)
]

FormatOption = Annotated[
    InputFormat,
    typer.Option(
        "--format",
        help=FORMAT_HELP,
        rich_help_panel=INPUT,
    ),
]
FieldOption = Annotated[
    str,
    typer.Option(
        "--field",
        metavar="NAME",
        help=FIELD_HELP,
        rich_help_panel=INPUT,
    ),
]
EncodingOption = Annotated[str, typer.Option("--encoding", metavar="NAME", help=ENCODING_HELP, rich_help_panel=INPUT)]
DocumentsOption = Annotated[
    Documents,
    typer.Option("--documents", help=DOCUMENTS_HELP, rich_help_panel=INPUT),
]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        min=1,
        help="How many share the work; without it, one per core, and one for a small text. The result is the same.",
        rich_help_panel=MACHINE,
    ),
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
PrecisionOption = Annotated[
    InferencePrecision,
    typer.Option(
        "--precision",
        help="Of matrix products: fp32; bf16 and, on CPUs, int8, faster where the processor has units for them; tf32, "
        "on GPUs.",
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
VectorBatchOption = Annotated[
    int | None,
    typer.Option(
        "--batch-tokens",
        metavar="N",
        min=1,
        help="Words computed together, at most. Fewer need less memory and give the same. Left out, as many as suit "
        "the device.",
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
