import json
from pathlib import Path
from typing import Any

import pytest

from elmo_cli.errors import ModelError
from elmo_cli.formats.json_object import read_object, shown


def test_an_object_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "file.json").write_text('{"größer": 1}', encoding=encoding)
        assert read_object(tmp_path / "file.json", largest=100) == {"größer": 1}


def test_the_bound_is_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps({"a": "ß" * 40}, ensure_ascii=False), encoding="utf-8")
    assert path.stat().st_size == 89
    assert read_object(path, largest=89)
    with pytest.raises(ModelError, match=r"file.json: expected at most 88 bytes of JSON, found 89\nHint: try again"):
        read_object(path, largest=88, hint="try again")


def test_a_folder_is_no_json_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        read_object(tmp_path, largest=1 << 20)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "nothing"), (False, "false"), ("a", '"a"'), ([1, {}], "[1, {}]"), ("a" * 100, '"' + "a" * 76 + "...")],
)
def test_a_value_is_shown_on_one_line(value: Any, text: str) -> None:
    assert shown(value) == text
