"""The lexicon of a text while it grows, and as a file that is read only when a spelling is asked for."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

from elmo_cli.errors import TextError
from elmo_cli.text.readers import read_lines


class GrowingLexicon(dict[str, int]):
    """Word types and their ids; a word that is looked up for the first time gets the next id.

    Example:
        >>> lexicon = GrowingLexicon({"the": 0})
        >>> lexicon["end"], lexicon["the"], list(lexicon)
        (1, 0, ['the', 'end'])
    """

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


class LexiconFile(Sequence[str]):
    """The word types in a file, one a line, read when the first one is asked for.

    Args:
        path: The file.
        size: U, how many word types it has.

    Raises:
        TextError: On first use: the file cannot be read, or has another number of lines.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self._size = size

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        return self._words[at]

    @cached_property
    def _words(self) -> list[str]:
        words = list(read_lines(self.path))
        if len(words) != self._size:
            raise TextError(
                f"{self.path}: {len(words):,} word types, expected {self._size:,}",
                hint="delete the store's folder; it is built again from the text",
            )
        return words
