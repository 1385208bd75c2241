import hashlib
import io
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.errors import TextError
from elmo_cli.text import readers
from elmo_cli.text.readers import STDIN, TextReader, find_inputs, format_of, left_out, read_lines, size_of


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "text.txt"
    path.write_bytes(content)
    return path


def test_a_line_ends_at_newline_carriage_return_or_both_and_nowhere_else(tmp_path: Path) -> None:
    text = "a\nb\r\nc\rd\u2028e\u0085f\x0bg\x0ch\x1ci\n"
    assert list(read_lines(_file(tmp_path, text.encode()))) == ["a", "b", "c", "d\u2028e\u0085f\x0bg\x0ch\x1ci"]


def test_a_last_line_without_an_end_is_a_line_and_an_end_alone_begins_none(tmp_path: Path) -> None:
    assert list(read_lines(_file(tmp_path, b"a\n\nb"))) == ["a", "", "b"]
    assert list(read_lines(_file(tmp_path, b"a\r"))) == ["a"]
    assert list(read_lines(_file(tmp_path, b""))) == []


def test_a_byte_order_mark_is_dropped_at_the_beginning_only(tmp_path: Path) -> None:
    assert list(read_lines(_file(tmp_path, "\ufeffa\n\ufeffb".encode()))) == ["a", "\ufeffb"]
    assert list(read_lines(_file(tmp_path, "\ufeff".encode()))) == []


@given(
    lines=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), max_size=8)),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    block=st.integers(3, 9),
)
def test_lines_come_back_wherever_the_blocks_are_cut(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, block: int
) -> None:
    content = "".join(line + end for line in lines).encode()
    path = _file(tmp_path_factory.mktemp("lines"), content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "BLOCK", block)
        reader = TextReader(path)
        assert list(reader.lines()) == lines
    assert reader.bytes_read == len(content)
    assert reader.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("block", [3, 7, 1 << 20])
def test_a_byte_that_is_not_utf8_is_named_with_line_and_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(readers, "BLOCK", block)
    path = _file(tmp_path, "first\r\nzwei\ré".encode() + b"\xff more\n")
    with pytest.raises(
        TextError, match=rf"^{path}:3: byte 0xff at column 2 is not UTF-8\nHint: save the file as UTF-8$"
    ):
        list(read_lines(path))


def test_lines_before_a_bad_block_are_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "BLOCK", 4)
    lines = read_lines(_file(tmp_path, b"one\ntwo\n\xe9\n"))
    assert [next(lines), next(lines)] == ["one", "two"]
    with pytest.raises(TextError, match="txt:3: byte 0xe9 at column 1"):
        next(lines)


def test_replacing_puts_one_mark_per_bad_stretch_and_counts_them(tmp_path: Path) -> None:
    good = "\ufffd kept"
    reader = TextReader(_file(tmp_path, b"a\xffb\xe2\x82 c " + good.encode() + b"\n\xfe\n"), "replace")
    assert list(reader.lines()) == [f"a\ufffdb\ufffd c {good}", "\ufffd"]
    assert reader.replaced == 3


def test_utf16_is_told_from_utf8(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="byte 0xff at column 1 is not UTF-8"):
        list(read_lines(_file(tmp_path, "text\n".encode("utf-16"))))


def test_standard_input_is_read_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a\r\nb")))
    assert list(read_lines(STDIN)) == ["a", "b"]


def test_a_file_that_is_gone_is_an_error_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "gone.txt"
    with pytest.raises(TextError, match=r"gone\.txt: cannot be read: No such file"):
        list(read_lines(path))
    with pytest.raises(TextError, match=r"gone\.txt: cannot be read: No such file"):
        size_of(path)
    with pytest.raises(TextError, match="cannot be read: Is a directory"):
        list(read_lines(tmp_path))


def test_inputs_are_files_folders_patterns_and_standard_input_in_the_order_given(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "deep/c.txt", "note.md", ".hidden/d.txt", "[x].txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_inputs([str(tmp_path / "*.md"), str(tmp_path), "-", str(tmp_path / "a.txt")]) == [
        tmp_path / "note.md",
        tmp_path / "[x].txt",
        tmp_path / "a.txt",
        tmp_path / "b.txt",
        tmp_path / "deep/c.txt",
        STDIN,
    ]
    assert find_inputs([str(tmp_path / "[x].txt")]) == [tmp_path / "[x].txt"]
    assert find_inputs([str(tmp_path / "**/c.txt")]) == [tmp_path / "deep/c.txt"]


def test_an_input_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"nothing\*: no such file or folder, and no file matches"):
        find_inputs([str(tmp_path / "nothing*")])
    with pytest.raises(TextError, match=r"the folder has no file whose name ends in \.txt, .*\.zst"):
        find_inputs([str(tmp_path)])


def test_a_folder_gives_the_files_of_known_formats_and_names_the_others(tmp_path: Path) -> None:
    known = ["a.txt", "b.TXT.gz", "c.jsonl.zst", "d.csv.xz", "e.conllu.bz2", "f.tsv", "g.tagged"]
    for name in (*known, "note.md", "table.csv.zip", ".hidden.txt"):
        (tmp_path / name).touch()
    paths = find_inputs([str(tmp_path)])
    assert [path.name for path in paths] == known
    assert [format_of(path) for path in paths] == ["text", "text", "jsonl", "csv", "conllu", "tsv", "tagged"]
    assert [path.name for path in left_out([str(tmp_path), str(tmp_path / "note.md"), "-"])] == [
        "note.md",
        "table.csv.zip",
    ]


def test_a_pipe_is_an_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert find_inputs([str(tmp_path / "pipe")]) == [tmp_path / "pipe"]
