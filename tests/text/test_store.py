import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.errors import TextError
from elmo_cli.text import store
from elmo_cli.text.characters import character_table
from elmo_cli.text.store import EncodedText, build_store, encode, is_store, open_store, store_is_current
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


@settings(max_examples=30)
@given(
    sentences=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=3), min_size=1, max_size=5),
        max_size=12,
    ),
    block=st.integers(1, 6),
    cut=st.integers(0, 12),
)
def test_a_store_and_memory_agree_however_blocks_and_shards_are_cut(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[str]], block: int, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    texts = ["".join(f"{' '.join(sentence)}\n" for sentence in some) for some in (sentences[:cut], sentences[cut:])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "BLOCK", block)
        patch.setattr(store, "TABLE_ROWS", block)
        stored = _stored(folder, *texts)
    expected = encode(sentences, VOCABULARY, 50)
    assert np.array_equal(stored.tokens_N, expected.tokens_N)
    assert np.array_equal(stored.starts, expected.starts)
    assert np.array_equal(stored.chars_UW, expected.chars_UW)
    assert list(stored.lexicon) == expected.lexicon


def test_an_empty_corpus_is_a_store_without_sentences(tmp_path: Path) -> None:
    text = _stored(tmp_path, "", "\n\n")
    assert (text.num_sentences, text.num_tokens, text.num_types) == (0, 0, 5)


def test_very_long_lines_are_one_sentence(tmp_path: Path) -> None:
    text = _stored(tmp_path, "the . " * 300_000 + "\n" + "x" * 3_000_000 + "\n")
    assert text.starts.tolist() == [0, 600_000, 600_001]
    assert text.chars_UW[-1].tolist() == [258, *[ord("x")] * 48, 259]


def test_progress_counts_bytes_to_the_end(tmp_path: Path) -> None:
    shards = _shards(tmp_path, "the end\n", "the\n")
    reports = list(build_store(shards, VOCABULARY, tmp_path / "store", 50))
    assert reports == [(8, 12), (12, 12), (12, 12)]


def test_a_build_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    building = build_store(_shards(tmp_path, "the\n"), VOCABULARY, tmp_path / "store", 50)
    next(building)
    building.close()
    assert [path.name for path in tmp_path.iterdir()] == ["shard-0.txt"]


def test_memory_holds_the_lexicon_and_not_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BLOCK", 10_000)
    peaks = []
    for files in (2, 8):
        shards = _shards(tmp_path, *["the end of it .\n" * 20_000] * files)
        tracemalloc.start()
        for _ in build_store(shards, VOCABULARY, tmp_path / "store", 50):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_store_is_current_while_its_files_vocabulary_and_width_are_the_same(tmp_path: Path) -> None:
    shards = _shards(tmp_path, "the end\n", "the\n")
    store_dir = tmp_path / "store"
    assert not store_is_current(store_dir, shards, VOCABULARY, 50)
    _stored(tmp_path, "the end\n", "the\n")
    assert store_is_current(store_dir, shards, VOCABULARY, 50)
    assert not store_is_current(store_dir, shards, VOCABULARY, 49)
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
        change(meta)
        (store_dir / "meta.json").write_text(json.dumps(meta))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "meta.json").unlink(), r"store: not a corpus store: no readable meta\.json"),
        (lambda folder: (folder / "meta.json").write_text("{"), r"meta\.json: not JSON"),
        (lambda folder: (folder / "meta.json").write_text("[]"), r"meta\.json: has no format version"),
        (_edit(lambda meta: meta.update(format=9)), "a corpus store of format 9; this version reads format 1"),
        (_edit(lambda meta: meta.pop("types")), r"meta\.json: damaged: KeyError\('types'\)"),
        (lambda folder: (folder / "tokens.u32").write_bytes(b"123"), r"tokens\.u32: 3 bytes, expected 8 bytes"),
        (lambda folder: (folder / "chars.u16").unlink(), r"chars\.u16: missing, expected 600 bytes"),
        (lambda folder: (folder / "sentences.i64").write_bytes(b""), r"sentences\.i64: 0 bytes, expected 16 bytes"),
        (
            lambda folder: Vocabulary([*SPECIALS, "a", "b"]).write(folder / "vocab.txt"),
            r"vocab\.txt: not the vocabulary that the store was built with",
        ),
    ],
)
def test_a_damaged_store_says_what_is_wrong(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    _stored(tmp_path, "the end\n")
    damage(tmp_path / "store")
    with pytest.raises(TextError, match=f"{message}.*\nHint: delete"):
        open_store(tmp_path / "store")


def test_a_lexicon_that_was_cut_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    text = _stored(tmp_path, "the end\n")
    (tmp_path / "store/lexicon.txt").write_text("the\n")
    with pytest.raises(TextError, match="1 word types, expected 6"):
        _ = text.lexicon[0]


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"gone\.txt: cannot be read"):
        next(build_store([tmp_path / "gone.txt"], VOCABULARY, tmp_path / "store", 50))


def test_wikitext_keeps_every_token(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/wikitext-2/valid.sentences.txt"
    vocabulary = Vocabulary.read(shared / "data/wikitext-2/vocab.txt")
    for _ in build_store([source], vocabulary, tmp_path / "store", 50):
        pass
    text = open_store(tmp_path / "store")
    lines = source.read_text(encoding="utf-8").split("\n")[:-1]
    assert text.num_sentences == len(lines) == 8_753
    assert _sentences(text) == [line.split() for line in lines]
    assert text.num_types == len(vocabulary), "its vocabulary is every word of it"
