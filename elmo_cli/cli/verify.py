"""``elmo verify``: all that is wrong with a model."""

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import Row, follow, show_result
from elmo_cli.flows.model_results import VerifyResult

EXAMPLES = options.examples("elmo verify run/model", "elmo verify elmo.zip --json")


def command(
    model_dir: options.ModelDir,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """List all that is wrong with a model; exit code 1 if there is anything.

    Nothing is read that could lead to another file or beyond the memory.
    """
    from elmo_cli.flows.models.verify import verify

    result = follow(verify(model_dir), quiet=quiet, verbose=verbose)
    assert isinstance(result, VerifyResult)
    show_result(result, _title(result), _rows(result), as_json=as_json)
    if not result.sound:
        raise typer.Exit(1)


def _title(result: VerifyResult) -> str:
    if result.sound:
        return f"{result.path}: sound"
    return f"{result.path}: {figures.counted(len(result.problems), 'problem')}"


def _rows(result: VerifyResult) -> list[Row]:
    # A problem stands in the last column, which may be as wide as it needs.
    rows = []
    for file in dict.fromkeys([*result.checked, *(problem.file for problem in result.problems)]):
        problems = [problem.problem for problem in result.problems if problem.file == file]
        if not problems:
            rows.append((file, "sound", ""))
        rows += [(file if number == 0 else "", "wrong", problem) for number, problem in enumerate(problems)]
    return rows + [(file, "not checked", "what it depends on is not sound") for file in result.not_checked]
