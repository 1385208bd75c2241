"""Rows with the numbers of their datasets."""

import gzip
from pathlib import Path

import pytest

from elmo_cli.config import InputConfig, TextConfig
from elmo_cli.flows.vectors.numbered_text import NumberedText
from elmo_cli.text.tokenizers import make_tokenizer


def _rows(folder: Path, content: bytes | str, name: str, **reading: str) -> list[tuple[int, int, str]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(row.number, row.line, row.text) for row in NumberedText(path, InputConfig(**reading)).rows()]


def test_lines_have_their_own_numbers_even_where_some_are_left_out(tmp_path: Path) -> None:
    assert _rows(tmp_path, b"a\n\n\xff\nb", "a.txt", decode_errors="skip") == [(0, 1, "a"), (1, 2, ""), (3, 4, "b")]
    assert _rows(tmp_path, gzip.compress(b"a\nb\n"), "a.gz") == [(0, 1, "a"), (1, 2, "b")]
    assert _rows(tmp_path, '{"text": "a"}\n\n{"text": "b\\nc"}\n', "a.jsonl") == [(0, 1, "a"), (2, 3, "b c")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,id\n"a\nb",1\nc,2\n'),
        ("a.conllu", "# x\n1\ta\n2\tb\n\n1\tc\n"),
        ("a.tagged", "a\tO\nb\tO\n\nc\tO"),
    ],
)
def test_records_of_other_formats_are_numbered_as_they_come(tmp_path: Path, name: str, content: str) -> None:
    assert [(number, text) for number, _, text in _rows(tmp_path, content, name)] == [(0, "a b"), (1, "c")]


def test_tokens_that_are_given_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.tagged").write_text("don't.\tO\n:-)\tO\n")
    (row,) = NumberedText(tmp_path / "a.tagged", InputConfig()).rows()
    assert row.tokens(make_tokenizer(TextConfig(tokenizer="words"))) == ["don't.", ":-)"]


def test_losses_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\xff\n\xfe\n")
    for errors, counts in (("replace", (2, 0)), ("skip", (0, 2))):
        text = NumberedText(tmp_path / "a.txt", InputConfig(decode_errors=errors))
        list(text.rows())
        assert (text.replaced, text.skipped) == counts
