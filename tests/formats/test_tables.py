"""Tables read back by the programs that people use."""

import csv
import json
import sys
from pathlib import Path

import pytest

from elmo_cli.errors import ElmoError, OutputError
from elmo_cli.formats.tables import table

COLUMNS = {"word": str, "place": int, "loss": float, "known": bool}
ROWS = [
    ("the", 0, 0.125, True),
    ('tab\tquote" and\nline', 1, 1234.56789012, False),
    ("ناس 日本", 2, None, True),
]


def _write(path: Path, **options: bool) -> None:
    with table(path, COLUMNS, **options) as made:
        made.write(ROWS[:1])
        made.write([])
        made.write(ROWS[1:])
        assert not path.exists() or options


def test_tsv_is_read_back_by_the_csv_module(tmp_path: Path) -> None:
    _write(tmp_path / "t.tsv")
    with (tmp_path / "t.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert rows[0] == list(COLUMNS)
    assert rows[1] == ["the", "0", "0.125", "True"]
    assert rows[2] == [ROWS[1][0], "1", "1234.568", "False"]
    assert rows[3] == [ROWS[2][0], "2", "", "True"]


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    _write(tmp_path / "t.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[1] == {"word": ROWS[1][0], "place": 1, "loss": 1234.568, "known": False}
    assert rows[2]["loss"] is None


def test_parquet_is_read_back_by_pyarrow(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")
    _write(tmp_path / "t.parquet")
    rows = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert rows == [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]


def test_without_pyarrow_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ElmoError, match="Parquet files need the package pyarrow") as caught:
        _write(tmp_path / "t.parquet")
    assert "elmo-cli[parquet]" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_unasked_and_odd_endings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("mine")
    with pytest.raises(OutputError, match=r"t\.tsv: exists already"):
        _write(tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_text() == "mine"
    _write(tmp_path / "t.tsv", overwrite=True)
    assert (tmp_path / "t.tsv").read_text().startswith("word\t")
    with pytest.raises(OutputError, match=r"t\.xlsx: expected a name that ends in \.tsv, \.jsonl or \.parquet"):
        _write(tmp_path / "t.xlsx")


def test_a_table_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"), table(tmp_path / "t.jsonl", COLUMNS) as made:
        made.write(ROWS)
        raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []
