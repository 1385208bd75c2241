import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from elmo_cli.errors import TextError
from elmo_cli.text.word_types import ShardPart, shard_parts, word_types

tokens = st.text(
    st.characters(exclude_categories=["Zs", "Zl", "Zp", "Cs"], exclude_characters="\t\n\v\f\r"), min_size=1
)
lines = st.lists(
    st.lists(tokens | st.sampled_from(["the", "eight_by", "nine_byte", "a", "a\0"]), max_size=6), max_size=9
)


@settings(max_examples=200)
@given(lines)
@example([])
@example([[]])
@example([["a", "a\0", "a\0\0", "\0"]])
def test_every_token_is_found_again(text: list[list[str]]) -> None:
    found = word_types("".join(f"{' '.join(line)}\n" for line in text).encode())
    words = [found.words[number].decode() for number in found.tokens_N]
    assert words == [token for line in text for token in line]
    assert found.ends_S.tolist() == np.cumsum([len(line) for line in text if line]).tolist()
    assert found.blank_lines == sum(not line for line in text)
    assert len(set(found.words)) == len(found.words)
    counts = dict(zip((word.decode() for word in found.words), found.counts_U.tolist(), strict=True))
    assert counts == Counter(words)


def test_words_stand_between_any_ascii_whitespace() -> None:
    found = word_types(b"  two\t\twords \v\f\n \n\x0bone\n")
    assert [found.words[number] for number in found.tokens_N] == [b"two", b"words", b"one"]
    assert (found.ends_S.tolist(), found.blank_lines) == ([2, 3], 1)


@settings(max_examples=50)
@given(lines, st.integers(1, 3))
@example([["zebra", "much-too-long", "apple", "zebra", "apple"]], 1)
def test_chosen_words_are_put_into_the_order_of_their_first_tokens(text: list[list[str]], least: int) -> None:
    found = word_types("".join(f"{' '.join(line)}\n" for line in text).encode())
    chosen_U = np.array([len(word) >= least for word in found.words], dtype=bool)
    in_order = [found.words[place] for place in found.as_they_come_up(chosen_U)]
    words = [token.encode() for line in text for token in line]
    assert in_order == [word for word in dict.fromkeys(words) if len(word) >= least]


@settings(max_examples=50, deadline=None)
@given(lines)
@example([])
@example([[f"{number:x}" for number in range(70_000)]])
def test_another_process_gets_the_same(text: list[list[str]]) -> None:
    found = word_types("".join(f"{' '.join(line)}\n" for line in text).encode())
    arrived = pickle.loads(pickle.dumps(found))
    assert arrived.words == found.words
    assert arrived.blank_lines == found.blank_lines
    for name in ("counts_U", "tokens_N", "ends_S"):
        assert np.array_equal(getattr(arrived, name), getattr(found, name)), name


def test_numbers_that_share_a_slot_of_the_table_are_told_apart() -> None:
    words = [f"{number:x}" for number in range(60_000)]
    found = word_types(f"{' '.join(words * 2)}\n".encode())
    assert [found.words[number].decode() for number in found.tokens_N] == words * 2


@settings(max_examples=60)
@given(lines, st.integers(1, 30))
def test_parts_are_whole_lines_and_all_of_them(
    tmp_path_factory: pytest.TempPathFactory, text: list[list[str]], size: int
) -> None:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    content = "".join(f"{' '.join(line)}\n" for line in text).encode()
    path.write_bytes(content)
    parts = list(shard_parts(path, size=size))
    assert b"".join(part.read() for part in parts) == content
    assert all(part.read().endswith(b"\n") for part in parts)
    if parts:
        assert list(shard_parts(path, parts[-1].begin, size=size)) == parts[-1:]


def test_line_ends_of_any_kind_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree")
    assert ShardPart(path, 0, path.stat().st_size).read() == b"one\ntwo\nthree\n"


def test_what_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"one\ntwo\nth\xffee\n")
    *_, last = shard_parts(path, size=2)
    with pytest.raises(TextError, match=r"text\.txt:3: byte 0xff is not UTF-8\nHint: .*elmo prepare"):
        last.read()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"gone\.txt: cannot be read: No such file"):
        next(shard_parts(tmp_path / "gone.txt"))
    with pytest.raises(TextError, match=r"gone\.txt: cannot be read: No such file"):
        ShardPart(tmp_path / "gone.txt", 0, 1).read()


def test_real_text_is_counted_as_python_counts_it(shared: Path) -> None:
    path = shared / "data/wikitext-2/valid.sentences.txt"
    counted: Counter[bytes] = Counter()
    for part in shard_parts(path, size=100_000):
        found = word_types(part.read())
        counted.update(dict(zip(found.words, found.counts_U.tolist(), strict=True)))
    assert counted == Counter(path.read_bytes().split())
