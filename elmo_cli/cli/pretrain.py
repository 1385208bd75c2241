"""``elmo pretrain``: text to a trained model."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import Row, follow, show_json, show_result, suggest
from elmo_cli.cli.options import DecodeErrors, Documents, InputFormat, Normalization, PiecesAlgorithm, Tokenizer
from elmo_cli.cli.settings import gather
from elmo_cli.cli.stopping import stop_on_signals
from elmo_cli.config import PRESETS, InputConfig, PiecesConfig, TextConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.run_results import PretrainResult, StoppedResult

EXAMPLES = options.examples(
    "elmo pretrain corpus.txt --out run",
    "elmo pretrain corpus.txt --out run --resume",
    "elmo pretrain corpus.txt --out run --preset small --epochs 5",
    "elmo pretrain corpus.txt --out run --set train.learning_rate=0.1",
    "elmo pretrain --demo-corpus --out run",
)
DEMO_CORPUS = "the English documentation that ships with Python (about 260,000 words and marks; no download)"
TEXT, TRAINING = options.TEXT, "Model and training"


def command(
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Run folder to write.", show_default=False)],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT", help=options.CORPUS_HELP, show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    demo_corpus: Annotated[
        bool, typer.Option("--demo-corpus", help=f"Train on {DEMO_CORPUS}.", rich_help_panel=TEXT)
    ] = False,
    vocabulary: Annotated[
        Path | None,
        typer.Option("--vocab", metavar="FILE", help="Vocabulary; without it, one is built.", rich_help_panel=TEXT),
    ] = None,
    validation: Annotated[
        list[str] | None,
        typer.Option(
            "--validation",
            metavar="FILE",
            help="Text to measure held-out perplexity on (repeatable); without it, a share of the input.",
            rich_help_panel=TEXT,
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        InputFormat | None,
        typer.Option(
            "--format", help=options.FORMAT_HELP, show_default=InputConfig.format, rich_help_panel=options.INPUT
        ),
    ] = None,
    field: Annotated[
        str | None,
        typer.Option(
            "--field",
            metavar="NAME",
            help=options.FIELD_HELP,
            show_default=InputConfig.field,
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding",
            metavar="NAME",
            help=options.ENCODING_HELP,
            show_default=InputConfig.encoding,
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    decode_errors: Annotated[
        DecodeErrors | None,
        typer.Option(
            "--decode-errors",
            help=options.DECODE_ERRORS_HELP,
            show_default=InputConfig.decode_errors,
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    documents: Annotated[
        Documents | None,
        typer.Option(
            "--documents",
            help=options.DOCUMENTS_HELP,
            show_default=InputConfig.documents,
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    tokenizer: Annotated[
        Tokenizer | None,
        typer.Option(
            "--tokenizer",
            help=options.TOKENIZER_HELP,
            show_default=TextConfig.tokenizer,
            rich_help_panel=TEXT,
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            metavar="CODE",
            help=options.LANGUAGE_HELP,
            show_default=TextConfig.language,
            rich_help_panel=TEXT,
        ),
    ] = None,
    normalization: Annotated[
        Normalization | None,
        typer.Option(
            "--normalization",
            help=options.NORMALIZATION_HELP,
            show_default=TextConfig.normalization,
            rich_help_panel=TEXT,
        ),
    ] = None,
    lowercase: Annotated[
        bool | None, typer.Option("--lowercase", help=options.LOWERCASE_HELP, rich_help_panel=TEXT)
    ] = None,
    zero_digits: Annotated[
        bool | None, typer.Option("--zero-digits", help=options.ZERO_DIGITS_HELP, rich_help_panel=TEXT)
    ] = None,
    pieces: Annotated[
        int | None,
        typer.Option(
            "--pieces",
            metavar="N",
            help=options.PIECES_HELP,
            show_default=str(PiecesConfig.size),
            rich_help_panel=TEXT,
        ),
    ] = None,
    pieces_algorithm: Annotated[
        PiecesAlgorithm | None,
        typer.Option(
            "--pieces-algorithm",
            help=options.PIECES_ALGORITHM_HELP,
            show_default=PiecesConfig.algorithm,
            rich_help_panel=TEXT,
        ),
    ] = None,
    character_coverage: Annotated[
        float | None,
        typer.Option(
            "--character-coverage",
            metavar="SHARE",
            help=options.COVERAGE_HELP,
            show_default=str(PiecesConfig.character_coverage),
            rich_help_panel=TEXT,
        ),
    ] = None,
    pieces_model: options.PiecesModelOption = None,
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            metavar="NAME",
            help=f"auto (what suits machine and corpus), {', '.join(PRESETS)}; with the ending -bilm-tf, bilm-tf's "
            "exact training recipe.",
            rich_help_panel=TRAINING,
        ),
    ] = "auto",
    epochs: Annotated[
        float | None,
        typer.Option(
            "--epochs",
            metavar="N",
            help="Passes over the text; 10 without this, --steps, --words and --hours.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", metavar="N", help="Steps to train, instead of epochs.", rich_help_panel=TRAINING),
    ] = None,
    words: Annotated[
        int | None,
        typer.Option("--words", metavar="N", help="Words to read, instead of epochs.", rich_help_panel=TRAINING),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            "--hours",
            metavar="N",
            help="Hours to train, over all calls that the run is resumed in, instead of epochs.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option("--rows", metavar="N", help="Stretches of text read side by side.", rich_help_panel=TRAINING),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Decides all that is random.", rich_help_panel=TRAINING),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings as TOML, or a run whose to take.", rich_help_panel=TRAINING
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="One setting, such as train.window=40 (repeatable).",
            rich_help_panel=TRAINING,
            show_default=False,
        ),
    ] = None,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard",
            help="Write RUN/tensorboard, too; needs pip install 'elmo-cli[[tensorboard]]'.",
            rich_help_panel=TRAINING,
        ),
    ] = False,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Train a model from nothing but text.

    Builds the vocabulary, holds out a share for validation, picks a preset, trains, and reports perplexity as it goes.

    A setting is taken from its flag, else from --set, else from --config, else from the preset.
    """
    if inputs and demo_corpus:
        raise typer.BadParameter("give text files or --demo-corpus, not both", param_hint="INPUT")
    if not inputs and not demo_corpus and not resume:
        raise ConfigError(
            f"no text to train on; there is a demo corpus to try things with: {DEMO_CORPUS}",
            hint=f"name a text file, or type: elmo pretrain --demo-corpus --out {shlex.quote(str(out))}",
        )
    flags = {
        "text.tokenizer": tokenizer.value if tokenizer is not None else None,
        "text.language": language,
        "text.normalization": normalization.value if normalization is not None else None,
        "text.lowercase": lowercase,
        "text.zero_digits": zero_digits,
        "pieces.size": pieces,
        "pieces.algorithm": pieces_algorithm.value if pieces_algorithm is not None else None,
        "pieces.character_coverage": character_coverage,
        "input.format": format.value if format is not None else None,
        "input.field": field,
        "input.encoding": encoding,
        "input.documents": documents.value if documents is not None else None,
        "input.decode_errors": decode_errors.value if decode_errors is not None else None,
        "train.epochs": epochs,
        "train.steps": steps,
        "train.words": words,
        "train.hours": hours,
        "train.rows": rows,
        "train.seed": seed,
    }
    settings = gather(config, assignments or [], flags)
    from elmo_cli.flows.pretraining.pretrain import pretrain
    from elmo_cli.flows.stopping import Stop

    stop = Stop()
    flow = pretrain(
        ["python-docs:"] if demo_corpus else inputs or [],
        out,
        preset=preset,
        settings=settings,
        vocabulary_path=vocabulary,
        pieces_model=pieces_model,
        validation=validation or [],
        device=device,
        resume=resume,
        threads=threads,
        tensorboard=tensorboard,
        stop=stop,
    )
    with stop_on_signals(stop) as signals:
        try:
            result = follow(flow, quiet=quiet, verbose=verbose)
        except (KeyboardInterrupt, SystemExit):
            if any(out.glob("checkpoints/step-*")):
                suggest("The last checkpoint is kept. To go on, type the same command again with --resume.", [])
            raise
    if isinstance(result, StoppedResult):
        _say_where_it_stopped(result, as_json=as_json)
        raise typer.Exit(signals.exit_code)
    assert isinstance(result, PretrainResult)
    show_result(result, f"Trained model in {result.model_dir}", _rows(result), as_json=as_json)
    if not quiet:
        model = shlex.quote(result.model_dir)
        suggest(
            "Next:",
            [
                f"elmo eval {model} {shlex.quote(result.held_out_text)}",
                f"elmo embed {model} sentences.txt --out vectors.hdf5",
                f"elmo info {shlex.quote(result.run_dir)}",
            ],
        )


def _rows(result: PretrainResult) -> list[Row]:
    rows: list[Row] = [
        (
            "held-out perplexity",
            figures.decimal(result.held_out_perplexity),
            f"best of the run, at step {figures.whole(result.held_out_step)}; full softmax, sentence by sentence",
        ),
        (
            "training perplexity",
            figures.decimal(result.train_perplexity_sampled),
            "last hundred steps; sampled softmax, dropout on: not comparable",
        ),
        ("steps", figures.whole(result.steps), f"of training, {figures.decimal(result.epochs)} passes over the text"),
        ("words", figures.whole(result.words), "read in training"),
        ("time", figures.duration(result.seconds), "of training and its evaluations in this call"),
        ("speed", figures.rate(result.words_per_second, "words"), "in the training steps of this call"),
    ]
    if result.running_seconds > 1.01 * result.seconds:
        rows.append(("running time", figures.duration(result.running_seconds), "over all calls"))
    if result.stopped_early:
        rows.append(("ended early", "yes", "held-out perplexity got no better; see train.patience"))
    if result.back_offs:
        rows.append(
            ("backed off", figures.whole(result.back_offs), "times: the loss was no number, the rate was halved")
        )
    return rows


def _say_where_it_stopped(result: StoppedResult, *, as_json: bool) -> None:
    if as_json:
        show_json(result)
    where = f"Stopped at step {figures.whole(result.steps)}"
    if result.checkpoint is None:
        suggest(f"{where}, before there was anything to save.", [])
    else:
        suggest(f"{where}; all of it is in {result.checkpoint}.", [])
        suggest("To go on, type the same command again with --resume.", [])
