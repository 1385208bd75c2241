import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.config import TextConfig
from elmo_cli.errors import TextError
from elmo_cli.text import count_files
from elmo_cli.text.count_files import read_header, write_counts
from elmo_cli.text.counting import WordCounts, count_sentences

WORDS = TextConfig(tokenizer="words", language="fi")


def _counts(*sentences: list[str], max_types: int = 1_000) -> WordCounts:
    counts = WordCounts(max_types)
    counts.add(count_sentences(sentences))
    return counts


def _read(path: Path) -> WordCounts:
    header, counts = read_header(path), WordCounts(1_000)
    for part in header.parts():
        counts.add(part)
    counts.account_for(**{name: value for name, value in header.totals.items() if name != "tokens"})
    return counts


def test_a_count_file_is_lines_that_other_programs_can_read(tmp_path: Path) -> None:
    write_counts(tmp_path / "counts.tsv", _counts(["b", "ä", "b"], ["c"]), WORDS)
    first, *lines = (tmp_path / "counts.tsv").read_text(encoding="utf-8").splitlines()
    assert lines == ["b\t2", "c\t1", "ä\t1"]
    header = json.loads(first)
    assert (header["kind"], header["format"]) == ("elmo word counts", 1)
    assert (header["sentences"], header["tokens"], header["types"]) == (2, 4, 3)
    assert header["text"]["language"] == "fi"
    assert read_header(tmp_path / "counts.tsv").text == WORDS.settled()


tokens = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=5)


@settings(max_examples=40)
@given(st.lists(st.lists(tokens, min_size=1, max_size=9), max_size=9), st.integers(1, 5), st.booleans())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[str]], rows: int, packed: bool
) -> None:
    path = tmp_path_factory.mktemp("counts") / f"counts.tsv{'.gz' if packed else ''}"
    counts = _counts(*sentences)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(count_files, "ROWS", rows)
        write_counts(path, counts, WORDS)
        assert _read(path) == counts
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == packed


def test_what_was_forgotten_travels_along(tmp_path: Path) -> None:
    counts = _counts(["a", "a", "b", "c", "d"], max_types=3)
    assert counts.forgotten_tokens == 3
    write_counts(tmp_path / "counts.tsv", counts, WORDS)
    read = _read(tmp_path / "counts.tsv")
    assert (read.tokens, read.forgotten_types, read.forgotten_tokens, read.largest_loss) == (5, 3, 3, 1)


def test_the_same_counts_are_the_same_bytes(tmp_path: Path) -> None:
    for name, sentence in (("one.gz", ["a", "b", "c", "a"]), ("two.gz", ["c", "a", "b", "a"])):
        write_counts(tmp_path / name, _counts(sentence), WORDS)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: -len(b"b\t1\n")])


def _header(**changes: object) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        first, _, rest = path.read_text().partition("\n")
        path.write_text(f"{json.dumps(json.loads(first) | changes)}\n{rest}")

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), r"counts\.tsv: cannot be read: No such file"),
        (lambda path: path.write_text(""), r"counts\.tsv: not a count file: its first line is no header"),
        (lambda path: path.write_text("a\t2\nb\t1\n"), r"counts\.tsv: not a count file"),
        (_header(format=9), r"'elmo word counts' of format 9; this version reads 'elmo word counts' of format 1"),
        (_header(kind="other"), r"'other' of format 1"),
        (_header(tokens="many"), r"counts\.tsv:1: damaged header: ValueError"),
        (_header(text=7), r"counts\.tsv:1: damaged header"),
        (_cut, r"counts\.tsv: 1 words, expected 2: the file is cut off"),
        (lambda path: path.write_text(path.read_text() + "c d\n"), r"counts\.tsv:4: expected a word, .* found b'c d'"),
        (lambda path: path.write_text(path.read_text() + "c\t-1\n"), r"counts\.tsv:4: expected a word"),
    ],
)
def test_a_faulty_file_is_refused(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "counts.tsv"
    write_counts(path, _counts(["a", "a", "b"]), WORDS)
    damage(path)
    with pytest.raises(TextError, match=f"(?s){message}.*\nHint: "):
        _read(path)


@pytest.mark.parametrize("kept", [20, -6])
def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "counts.tsv.gz"
    write_counts(path, _counts([str(number) for number in range(999)]), WORDS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(TextError, match=r"counts\.tsv\.gz: cannot be read: Compressed file ended"):
        _read(path)


def test_a_compressed_file_is_known_by_its_content(tmp_path: Path) -> None:
    write_counts(tmp_path / "counts.tsv.gz", _counts(["a"]), WORDS)
    (tmp_path / "renamed").write_bytes((tmp_path / "counts.tsv.gz").read_bytes())
    assert _read(tmp_path / "renamed").counts == {b"a": 1}
    assert gzip.decompress((tmp_path / "renamed").read_bytes()).endswith(b"\na\t1\n")
