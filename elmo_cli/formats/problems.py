"""All that is wrong with a file, in one message."""

from collections.abc import Sequence
from pathlib import Path

from elmo_cli.errors import ModelError

LISTED = 20
"""Problems that a message spells out; of a file with more, the rest is counted."""


def require_none(path: Path, problems: Sequence[str], *, hint: str = "") -> None:
    """Passes when there are no problems.

    Raises:
        ModelError: There are some. The message names the file and lists them: one beside the name, several below it.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise ModelError(f"{path}: {problems[0]}", hint=hint)
    lines = [f"{path}: {len(problems)} problems", *problems[:LISTED]]
    if len(problems) > LISTED:
        lines.append(f"and {len(problems) - LISTED} more")
    raise ModelError("\n  ".join(lines), hint=hint)
