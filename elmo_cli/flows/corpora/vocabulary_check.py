"""What ``elmo vocab --check`` does: looks at every line of a vocabulary, and may write a mended one."""

from pathlib import Path

from elmo_cli.errors import OutputError
from elmo_cli.flows.corpus_results import ListProblem, VocabularyCheckResult
from elmo_cli.flows.reports import Notice, Reports
from elmo_cli.text.vocabulary_checks import ListCheck


def check_vocabulary(path: Path, *, repaired: Path | None = None) -> Reports:
    """Lists all that is wrong with a vocabulary file, and with the counts beside it.

    Args:
        path: The file.
        repaired: Where to write a mended one, its counts beside it; None writes nothing.

    Raises:
        TextError: The file cannot be read, or nothing of it is usable.
        OutputError: ``repaired`` is there already, or cannot be written.
    """
    if repaired is not None and repaired.exists():
        raise OutputError(f"{repaired}: is there already; nothing was changed", hint="choose another place with --out")
    check = ListCheck(path)
    mended = check.repaired() if repaired is not None else None
    if repaired is not None and mended is not None:
        mended.write(repaired)
        if check.findings:
            yield Notice(
                text=f"ids are places in the list: a model trained with {path} goes on needing that file", warning=True
            )
    yield VocabularyCheckResult(
        path=str(path),
        words=check.lines,
        sound=not check.findings,
        problems=[ListProblem(line=found.line, kind=found.kind, problem=found.text) for found in check.findings],
        repaired=None if repaired is None else str(repaired),
        repaired_words=None if mended is None else len(mended),
        deeds=[] if mended is None else check.deeds(),
    )
