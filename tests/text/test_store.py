import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.errors import TextError
from elmo_cli.text import store
from elmo_cli.text.characters import character_table
from elmo_cli.text.store import EncodedText, encode, is_store, open_store, store_is_current
from elmo_cli.text.store_building import build_store
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary

VOCABULARY = Vocabulary([*SPECIALS, "the", "."], np.array([3, 3, 4, 2, 2]))


def _shards(folder: Path, *texts: str) -> list[Path]:
    paths = [folder / f"shard-{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode())
    return paths


def _stored(folder: Path, *texts: str, vocabulary: Vocabulary = VOCABULARY) -> EncodedText:
    for _ in build_store(_shards(folder, *texts), vocabulary, folder / "store", 50):
        pass
    return open_store(folder / "store")


def _sentences(text: EncodedText) -> list[list[str]]:
    words = [text.lexicon[number] for number in text.tokens_N]
    return [words[begin:end] for begin, end in zip(text.starts[:-1], text.starts[1:], strict=True)]


def test_the_lexicon_is_the_vocabulary_and_then_words_as_they_come_up() -> None:
    text = encode([["new", "the", "other"], ["other", "new", "."]], VOCABULARY, 10)
    assert text.lexicon == [*SPECIALS, "the", ".", "new", "other"]
    assert text.tokens_N.tolist() == [5, 3, 6, 6, 5, 4]
    assert text.tokens_N.dtype == np.uint32
    assert text.starts.tolist() == [0, 3, 6]
    assert (text.num_sentences, text.num_tokens, text.num_types) == (2, 6, 7)
    assert np.array_equal(text.chars_UW, character_table(text.lexicon, 10))


def test_an_empty_sentence_keeps_its_place_in_memory() -> None:
    text = encode([["the"], [], ["."]], VOCABULARY, 10)
    assert text.starts.tolist() == [0, 1, 1, 2]
    assert encode([], VOCABULARY, 10).starts.tolist() == [0]


def test_encoding_leaves_the_vocabulary_alone() -> None:
    encode([["never", "heard"]], VOCABULARY, 10)
    assert len(VOCABULARY.ids) == len(VOCABULARY) == 5


def test_a_store_gives_back_the_text(tmp_path: Path) -> None:
    text = _stored(tmp_path, "new the other\n\nother  new .\r\n", "", " \nthe end")
    assert _sentences(text) == [["new", "the", "other"], ["other", "new", "."], ["the", "end"]]
    assert text.vocabulary.words == VOCABULARY.words
    assert text.vocabulary.counts_V is not None
    assert text.vocabulary.counts_V.tolist() == [3, 3, 4, 2, 2]
    meta = json.loads((tmp_path / "store/meta.json").read_text())
    assert (meta["sentences"], meta["tokens"], meta["types"], meta["blank_lines"]) == (3, 8, 8, 2)
    assert is_store(tmp_path / "store")
    assert not is_store(tmp_path)


def test_a_store_is_current_while_its_files_vocabulary_and_width_are_the_same(tmp_path: Path) -> None:
    shards = _shards(tmp_path, "the end\n", "the\n")
    store_dir = tmp_path / "store"
    assert not store_is_current(store_dir, shards, VOCABULARY, 50)
    _stored(tmp_path, "the end\n", "the\n")
    assert store_is_current(store_dir, shards, VOCABULARY, 50)
    assert not store_is_current(store_dir, shards, VOCABULARY, 49)
    assert not store_is_current(store_dir, shards, VOCABULARY, 50, 999)
    assert not store_is_current(store_dir, shards[:1], VOCABULARY, 50)
    assert not store_is_current(store_dir, shards[::-1], VOCABULARY, 50)
    assert not store_is_current(store_dir, shards, Vocabulary([*SPECIALS, "the"]), 50)
    shards[1].write_text("The\n")
    assert not store_is_current(store_dir, shards, VOCABULARY, 50)
    (store_dir / "meta.json").write_text("{")
    assert not store_is_current(store_dir, shards, VOCABULARY, 50)


def _edit(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def damage(store_dir: Path) -> None:
        meta = json.loads((store_dir / "meta.json").read_text())
        meta.pop("sha256")
        change(meta)
        store.write_text(store_dir / "meta.json", store._signed(meta))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "meta.json").unlink(), r"store: not a corpus store: no readable meta\.json"),
        (lambda folder: (folder / "meta.json").write_text("{"), r"meta\.json: not JSON"),
        (lambda folder: (folder / "meta.json").write_text("[]"), r"meta\.json: has no format version"),
        (_edit(lambda meta: meta.update(format=9)), "a corpus store of format 9; this version reads format 2"),
        (_edit(lambda meta: meta.pop("types")), r"meta\.json: damaged: KeyError\('types'\)"),
        (lambda folder: (folder / "tokens.u32").write_bytes(b"123"), r"tokens\.u32: 3 bytes, expected 8 bytes"),
        (lambda folder: (folder / "chars.u16").unlink(), r"chars\.u16: missing, expected 600 bytes"),
        (lambda folder: (folder / "sentences.i64").write_bytes(b""), r"sentences\.i64: 0 bytes, expected 16 bytes"),
        (_edit(lambda meta: meta.update(tokens=1)), r"tokens\.u32: 8 bytes, expected 4 bytes"),
        (
            lambda folder: (folder / "meta.json").write_text((folder / "meta.json").read_text() + " "),
            r"meta\.json: damaged: its content does not have the hash [0-9a-f]{64} that it names",
        ),
        (
            lambda folder: (folder / "tokens.u32").write_bytes(bytes(8)),
            r"tokens\.u32: damaged: SHA-256 af55\w+, expected \w{64}",
        ),
    ],
)
def test_a_damaged_store_says_what_is_wrong(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    _stored(tmp_path, "the end\n")
    damage(tmp_path / "store")
    with pytest.raises(TextError, match=f"{message}.*\nHint: delete"):
        open_store(tmp_path / "store")


def test_a_damaged_byte_anywhere_is_found(tmp_path: Path) -> None:
    _stored(tmp_path, "the end of the store .\n")
    damaged = 0
    for file in sorted((tmp_path / "store").iterdir()):
        content = file.read_bytes()
        for at in range(0, len(content), 7):
            file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            with pytest.raises(TextError, match=f"{file.name}|format|not a corpus store"):
                open_store(tmp_path / "store")
            damaged += 1
        file.write_bytes(content)
    assert damaged > 100
    open_store(tmp_path / "store")


def test_a_lexicon_that_was_cut_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    text = _stored(tmp_path, "the end\n")
    (tmp_path / "store/lexicon.txt").write_text("the\n")
    with pytest.raises(TextError, match="1 word types, expected 6"):
        _ = text.lexicon[0]
