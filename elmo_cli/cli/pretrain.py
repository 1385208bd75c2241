"""``elmo pretrain``: text to a trained model."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, last_of, show_json, show_result, suggest
from elmo_cli.cli.dry_run import parse_size, show_dry_run
from elmo_cli.cli.options import (
    DecodeErrors,
    Documents,
    InputFormat,
    Normalization,
    PiecesAlgorithm,
    Precision,
    Tokenizer,
)
from elmo_cli.cli.settings import gather
from elmo_cli.cli.stopping import stop_on_signals
from elmo_cli.cli.training_rows import training_rows
from elmo_cli.config import PRESETS, InputConfig, PiecesConfig, TextConfig, TrainConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.run_results import PretrainResult, StoppedResult
from elmo_cli.processes import place_in_group

EXAMPLES = options.examples(
    "elmo pretrain corpus.txt --out run",
    "elmo pretrain corpus.txt --out run --resume",
    "elmo pretrain corpus.txt --out run --dry-run --fit-rows --memory 8GB",
    "elmo pretrain corpus.txt --out run --preset small --epochs 5",
    "elmo pretrain corpus.txt --out run --set train.learning_rate=0.1",
    "elmo pretrain law.txt --init-from run --vocab new --out law",
    "elmo pretrain --demo-corpus --out run",
)
DEMO_CORPUS = "the English documentation that ships with Python (about 260,000 words and marks; no download)"
VOCABULARY_WORDS = {"same": True, "new": False}
"""What --vocab may say in the place of a file: whether the vocabulary of the model in --init-from stays."""
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
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what the run will take of memory, disk and time; begin nothing."),
    ] = False,
    vocabulary: Annotated[
        str | None,
        typer.Option(
            "--vocab",
            metavar="FILE",
            help="Vocabulary; without it, one is built. With --init-from also same, the model's own (which is taken "
            "by itself if its softmax came along), or new.",
            rich_help_panel=TEXT,
        ),
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
    init_from: Annotated[
        str | None,
        typer.Option(
            "--init-from",
            metavar="MODEL",
            help="Continue a model: a folder, a run, an archive, published files or an https:// address. Architecture "
            "and text settings are its own.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            "--freeze",
            metavar="LAYERS",
            help="Layers that stay as they are, with commas between them: token_encoder, lstm.1, lstm.2, softmax.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
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
        typer.Option(
            "--rows",
            metavar="N",
            help="Stretches of text read side by side. The most that fit into memory: --dry-run --fit-rows.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            "--precision",
            help="Of matrix products: fp32; bf16, faster where the processor has units for it; tf32, on GPUs. int8 is "
            "for elmo embed and elmo eval.",
            show_default=TrainConfig.precision,
            rich_help_panel=TRAINING,
        ),
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
            help=r"Write RUN/tensorboard, too; needs pip install 'elmo-cli\[tensorboard]'.",
            rich_help_panel=TRAINING,
        ),
    ] = False,
    fit_rows: Annotated[
        bool,
        typer.Option(
            "--fit-rows",
            help="With --dry-run: look for the largest --rows that fits into memory, too.",
            rich_help_panel=options.MACHINE,
        ),
    ] = False,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            metavar="SIZE",
            help="With --fit-rows: what the run may take, such as 8GB; without it, nine tenths of what is free.",
            rich_help_panel=options.MACHINE,
        ),
    ] = None,
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
    if dry_run and resume:
        raise typer.BadParameter("a dry run is for a run that is to begin, not for one that goes on")
    if fit_rows and not dry_run:
        raise typer.BadParameter("only with --dry-run", param_hint="--fit-rows")
    if memory is not None and not fit_rows:
        raise typer.BadParameter("only with --dry-run --fit-rows", param_hint="--memory")
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
        "train.precision": precision.value if precision is not None else None,
        "train.freeze": freeze,
        "train.seed": seed,
    }
    settings = gather(config, assignments or [], flags)
    keep_vocabulary = VOCABULARY_WORDS.get(vocabulary) if vocabulary is not None else None
    vocabulary_path = Path(vocabulary) if vocabulary is not None and keep_vocabulary is None else None
    texts = ["python-docs:"] if demo_corpus else inputs or []
    if dry_run:
        from elmo_cli.flows.pretraining.dry_run import dry_run as try_run

        estimate = try_run(
            texts,
            out,
            preset=preset,
            settings=settings,
            vocabulary_path=vocabulary_path,
            init_from=init_from,
            keep_vocabulary=keep_vocabulary,
            pieces_model=pieces_model,
            validation=validation or [],
            device=device,
            threads=threads,
            fit_rows=fit_rows,
            memory=parse_size(memory) if memory is not None else None,
        )
        show_dry_run(follow(estimate, quiet=quiet, verbose=verbose), as_json=as_json, quiet=quiet)
        return
    from elmo_cli.flows.pretraining.pretrain import pretrain
    from elmo_cli.flows.stopping import Stop

    stop = Stop()
    flow = pretrain(
        texts,
        out,
        preset=preset,
        settings=settings,
        vocabulary_path=vocabulary_path,
        init_from=init_from,
        keep_vocabulary=keep_vocabulary,
        pieces_model=pieces_model,
        validation=validation or [],
        device=device,
        resume=resume,
        threads=threads,
        tensorboard=tensorboard,
        stop=stop,
    )
    place = place_in_group()
    is_first = place[0] == 0
    with stop_on_signals(stop, place) as signals:
        try:
            result = follow(flow, quiet=quiet, verbose=verbose) if is_first else last_of(flow)
        except (KeyboardInterrupt, SystemExit):
            if is_first and any(out.glob("checkpoints/step-*")):
                suggest("The last checkpoint is kept. To go on, type the same command again with --resume.", [])
            raise
    if isinstance(result, StoppedResult):
        if is_first:
            _say_where_it_stopped(result, as_json=as_json)
        raise typer.Exit(signals.exit_code)
    if not is_first:
        return
    assert isinstance(result, PretrainResult)
    show_result(result, f"Trained model in {result.model_dir}", training_rows(result), as_json=as_json)
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


def _say_where_it_stopped(result: StoppedResult, *, as_json: bool) -> None:
    if as_json:
        show_json(result)
    where = f"Stopped at step {figures.whole(result.steps)}"
    if result.checkpoint is None:
        suggest(f"{where}, before there was anything to save.", [])
    else:
        suggest(f"{where}; all of it is in {result.checkpoint}.", [])
        suggest("To go on, type the same command again with --resume.", [])
