"""``elmo embed``: a contextual vector for every word of a text."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import options
from elmo_cli.cli.console import follow, show_result
from elmo_cli.cli.embedding_rows import key_names, result_rows
from elmo_cli.config import InputConfig, VectorConfig
from elmo_cli.flows.model_results import EmbedResult
from elmo_cli.processes import place_in_group

EXAMPLES = options.examples(
    "elmo embed run/model sentences.txt --out vectors.hdf5",
    "elmo embed run/model sentences.txt --out vectors.hdf5 --layers average",
    "elmo embed run/model reviews.jsonl.gz --field body --out vectors.hdf5",
    "elmo embed run/model sentences.txt --out vectors --layout flat --format npy",
    "cat sentences.txt | elmo embed run/model - --out vectors.hdf5",
)
ALLENNLP, VECTORS, FILE = "As in AllenNLP", "Vectors", "File"
CHOICES = ("all", "top", "average", "weighted")


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


class Layout(StrEnum):
    """How a file is laid out; the values are those of :class:`elmo_cli.config.VectorConfig`."""

    ALLENNLP = "allennlp"
    BILM = "bilm"
    MANYLANGS = "manylangs"
    FLAT = "flat"


class FileFormat(StrEnum):
    """What holds vectors; the values are those of :class:`elmo_cli.config.VectorConfig`."""

    HDF5 = "hdf5"
    NPY = "npy"
    SAFETENSORS = "safetensors"
    PARQUET = "parquet"


class Dtype(StrEnum):
    """How numbers are stored; the values are those of :class:`elmo_cli.config.VectorConfig`."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16-rounded"


class Compression(StrEnum):
    """How vectors are compressed."""

    NONE = "none"
    GZIP = "gzip"
    LZF = "lzf"


class Pooling(StrEnum):
    """How tokens become a sentence; the values are those of :class:`elmo_cli.config.VectorConfig`."""

    MEAN = "mean"
    MAX = "max"
    FIRST_LAST = "first-last"


def command(
    model_dir: options.ModelDir,
    input_path: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="One sentence a line or record, or - for standard input.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="File to write; a folder with --format npy.", show_default=False),
    ],
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="WHICH",
            help="all, top, average, weighted, or one by number: 0 is the token layer.",
            show_default="all",
        ),
    ] = None,
    state: Annotated[
        State,
        typer.Option(
            "--state",
            help="How a sentence begins. warm, zero: vectors depend on nothing but the sentence. "
            "carry: as in AllenNLP, state goes on from batch to batch.",
        ),
    ] = State.WARM,
    overwrite: options.OverwriteOption = False,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="W,W,...",
            help="For --layers weighted: a factor per layer, the token layer first. "
            "Without it, the mix that the model learned.",
            show_default=False,
            rich_help_panel=VECTORS,
        ),
    ] = None,
    gamma: Annotated[
        float | None,
        typer.Option(
            "--gamma",
            metavar="G",
            help="For --layers weighted: a factor of the sum. 1 beside --weights.",
            show_default=False,
            rich_help_panel=VECTORS,
        ),
    ] = None,
    sentence_vectors: Annotated[
        Pooling | None,
        typer.Option(
            "--sentence-vectors",
            help="One vector a sentence. first-last: forward half of the last word, backward half of the first.",
            show_default=False,
            rich_help_panel=VECTORS,
        ),
    ] = None,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Scale every vector to length 1.", rich_help_panel=VECTORS)
    ] = False,
    word_types: Annotated[
        bool,
        typer.Option(
            "--word-types",
            help="Words without their context: the token layer, once, half as wide.",
            rich_help_panel=VECTORS,
        ),
    ] = False,
    layout: Annotated[
        Layout,
        typer.Option(
            "--layout",
            help="allennlp, bilm: an array a line. manylangs: a file a layer, words as keys. "
            "flat: one array of all tokens.",
            rich_help_panel=FILE,
        ),
    ] = Layout.ALLENNLP,
    format: Annotated[
        FileFormat,
        typer.Option("--format", help="What holds --layout flat; the others are HDF5.", rich_help_panel=FILE),
    ] = FileFormat.HDF5,
    dtype: Annotated[
        Dtype,
        typer.Option(
            "--dtype",
            help="bfloat16-rounded is float32 with 16 bits of zeros, for --compression.",
            rich_help_panel=FILE,
        ),
    ] = Dtype.FLOAT32,
    compression: Annotated[
        Compression, typer.Option("--compression", help="Smaller files, written more slowly.", rich_help_panel=FILE)
    ] = Compression.NONE,
    every: Annotated[bool, typer.Option("--all", help="--layers all", rich_help_panel=ALLENNLP)] = False,
    top: Annotated[bool, typer.Option("--top", help="--layers top", rich_help_panel=ALLENNLP)] = False,
    average: Annotated[bool, typer.Option("--average", help="--layers average", rich_help_panel=ALLENNLP)] = False,
    sentence_keys: Annotated[
        bool,
        typer.Option("--use-sentence-keys", help="Sentences are the keys, not line numbers.", rich_help_panel=ALLENNLP),
    ] = False,
    forget_sentences: Annotated[
        bool, typer.Option("--forget-sentences", help="Leave the text of sentences out.", rich_help_panel=ALLENNLP)
    ] = False,
    blank_lines: Annotated[
        BlankLines,
        typer.Option(
            "--blank-lines",
            help="error stops, skip leaves the line's number out, empty writes 0 vectors for it.",
            rich_help_panel=options.INPUT,
        ),
    ] = BlankLines.ERROR,
    pairs: Annotated[
        bool,
        typer.Option(
            "--pairs",
            help="A line is text_a<TAB>text_b; those of line i become 2 i and 2 i + 1.",
            rich_help_panel=options.INPUT,
        ),
    ] = False,
    split_sentences: Annotated[
        bool,
        typer.Option(
            "--split-sentences",
            help="A line is a document: its sentences are read one by one, and its array has the words of all.",
            rich_help_panel=options.INPUT,
        ),
    ] = False,
    input_format: Annotated[
        options.InputFormat,
        typer.Option("--input-format", help=options.FORMAT_HELP, rich_help_panel=options.INPUT),
    ] = options.DEFAULT_FORMAT,
    field: options.FieldOption = InputConfig.field,
    id_field: Annotated[
        str | None,
        typer.Option(
            "--id-field",
            metavar="NAME",
            help="Which field or column has a record's identifier; of CoNLL-U which comment, such as sent_id. It is "
            "the key in allennlp, and stands beside the vectors in flat.",
            show_default=False,
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    encoding: options.EncodingOption = InputConfig.encoding,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    tokenizer: options.ModelTokenizerOption = None,
    batch_tokens: options.VectorBatchOption = None,
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
    precision: options.PrecisionOption = options.DEFAULT_PRECISION,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Write a contextual vector for every word of a text.

    By default the file is as AllenNLP's: dataset "0" has the vectors of the first line, row or sentence, and so on.

    A command that was stopped goes on where it was when it is started again.
    """
    vectors = VectorConfig(
        layers=_choose_layers(
            layers, {"all": every, "top": top, "average": average}, mixed=weights is not None or gamma is not None
        ),
        weights=None if weights is None else _numbers(weights),
        gamma=gamma,
        word_types=word_types,
        sentence_vectors=sentence_vectors.value if sentence_vectors is not None else None,
        normalize=normalize,
        layout=layout.value,
        format=format.value,
        dtype=dtype.value,
        compression=None if compression is Compression.NONE else compression.value,
        sentence_keys=sentence_keys,
        forget_sentences=forget_sentences,
    )
    reading = InputConfig(
        format=input_format.value,
        field=field,
        id_field=id_field,
        encoding=encoding,
        decode_errors=decode_errors.value,
    )
    is_first = place_in_group()[0] == 0
    from elmo_cli.flows.vectors.embed import embed

    flow = embed(
        model_dir,
        input_path,
        out,
        vectors=vectors,
        state=state.value,
        blank_lines=blank_lines.value,
        tokenizer=tokenizer.value if tokenizer is not None else None,
        pairs=pairs,
        split_sentences=split_sentences,
        reading=reading,
        batch_tokens=batch_tokens,
        batch_sentences=batch_sentences,
        device=device,
        threads=threads,
        precision=precision.value,
        overwrite=overwrite,
    )
    if not is_first:
        for _ in flow:
            pass
        return
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, EmbedResult)
    names = key_names(result.layout, pairs=pairs, id_field=id_field, sentence_keys=sentence_keys)
    rows = result_rows(result, blank_lines.value, names, pooled=sentence_vectors is not None)
    show_result(result, f"Vectors in {result.path}", rows, as_json=as_json)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r}: expected numbers with commas", param_hint="--weights") from None


def _choose_layers(layers: str | None, flags: dict[str, bool], *, mixed: bool) -> str:
    named = [name for name, given in flags.items() if given]
    if layers is not None:
        named.append(layers)
    if len(set(named)) > 1:
        raise typer.BadParameter(f"give one choice of layers, not {' and '.join(named)}", param_hint="--layers")
    chosen = named[0] if named else "weighted" if mixed else "all"
    if chosen not in CHOICES and not chosen.isdecimal():
        raise typer.BadParameter(
            f"{chosen!r} is not one of {', '.join(CHOICES)} and a layer's number", param_hint="--layers"
        )
    return chosen
