"""Parquet files with a row for every sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.formats.feature_containers import pyarrow
from elmo_cli.formats.feature_file import FeatureFile, SentencePositions, check_lines, damaged

_COLUMNS = ("line", "sentence", "key", "tokens", "vectors")


class ParquetFeatures(FeatureFile):
    """The file that :func:`.feature_containers.finish_parquet` makes.

    Parquet reads whole row groups; the last one stays in memory. In order that costs nothing, at random much.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        arrow, parquet = pyarrow("pyarrow"), pyarrow("pyarrow.parquet")
        try:
            self._file = parquet.ParquetFile(path)
            notes = json.loads((self._file.schema_arrow.metadata or {}).get(b"elmo", b"null"))
            names = self._file.schema_arrow.names
            if not isinstance(notes, dict) or not set(_COLUMNS) <= set(names):
                raise damaged(path, f"expected columns {', '.join(_COLUMNS)} by this tool, found {', '.join(names)}")
            self._row_shape = tuple(map(int, notes.pop("row_shape")))
            self.attributes = notes
            self.lines = self._file.read(["line"])["line"].to_numpy()
            groups = range(self._file.metadata.num_row_groups)
            rows = [self._file.metadata.row_group(group).num_rows for group in groups]
        except (OSError, ValueError, KeyError, TypeError, arrow.ArrowException) as error:
            raise damaged(path, f"not a Parquet file of vectors, or damaged: {error}") from error
        check_lines(path, self.lines)
        self._ends = np.cumsum(rows, dtype=np.int64)
        self._group: tuple[int, Any] = (-1, None)
        self._positions = SentencePositions(self)

    def read(self, position: int) -> npt.NDArray:
        """The vectors of the sentence at a position."""
        values = self._cell(position, "vectors").values
        try:
            rows = values.flatten().to_numpy(zero_copy_only=False).reshape(-1, *self._row_shape)
        except ValueError as error:
            raise damaged(self.path, f"vectors: expected tokens of {self._row_shape}: {error}") from error
        return rows if rows.ndim == 2 else rows.transpose(1, 0, 2)

    def tokens(self, position: int) -> list[str]:
        """The tokens of a sentence."""
        return self._cell(self._position(position), "tokens").as_py()

    def sentence(self, position: int) -> str:
        """The text of a sentence."""
        return self._cell(self._position(position), "sentence").as_py() or super().sentence(position)

    def key(self, position: int) -> str:
        """The identifier of a sentence; empty where it has none."""
        return self._cell(self._position(position), "key").as_py() or ""

    def find(self, sentence: str) -> int:
        """The position of a sentence by its text."""
        return self._positions.find(sentence)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _cell(self, position: int, column: str) -> Any:
        arrow = pyarrow("pyarrow")
        number = int(np.searchsorted(self._ends, position, side="right"))
        if self._group[0] != number:
            try:
                self._group = number, self._file.read_row_group(number)
            except (OSError, arrow.ArrowException) as error:
                raise damaged(self.path, f"row group {number}: {error}") from error
        table = self._group[1]
        return table[column][position - int(self._ends[number]) + table.num_rows]
