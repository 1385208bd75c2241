"""Tables of many rows for other programs: TSV, JSON lines, or Parquet, by the file's ending."""

import csv
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from elmo_cli.errors import ElmoError, OutputError
from elmo_cli.files import whole_file

Rows = Sequence[Sequence[Any]]

ENDINGS = (".tsv", ".jsonl", ".parquet")


class Table(Protocol):
    """Takes rows, a stretch at a time."""

    def write(self, rows: Rows) -> None:
        """Appends rows; each has a value (or None) for every column."""


@contextmanager
def table(path: Path, columns: Mapping[str, type], *, overwrite: bool = False) -> Iterator[Table]:
    """A table that appears under its name when it is whole.

    Args:
        path: Its ending says which kind: ``.tsv`` (a heading; tabs and line ends inside values are quoted as the csv
            module does it), ``.jsonl`` (an object per line), ``.parquet`` (needs the package pyarrow).
        columns: Their names in order, and whether they hold ``str``, ``int``, ``float`` or ``bool``.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        OutputError: The ending is none of these, the file exists, or it cannot be written.
        ElmoError: pyarrow is not installed.
    """
    check_table(path, overwrite=overwrite)
    with whole_file(path) as partial:
        if path.suffix == ".parquet":
            with _parquet(partial, columns) as made:
                yield made
        else:
            with partial.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
                yield _Tsv(file, list(columns)) if path.suffix == ".tsv" else _JsonLines(file, list(columns))


def check_table(path: Path, *, overwrite: bool = False) -> None:
    """Refuses a place before any work is done.

    Raises:
        OutputError: The ending is not one of :data:`ENDINGS`, or the file exists.
        ElmoError: pyarrow is needed and not installed.
    """
    if path.suffix not in ENDINGS:
        raise OutputError(
            f"{path}: expected a name that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}",
            hint=f"for example {path.with_suffix('.tsv').name}",
        )
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already", hint="replace it with --overwrite, or choose another name")
    if path.suffix == ".parquet":
        _pyarrow("pyarrow")


class _Tsv:
    def __init__(self, file: Any, columns: Sequence[str]) -> None:
        self._writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        self._writer.writerow(columns)

    def write(self, rows: Rows) -> None:
        self._writer.writerows([["" if value is None else _short(value) for value in row] for row in rows])


class _JsonLines:
    def __init__(self, file: Any, columns: Sequence[str]) -> None:
        self._file, self._columns = file, columns

    def write(self, rows: Rows) -> None:
        for row in rows:
            values = dict(zip(self._columns, map(_rounded, row), strict=True))
            self._file.write(json.dumps(values, ensure_ascii=False) + "\n")


class _Parquet:
    def __init__(self, writer: Any, schema: Any) -> None:
        self._writer, self._schema = writer, schema

    def write(self, rows: Rows) -> None:
        arrow = _pyarrow("pyarrow")
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [() for _ in self._schema]
        arrays = [arrow.array(values, entry.type) for values, entry in zip(columns, self._schema, strict=True)]
        self._writer.write_table(arrow.Table.from_arrays(arrays, schema=self._schema))


@contextmanager
def _parquet(path: Path, columns: Mapping[str, type]) -> Iterator[_Parquet]:
    arrow = _pyarrow("pyarrow")
    kinds = {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}
    schema = arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    with _pyarrow("pyarrow.parquet").ParquetWriter(path, schema) as writer:
        yield _Parquet(writer, schema)


def _pyarrow(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ElmoError(
            "Parquet files need the package pyarrow, which is not installed",
            hint="pip install 'elmo-cli[parquet]'; or choose a name that ends in .tsv or .jsonl",
        ) from error


def _short(value: Any) -> Any:
    return f"{value:.7g}" if isinstance(value, float) else value


def _rounded(value: Any) -> Any:
    return float(f"{value:.7g}") if isinstance(value, float) else value
