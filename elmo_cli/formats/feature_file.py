"""What every file of vectors can be asked, whatever its layout."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from elmo_cli.errors import ModelError


class FeatureFile(ABC, Sequence[npt.NDArray]):
    """The vectors of sentences, read one by one when they are asked for; a context manager.

    ``features[i]`` is the i-th sentence, (L, n, E) or (n, E), in the order of the text; ``lines[i]`` is the number of
    its line, which is another where blank lines were passed over, and :meth:`at_line` goes by that.
    """

    path: Path
    attributes: dict[str, Any]
    """What the writer noted; nothing in files by other programs."""
    lines: npt.NDArray[np.int64]
    """The number of each sentence's line, from 0 and rising."""
    _keys: dict[str, int] | None = None

    @abstractmethod
    def read(self, position: int) -> npt.NDArray:
        """The vectors of the sentence at a position from 0."""

    @abstractmethod
    def close(self) -> None:
        """Closes the file."""

    def tokens(self, position: int) -> list[str]:
        """The tokens of a sentence.

        Raises:
            ModelError: The layout does not keep them.
        """
        raise ModelError(f"{self.path}: its layout keeps no tokens", hint="layouts flat and manylangs do")

    def sentence(self, position: int) -> str:
        """The text of a sentence.

        Raises:
            ModelError: The file does not have it.
        """
        raise ModelError(f"{self.path}: it has no text", hint="layouts allennlp and flat keep sentences if told so")

    def key(self, position: int) -> str:
        """What a sentence is called: its key, or in layout flat its identifier, which is empty where it has none.

        HDF5 reads a key with slashes without those at its ends, and ``//`` as one.
        """
        return str(self.lines[position])

    @abstractmethod
    def find(self, sentence: str) -> int:
        """The position of a sentence by its text, of the last one where it occurs twice.

        Raises:
            KeyError: It is not there.
            ModelError: The file does not have the texts.
        """

    def by_sentence(self, sentence: str) -> npt.NDArray:
        """The vectors of a sentence by its text. See :meth:`find`."""
        return self.read(self.find(sentence))

    def find_key(self, key: str) -> int:
        """The position of a sentence by what it is called; see :meth:`key`.

        Raises:
            KeyError: It is not there.
        """
        if self._keys is None:
            self._keys = {self.key(position): position for position in range(len(self))}
        if key not in self._keys:
            raise KeyError(f"{self.path} has no sentence called {key!r}")
        return self._keys[key]

    def by_key(self, key: str) -> npt.NDArray:
        """The vectors of a sentence by what it is called. See :meth:`find_key`."""
        return self.read(self.find_key(key))

    def at_line(self, line: int) -> npt.NDArray:
        """The vectors of the line with that number.

        Raises:
            KeyError: There is no such line.
        """
        position = int(np.searchsorted(self.lines, line))
        if position == len(self.lines) or self.lines[position] != line:
            raise KeyError(f"{self.path} has no line {line}")
        return self.read(position)

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, index: int) -> npt.NDArray: ...
    @overload
    def __getitem__(self, index: slice) -> list[npt.NDArray]: ...
    def __getitem__(self, index: int | slice) -> npt.NDArray | list[npt.NDArray]:
        if isinstance(index, slice):
            return [self.read(position) for position in range(*index.indices(len(self)))]
        return self.read(self._position(index))

    def __iter__(self) -> Iterator[npt.NDArray]:
        return map(self.read, range(len(self)))

    def _position(self, index: int) -> int:
        position = int(index) + len(self) if index < 0 else int(index)
        if not 0 <= position < len(self):
            raise IndexError(f"{self.path} has {len(self):,} sentences, and none at {index}")
        return position

    def __enter__(self) -> "FeatureFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SentencePositions:
    """Positions by text, found out when it is first asked for one."""

    def __init__(self, file: FeatureFile) -> None:
        self._file = file
        self._positions: dict[str, int] | None = None

    def find(self, sentence: str) -> int:
        """The position of the last sentence with that text."""
        if self._positions is None:
            self._positions = {self._file.sentence(position): position for position in range(len(self._file))}
        if sentence not in self._positions:
            raise KeyError(f"{self._file.path} has no sentence {sentence!r}")
        return self._positions[sentence]


def damaged(path: Path, problem: str) -> ModelError:
    """What to raise for a file that is not what it says it is."""
    return ModelError(f"{path}: {problem}", hint="the file is damaged or made by hand: write it again")


def check_offsets(path: Path, offsets: npt.NDArray, tokens: int, sentences: int) -> None:
    """Refuses offsets that do not cut so many tokens into so many sentences.

    Raises:
        ModelError: They do not.
    """
    if offsets.shape != (sentences + 1,) or offsets.dtype.kind != "i":
        raise damaged(path, f"offsets: expected {sentences + 1:,} whole numbers, found {offsets.dtype} {offsets.shape}")
    if offsets[0] != 0 or offsets[-1] != tokens or (np.diff(offsets) < 0).any():
        raise damaged(path, f"offsets: expected numbers that rise from 0 to {tokens:,}, found others")


def check_lines(path: Path, lines: npt.NDArray) -> None:
    """Refuses numbers of lines that do not rise.

    Raises:
        ModelError: They do not.
    """
    if lines.ndim != 1 or lines.dtype.kind != "i" or (np.diff(lines) <= 0).any():
        raise damaged(path, "lines: expected whole numbers that rise, found others")
