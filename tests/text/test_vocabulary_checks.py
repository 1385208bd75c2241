from pathlib import Path

import pytest

from elmo_cli.errors import TextError
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary, counts_beside
from elmo_cli.text.vocabulary_checks import KINDS, ListCheck

HEAD = "<S>\n</S>\n<UNK>\n"


def _check(folder: Path, text: str | bytes, counts: str | None = None) -> ListCheck:
    path = folder / "vocab.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    if counts is not None:
        counts_beside(path).write_bytes(counts.encode())
    return ListCheck(path)


def _findings(check: ListCheck) -> list[tuple[int | None, str]]:
    return [(found.line, found.kind) for found in check.findings]


def test_a_sound_vocabulary_has_no_findings(tmp_path: Path) -> None:
    check = _check(tmp_path, f"{HEAD}the\n!!!MAXTERMID\n語\n", "<S>\t3\n</S>\t3\n<UNK>\t1\nthe\t9\n語\t9\n")
    assert check.findings == []
    assert (check.lines, check.deeds()) == (5, [])
    assert check.repaired().words == [*SPECIALS, "the", "語"]


@pytest.mark.parametrize(
    ("text", "findings", "repaired"),
    [
        ("\ufeff" + HEAD + "a\n", [(None, "byte order mark")], ["a"]),
        (HEAD.replace("\n", "\r\n") + "a", [(None, "line ends")], ["a"]),
        (HEAD + "a\n\n \nb\n", [(5, "blank line"), (6, "blank line")], ["a", "b"]),
        (HEAD + "a \n\tb\n", [(4, "spaces around"), (5, "spaces around")], ["a", "b"]),
        (HEAD + "New York\na\u00a0b\nc\n", [(4, "whitespace inside"), (5, "whitespace inside")], ["c"]),
        (HEAD + "a\x07b\nc\n", [(4, "control character")], ["c"]),
        (HEAD + "e\u0301te\u0301\nb\n", [(4, "not NFC")], ["été", "b"]),
        (HEAD + "a\nb\na\n<S>\n", [(6, "repeated"), (7, "repeated")], ["a", "b"]),
        (HEAD + "\u00e9\ne\u0301\n", [(5, "not NFC"), (5, "repeated")], ["é"]),
    ],
)
def test_every_kind_of_problem_is_found_and_mended(
    tmp_path: Path, text: str, findings: list[tuple[int | None, str]], repaired: list[str]
) -> None:
    check = _check(tmp_path, text)
    assert _findings(check) == findings
    assert check.repaired().words == [*SPECIALS, *repaired]
    check.repaired().write(tmp_path / "mended.txt")
    assert ListCheck(tmp_path / "mended.txt").findings == [], "a mended one is sound"


def test_bytes_that_are_not_utf8_are_found_with_their_place(tmp_path: Path) -> None:
    check = _check(tmp_path, HEAD.encode() + b"ab\xffc\nd\n")
    assert [(found.line, found.kind, found.text) for found in check.findings] == [
        (4, "not UTF-8", "byte 0xff at byte 3 of the line")
    ]
    assert check.repaired().words == [*SPECIALS, "d"]


def test_missing_specials_are_put_at_the_top(tmp_path: Path) -> None:
    check = _check(tmp_path, "a\n<UNK>\nb\n")
    assert [found.text for found in check.findings] == ["no line <S>", "no line </S>"]
    assert check.repaired().words == ["<S>", "</S>", "a", "<UNK>", "b"]


def test_counts_that_rise_are_found_and_sorted(tmp_path: Path) -> None:
    check = _check(tmp_path, f"{HEAD}a\nb\nc\n", "<S>\t9\n</S>\t9\n<UNK>\t1\na\t2\nb\t5\nc\t2\n")
    assert [(found.line, found.kind, found.text) for found in check.findings] == [
        (5, "order", "'b' (5) stands below 'a' (2); counts must fall")
    ]
    mended = check.repaired()
    assert mended.words == [*SPECIALS, "b", "a", "c"]
    assert mended.counts_V is not None and mended.counts_V.tolist() == [9, 9, 1, 5, 2, 2]


def test_counts_of_repeated_words_are_added(tmp_path: Path) -> None:
    check = _check(tmp_path, f"{HEAD}a\nb\n\nb\n", "<S>\t9\n</S>\t9\n<UNK>\t1\na\t7\nb\t5\nb\t1\n")
    assert _findings(check) == [(6, "blank line"), (7, "repeated")]
    mended = check.repaired()
    assert mended.counts_V is not None and mended.counts_V.tolist() == [9, 9, 1, 7, 6]


def test_counts_of_other_words_are_found_and_dropped(tmp_path: Path) -> None:
    check = _check(tmp_path, f"{HEAD}a\n", "<S>\t9\n</S>\t9\n<UNK>\t1\nb\t7\n")
    assert _findings(check) == [(None, "counts")]
    assert "vocab.counts.tsv:4: expected 'a', a tab and its count" in check.findings[0].text
    assert check.repaired().counts_V is None


def test_deeds_name_what_is_done_of_each_kind(tmp_path: Path) -> None:
    check = _check(tmp_path, "\ufeff<S>\n</S>\na\n\n\na b\n")
    assert check.deeds() == [
        "byte order mark (1): the mark is dropped",
        "blank line (2): the line is dropped",
        "whitespace inside (1): the line is dropped: no token has whitespace",
        "special missing (1): it is put at the top",
    ]
    assert {found.kind for found in check.findings} <= KINDS.keys()


def test_a_file_without_usable_words_cannot_be_mended(tmp_path: Path) -> None:
    check = _check(tmp_path, "<S>\n\n")
    with pytest.raises(TextError, match=r"vocab\.txt: has no usable word\nHint: build a vocabulary with elmo vocab"):
        check.repaired()
    assert ListCheck(_written(tmp_path / "empty.txt", b"")).lines == 0


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"gone\.txt: cannot be read"):
        ListCheck(tmp_path / "gone.txt")


def test_a_real_vocabulary_is_sound(shared: Path) -> None:
    path = shared / "data/wikitext-2/vocab.txt"
    check = ListCheck(path)
    assert check.findings == []
    assert check.repaired().words == Vocabulary.read(path).words
