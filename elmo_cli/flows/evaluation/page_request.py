"""What page ``elmo eval`` was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elmo_cli.errors import ConfigError, OutputError
from elmo_cli.pages.drawing import javascript


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """A page that is wanted, and what it shows word by word."""

    path: Path
    heat: Sequence[str] = ()
    """Sentences of one's own."""
    heat_sentences: Sequence[int] = ()
    """Numbers of sentences of the text, from 1."""

    def numbers_within(self, sentences: int) -> list[int]:
        """The numbers, from 0, that a text of so many sentences has."""
        return [number - 1 for number in self.heat_sentences if number <= sentences]

    def missing_from(self, sentences: int) -> str:
        """A warning about the numbers that it does not have; empty where it has all."""
        missing = [f"{number:,}" for number in self.heat_sentences if number > sentences]
        if not missing:
            return ""
        return f"--heat-sentences {', '.join(missing)}: the text has {sentences:,} sentences; left out of the page"


def page_request(
    path: Path | None, heat: Sequence[str], heat_sentences: Sequence[int], *, overwrite: bool
) -> PageRequest | None:
    """The page that is wanted, if any; refuses what cannot be had before any work is done.

    Args:
        path: Where it goes; None: no page.
        heat: Sentences of one's own that it shows.
        heat_sentences: Numbers of sentences of the text, from 1.
        overwrite: Whether a file that is already there is replaced.

    Raises:
        ConfigError: Sentences without a page, a number that no sentence has, or a blank sentence.
        OutputError: The file exists.
        ElmoError: The package that draws charts is not installed.
    """
    if path is None:
        if heat or heat_sentences:
            option = "--heat" if heat else "--heat-sentences"
            raise ConfigError(
                f"{option}: sentences are shown on a page, and none is written", hint="--report page.html"
            )
        return None
    if path.exists() and (path.is_dir() or not overwrite):
        hint = "choose another name" if path.is_dir() else "replace it with --overwrite, or choose another name"
        raise OutputError(f"{path}: exists already", hint=hint)
    for number in heat_sentences:
        if number < 1:
            raise ConfigError(f"--heat-sentences {number}: sentences are counted from 1")
    if not all(sentence.strip() for sentence in heat):
        raise ConfigError("--heat: expected a sentence, found only white space")
    javascript()  # says early if the package is missing
    return PageRequest(path=path, heat=heat, heat_sentences=heat_sentences)
