"""The command ``elmo``: its commands, and what the shell learns of how they ended.

Exit codes: 0 done, 1 something the user can mend (message and hint on stderr, no traceback), 2 a wrong command line,
130 Ctrl-C, 143 SIGTERM. Anything else is a bug and shows its traceback.
"""

import io
import os
import sys
from typing import Annotated

import typer

from elmo_cli import __version__
from elmo_cli.cli import (
    compare,
    embed,
    evaluate,
    export,
    info,
    neighbors,
    plot,
    predict,
    prepare,
    presets,
    pretrain,
    report,
    score,
    verify,
    vocab,
)
from elmo_cli.cli.console import log_to_stderr, show_error
from elmo_cli.cli.options import QuietOption, VerboseOption, examples
from elmo_cli.cli.stopping import cleared_away
from elmo_cli.errors import ElmoError

app = typer.Typer(
    name="elmo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=examples(
        "elmo pretrain corpus.txt --out run",
        "elmo eval run/model test.txt",
        "elmo embed run/model sentences.txt --out vectors.hdf5",
    ),
)

app.command("prepare", epilog=prepare.EXAMPLES)(prepare.command)
app.command("vocab", epilog=vocab.EXAMPLES)(vocab.command)
app.command("presets", epilog=presets.EXAMPLES)(presets.command)
app.command("pretrain", epilog=pretrain.EXAMPLES)(pretrain.command)
app.command("eval", epilog=evaluate.EXAMPLES)(evaluate.command)
app.command("score", epilog=score.EXAMPLES)(score.command)
app.command("predict", epilog=predict.EXAMPLES)(predict.command)
app.command("embed", epilog=embed.EXAMPLES)(embed.command)
app.command("neighbors", epilog=neighbors.EXAMPLES)(neighbors.command)
app.command("plot", epilog=plot.EXAMPLES)(plot.command)
app.command("info", epilog=info.EXAMPLES)(info.command)
app.command("compare", epilog=compare.EXAMPLES)(compare.command)
app.command("report", epilog=report.EXAMPLES)(report.command)
app.command("export", epilog=export.EXAMPLES)(export.command)
app.command("verify", epilog=verify.EXAMPLES)(verify.command)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"elmo {__version__}")
        raise typer.Exit


@app.callback()
def _elmo(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train, measure and serve ELMo: word vectors that depend on the sentence around the word."""
    # --quiet and --verbose may stand before the command, too: there they set what the command's own default is.
    voice = {"quiet": quiet, "verbose": verbose}
    context.default_map = {str(entry.name): voice for entry in app.registered_commands}


def main() -> None:
    """Runs the command line in ``sys.argv`` and exits."""
    log_to_stderr()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be no text, and a terminal may be ASCII
    try:
        try:
            with cleared_away():
                app()
        finally:
            sys.stdout.flush()
    except ElmoError as error:
        show_error(error)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has left, as head does. Python flushes again on its way out, so give it a place.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
