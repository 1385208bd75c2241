"""``elmo report``: one page, with charts, about whatever lies at a path."""

import time
from collections.abc import Sequence
from pathlib import Path

from elmo_cli import __version__
from elmo_cli.errors import OutputError, TextError
from elmo_cli.files import write_text
from elmo_cli.flows.corpora.corpus_figures import prepared_figures, store_figures
from elmo_cli.flows.model_results import ReportResult
from elmo_cli.flows.pretraining.run_figures import runs_page
from elmo_cli.flows.pretraining.runs import is_run
from elmo_cli.flows.reports import Reports
from elmo_cli.pages.corpus import corpus_page
from elmo_cli.text.prepared import is_prepared
from elmo_cli.text.store import is_store


def report(paths: Sequence[Path], out: Path, *, processes: int | None = None, overwrite: bool = False) -> Reports:
    """Writes a self-contained HTML page about a prepared corpus, a corpus store, or training runs.

    Args:
        paths: The folder; of runs any number, whose curves are laid over one another.
        out: Where the page goes.
        processes: How many count; None is one per core, and one for a small text.
        overwrite: Whether a file that is already there is replaced.

    Raises:
        TextError: There is nothing to report on at a path, or it is damaged; or there are several and not all are runs.
        OutputError: ``out`` exists, or cannot be written.
        ElmoError: The package that draws charts is not installed.
    """
    began = time.perf_counter()
    for path in paths:
        if not path.exists():
            raise TextError(f"{path}: no such file or folder", hint="check the path")
    if out.exists() and (out.is_dir() or not overwrite):
        hint = "choose another --out" if out.is_dir() else "replace it with --overwrite, or choose another --out"
        raise OutputError(f"{out}: exists already", hint=hint)
    made_by = f"Made by elmo report, version {__version__}."
    path = paths[0]
    if len(paths) > 1 or is_run(path):
        kind = "run" if len(paths) == 1 else "runs"
        page = runs_page(paths, made_by=made_by)
    elif is_prepared(path):
        kind = "prepared corpus"
        page = corpus_page((yield from prepared_figures(path, processes)), made_by=made_by)
    elif is_store(path):
        kind = "corpus store"
        page = corpus_page((yield from store_figures(path)), made_by=made_by)
    else:
        raise TextError(
            f"{path}: expected a run, a prepared corpus or a corpus store, found none of them",
            hint=f"make a corpus of raw text with elmo prepare {path} --out corpus",
        )
    write_text(out, page)
    yield ReportResult(
        path=", ".join(map(str, paths)),
        kind=kind,
        out=str(out),
        bytes=out.stat().st_size,
        seconds=time.perf_counter() - began,
    )
