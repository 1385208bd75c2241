"""Texts of every format and container through blocks of any size."""

import bz2
import csv
import gzip
import hashlib
import io
import itertools
import json
import lzma
import os
import re
import unicodedata
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.config import InputConfig, TextConfig
from elmo_cli.errors import TextError
from elmo_cli.text import cuts, sources, streams
from elmo_cli.text.readers import STDIN, find_inputs
from elmo_cli.text.sources import BlockReader, BlockText, read_block
from elmo_cli.text.tokenizers import make_tokenizer, tokenise_block


def read(*paths: Path, **reading: str) -> BlockText:
    """All blocks as one."""
    config = InputConfig(**reading)
    whole = BlockText(paragraphs=[], documents=[], tokenised=False, oddities=Counter(), lines=[])
    for block in BlockReader(paths, config):
        text = read_block(block, config)
        whole.paragraphs += text.paragraphs
        whole.documents += text.documents
        whole.lines = [*whole.lines, *text.lines]
        whole.oddities += text.oddities
        whole.tokenised = text.tokenised
    return whole


def write(folder: Path, content: bytes | str, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK", 7)
    monkeypatch.setattr(streams, "PIECE", 262)


ENDS = ["\n", "\r\n", "\r"]
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), max_size=9)


def _folder(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("text")


@given(
    lines=st.lists(st.tuples(WORDS, st.sampled_from(ENDS))),
    block=st.integers(1, 40),
    piece=st.integers(1, 20),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-32-be", "gb18030", "utf-8-sig"]),
)
def test_blocks_of_any_size_have_the_lines_of_the_whole_text(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]], block: int, piece: int, encoding: str
) -> None:
    text = "".join(line + end for line, end in lines)
    path = write(_folder(tmp_path_factory), text.encode(encoding))
    expected = re.split("\r\n|\r|\n", text)
    expected = expected if expected[-1] else expected[:-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK", block)
        patch.setattr(streams, "PIECE", piece)
        found = read(path, encoding=encoding)
    assert found.paragraphs == expected
    assert found.lines == list(range(1, len(expected) + 1))
    assert found.documents == [0] * len(expected)


@given(lines=st.lists(st.sampled_from(["a", " b", "", " \t", "c d"])), block=st.integers(1, 12))
def test_documents_end_at_blank_lines_wherever_blocks_do(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], block: int
) -> None:
    folder = _folder(tmp_path_factory)
    paths = [write(folder, "\n".join(lines), "a.txt"), write(folder, "x\n\ny\n", "b.txt")]
    groups = [list(group) for full, group in itertools.groupby(lines, lambda line: bool(line.strip())) if full]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK", block)
        found = read(*paths, documents="blank-line")
        each = read(*paths, documents="line")
    named = [number for number, line in zip(found.documents, found.paragraphs, strict=True) if line.strip()]
    assert named == [number for number, group in enumerate([*groups, ["x"], ["y"]]) for _ in group]
    assert [n for n, line in zip(each.documents, each.paragraphs, strict=True) if line.strip()] == list(
        range(len(named))
    )


@given(
    rows=st.lists(st.lists(st.text('ab,"\n é', max_size=6), min_size=2, max_size=2)),
    block=st.integers(1, 30),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_rows_come_back_wherever_the_blocks_are_cut(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], block: int, quoting: int
) -> None:
    stream = io.StringIO()
    csv.writer(stream, quoting=quoting, lineterminator="\n").writerows([["id", "text"], *rows])
    path = write(_folder(tmp_path_factory), stream.getvalue(), "a.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK", block)
        found = read(path)
    assert found.paragraphs == [line for row in rows for line in row[1].split("\n")]
    assert found.documents == [number for number, row in enumerate(rows) for _ in row[1].split("\n")]


def _names() -> dict[str, bytes]:
    text = "one\ntwo é\n".encode()
    return {
        "a.txt": text,
        "a.txt.gz": gzip.compress(text),
        "misnamed.txt": lzma.compress(text),
        "a.txt.bz2": bz2.compress(text),
        "no ending": zstandard.compress(text),
    }


def test_containers_are_told_by_their_bytes_and_accounted_for_as_they_lie(tmp_path: Path) -> None:
    paths = [write(tmp_path, content, name) for name, content in _names().items()]
    reader = BlockReader(paths, InputConfig())
    texts = [read_block(block, InputConfig()) for block in reader]
    assert [text.paragraphs for text in texts] == [["one", "two é"]] * 5
    assert [text.documents for text in texts] == [[number] * 2 for number in range(5)]
    assert reader.sources == [
        {"name": str(path), "size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in paths
    ]
    assert reader.bytes_read == reader.total_bytes == sum(path.stat().st_size for path in paths)


def test_standard_input_may_be_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(b"a\r\nb"))))
    reader = BlockReader([STDIN], InputConfig())
    assert [read_block(block, InputConfig()).paragraphs for block in reader] == [["a", "b"]]
    assert reader.total_bytes is None
    assert reader.sources[0]["name"] == "-"


def test_blocks_do_not_depend_on_the_container(tmp_path: Path, small_blocks: None) -> None:
    text = "\n".join(map(str, range(500))).encode()
    paths = [write(tmp_path, text), write(tmp_path, gzip.compress(text), "a.gz")]
    plain, packed = [[block.content for block in BlockReader([path], InputConfig())] for path in paths]
    assert plain == packed
    assert len(plain) > 100


BOMS = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "utf-32-le": b"\xff\xfe\0\0", "utf-32-be": b"\0\0\xfe\xff"}


@pytest.mark.parametrize("encoding", BOMS)
def test_a_byte_order_mark_names_the_encoding(tmp_path: Path, encoding: str) -> None:
    found = read(write(tmp_path, BOMS[encoding] + "ä\r\n猫\n".encode(encoding)))
    assert found.paragraphs == ["ä", "猫"]
    assert found.oddities == {"byte order marks": 1}


def test_the_mark_of_utf8_is_dropped_at_the_beginning_and_counted_everywhere(tmp_path: Path) -> None:
    found = read(write(tmp_path, "\ufeffa\n\ufeffb\n"))
    assert found.paragraphs == ["a", "\ufeffb"]
    assert found.oddities == {"byte order marks": 2}
    table = read(write(tmp_path, "\ufefftext,id\na,1\n", "a.csv"))
    assert table.paragraphs == ["a"]
    assert table.oddities == {"byte order marks": 1}


@pytest.mark.parametrize("encoding", ["latin-1", "shift_jis", "gb18030", "utf-16-le", "iso2022_jp", "euc-kr", "utf-7"])
def test_other_encodings_are_read_by_name(tmp_path: Path, encoding: str, small_blocks: None) -> None:
    text = {"latin-1": "Käse\r\nÑu", "euc-kr": "한국어\r\n말"}.get(encoding, "日本語\r\nソース\n表示\n")
    found = read(write(tmp_path, text.encode(encoding)), encoding=encoding)
    assert found.paragraphs == text.splitlines()


@pytest.mark.usefixtures("small_blocks")
def test_a_byte_in_no_encoding_is_named_with_line_and_column(tmp_path: Path) -> None:
    path = write(tmp_path, "first\r\nzwei\ré".encode() + b"\xff more\n")
    with pytest.raises(TextError, match=rf"^{path}:3: byte 0xff at column 2 is not UTF-8\n.*--encoding.*replace.*skip"):
        read(path)
    path = write(tmp_path, "ok\nja".encode("shift_jis") + b"\xfd\n")
    with pytest.raises(TextError, match=rf"^{path}:2: byte 0xfd at column 3 is not shift_jis"):
        read(path, encoding="shift_jis")
    path = write(tmp_path, "one\ntwo".encode("utf-16-le") + b"\x00\xd8x\0")
    with pytest.raises(TextError, match=rf"^{path}:2: what stands at column 4 is not utf-16-le"):
        read(path, encoding="utf-16-le")


@pytest.mark.usefixtures("small_blocks")
def test_bad_bytes_are_replaced_or_their_lines_skipped_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path, b"good\na\xffb\xe2\x82 c \xef\xbf\xbd\nfine\n\xfe")
    replaced = read(path, decode_errors="replace")
    assert replaced.paragraphs == ["good", "a\ufffdb\ufffd c \ufffd", "fine", "\ufffd"]
    assert replaced.oddities == {"replaced bytes": 3}
    skipped = read(path, decode_errors="skip")
    assert (skipped.paragraphs, skipped.lines) == (["good", "fine"], [1, 3])
    assert skipped.oddities == {"skipped lines": 2}


def test_half_a_pair_in_utf16_is_a_bad_byte(tmp_path: Path) -> None:
    path = write(tmp_path, "one\n".encode("utf-16-le") + b"\x00\xd8x\0\n\0" + "y".encode("utf-16-le"))
    replaced = read(path, encoding="utf-16-le", decode_errors="replace")
    assert replaced.paragraphs == ["one", "\ufffdx", "y"]
    assert read(path, encoding="utf-16-le", decode_errors="skip").paragraphs == ["one", "y"]


def test_json_lines_are_documents_and_their_line_ends_paragraphs(tmp_path: Path, small_blocks: None) -> None:
    lines = [{"text": "a b"}, {"text": "c\r\nd"}, {"text": ""}, {"text": "e"}]
    path = write(tmp_path, "\n".join(map(json.dumps, lines)) + "\n\n", "a.jsonl")
    found = read(path)
    assert found.paragraphs == ["a b", "c", "d", "", "e"]
    assert found.documents == [0, 1, 1, 2, 3]
    assert found.lines == [1, 2, 2, 3, 4]
    assert read(path, documents="file").documents == [0] * 5


def test_halves_of_pairs_in_json_become_replacement_characters(tmp_path: Path) -> None:
    path = write(tmp_path, '{"text": "\\ud83d\\ude00 a\\ud800b\\udc80"}\n{"text": "\ufffd"}\n', "a.jsonl")
    found = read(path)
    assert found.paragraphs == ["😀 a\ufffdb\ufffd", "\ufffd"]
    assert found.oddities == {"unpaired surrogates": 2}


@pytest.mark.usefixtures("small_blocks")
def test_a_record_without_its_text_stops_with_file_and_line_or_is_skipped(tmp_path: Path) -> None:
    files = {
        "a.jsonl": ('{"text": "a"}\n{"id": 1}\n{"text": "b"}\n', 2, "the JSON object has no field 'text'"),
        "b.csv": ('id,text\n1,a\n"2\n3"\n3,b\n', 3, "expected at least 2 columns, found 1"),
        "c.tsv": ("id\ttext\n1\ta\n2\n3\tb\n", 3, "expected at least 2 columns, found 1"),
        "d.conllu": ("1\ta\n\nx\n\n1\tb\n", 3, "expected a word's number"),
        "e.tagged": ("a\tO\n\nx\n\nb\tO\n", 3, "expected a token, a tab and its tag"),
    }
    for name, (content, line, message) in files.items():
        path = write(tmp_path, content, name)
        for errors in ("strict", "replace"):
            with pytest.raises(TextError, match=rf"^{path}:{line}: {message}"):
                read(path, decode_errors=errors)
        found = read(path, decode_errors="skip")
        assert (found.paragraphs, found.oddities) == (["a", "b"], {"skipped lines": 1})


def test_records_with_bad_bytes_are_skipped_where_the_text_has_them(tmp_path: Path) -> None:
    path = write(tmp_path, b"id,text\n\xff,a\n2,\xff\n3,b\n", "a.csv")
    assert read(path, decode_errors="skip").paragraphs == ["a", "b"]
    path = write(tmp_path, b'{"text": "a"}\n{"text": "\xff"}\n', "a.jsonl")
    assert read(path, decode_errors="skip").oddities == {"skipped lines": 1}


def test_a_column_is_found_by_name_or_by_number_in_every_block(tmp_path: Path, small_blocks: None) -> None:
    path = write(tmp_path, "id,body\n1,a\n2,b\n3,c\n", "a.csv")
    assert read(path, field="body").paragraphs == ["a", "b", "c"]
    assert read(path, field="body").lines == [2, 3, 4]
    assert read(path, field="2").paragraphs == ["body", "a", "b", "c"]
    with pytest.raises(TextError, match=rf"^{path}:1: no column is called 'text'; the first row has 'id', 'body'"):
        read(path)


def test_a_quote_without_its_partner_is_an_error_where_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path, 'text\na\n"b\nc\n', "a.csv")
    with pytest.raises(TextError, match=rf"^{path}:3: a field in quotes begins here and does not end\n.*tsv"):
        read(path)


def test_records_that_grow_beyond_all_bounds_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "LARGEST_RECORD", 1 << 20)
    path = write(tmp_path, "a\tO\n" * 2_000_000, "a.tagged")
    with pytest.raises(TextError, match=rf"^{path}:1: expected blank lines between sentences, found none in 1 MB"):
        read(path)


def test_tokenised_formats_say_so_and_have_their_documents(tmp_path: Path, small_blocks: None) -> None:
    words = ["# newdoc id = 1\n1\ta\n2\tb\n", "1\tc\n", "# newdoc id = 2\n1\td\n", "1\te\n"]
    path = write(tmp_path, "\n".join(words), "a.conllu")
    found = read(path, path)
    assert found.tokenised
    assert found.paragraphs == ["a b", "c", "d", "e"] * 2
    assert found.documents == [0, 0, 1, 1, 2, 2, 3, 3]
    assert read(path, documents="blank-line").documents == [0, 1, 2, 3]
    tokens = tokenise_block(read(path), make_tokenizer(TextConfig()))
    assert tokens == [(0, ["a", "b"]), (0, ["c"]), (1, ["d"]), (1, ["e"])]


def test_a_file_whose_name_is_no_text_is_read_and_named_in_characters(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_bytes(b"a\xff")
    with pytest.raises(TextError, match=r"caf\\udce9\.txt:1: byte 0xff") as caught:
        read(path)
    assert str(caught.value).encode()


def test_a_line_of_many_blocks_is_one_line(tmp_path: Path) -> None:
    found = read(write(tmp_path, b"x" * 9_000_000 + b"\r\nb\n"))
    assert [len(line) for line in found.paragraphs] == [9_000_000, 1]
    assert found.oddities == {"very long lines": 1}


def _visible(text: str) -> Counter[str]:
    invisible = "\u034f"  # the combining grapheme joiner, a mark by category
    return Counter(
        c for c in text if not c.isspace() and c not in invisible and unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )


def test_naughty_strings_and_every_declaration_pass_through_whole(shared: Path) -> None:
    paths = find_inputs([str(shared / "data/naughty-strings/blns.txt"), str(shared / "data/udhr")])
    assert len(paths) == 389
    for path in paths:
        text = path.read_bytes().decode("utf-8-sig")
        found = read(path)
        assert "\n".join(found.paragraphs) == re.sub("\r\n?", "\n", text).removesuffix("\n")


def test_words_lose_nothing_that_can_be_seen(shared: Path) -> None:
    tokenizer = make_tokenizer(TextConfig(normalization="none"))
    paths = find_inputs([str(shared / "data/naughty-strings/blns.txt"), str(shared / "data/udhr")])
    for path in [paths[0], *paths[1::12]]:
        found = read(path)
        tokens = [token for _, tokens in tokenise_block(found, tokenizer) for token in tokens]
        assert _visible("".join(tokens)) == _visible("".join(found.paragraphs)), path
