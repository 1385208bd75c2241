"""All that is wrong with a file, in one message."""

from collections.abc import Sequence

from elmo_cli.errors import ModelError
from elmo_cli.formats.content import Source

LISTED = 20
"""Problems that a message spells out; of a file with more, the rest is counted."""


class ListedModelError(ModelError):
    """A file is wrong in ways that are listed: one beside its name, several below it.

    Args:
        path: The file.
        problems: All of them.
        hint: The next thing to try.
    """

    def __init__(self, path: Source | str, problems: Sequence[str], *, hint: str = "") -> None:
        self.place, self.problems = str(path), list(problems)
        if len(problems) == 1:
            super().__init__(f"{path}: {problems[0]}", hint=hint)
            return
        lines = [f"{path}: {len(problems)} problems", *problems[:LISTED]]
        if len(problems) > LISTED:
            lines.append(f"and {len(problems) - LISTED} more")
        super().__init__("\n  ".join(lines), hint=hint)


def require_none(path: Source | str, problems: Sequence[str], *, hint: str = "") -> None:
    """Passes when there are no problems.

    Raises:
        ListedModelError: There are some.
    """
    if problems:
        raise ListedModelError(path, problems, hint=hint)
