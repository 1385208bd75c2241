"""``elmo report``: a page with charts about a corpus or about runs."""

from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, show_result
from elmo_cli.flows.model_results import ReportResult

EXAMPLES = options.examples(
    "elmo report corpus --out corpus.html", "elmo report run --out run.html", "elmo report run run-2 --out runs.html"
)


def command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="What 'elmo prepare' wrote, a corpus store, or run folders, whose curves are laid over one another.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page to write.")] = Path("report.html"),
    overwrite: options.OverwriteOption = False,
    processes: options.ProcessesOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Write one self-contained HTML page with charts; it needs no network.

    About a corpus: what is in it, sentence lengths, words, scripts, samples, what was dropped, and why.

    About runs: held-out perplexity, training loss, rate, gradient norm, speed, memory, and all settings, explained.
    """
    from elmo_cli.flows.report import report

    flow = report(paths, out, processes=processes, overwrite=overwrite)
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, ReportResult)
    rows = [
        ("page", result.out, "open it in a browser"),
        ("bytes", figures.whole(result.bytes), "the script that draws is in it"),
        ("seconds", figures.decimal(result.seconds), "to read and write"),
    ]
    show_result(result, f"{result.path}: {result.kind}", rows, as_json=as_json)
