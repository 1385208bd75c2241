from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.config import VocabularyConfig
from elmo_cli.errors import TextError
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary, counts_beside


def _written(folder: Path, text: str) -> Path:
    path = folder / "vocab.txt"
    path.write_bytes(text.encode())
    return path


def test_ids_are_places_and_unknown_words_share_one() -> None:
    # reference/bilm-tf.md, 8.2: vocab encode
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "the", "."])
    assert [vocabulary.id_of(word) for word in ["<S>", "the", "unknown", ".", "</S>"]] == [0, 3, 2, 4, 1]
    assert (vocabulary.begin_id, vocabulary.end_id, vocabulary.unknown_id) == (0, 1, 2)
    assert len(vocabulary) == 5


def test_specials_may_stand_anywhere_in_a_file(tmp_path: Path) -> None:
    vocabulary = Vocabulary.read(_written(tmp_path, "the\n</S>\n<UNK>\n.\n<S>\n"))
    assert (vocabulary.begin_id, vocabulary.end_id, vocabulary.unknown_id) == (4, 1, 2)
    assert vocabulary.id_of("nothing") == 2


def test_the_published_oddities_are_read(tmp_path: Path) -> None:
    text = "\ufeff<S>\r\n</S>\r\n!!!MAXTERMID\r\n<UNK>\r\n the \r\nnaïve"
    vocabulary = Vocabulary.read(_written(tmp_path, text))
    assert vocabulary.words == ["<S>", "</S>", "<UNK>", "the", "naïve"]
    assert vocabulary.counts_V is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "<S>\n</S>\nthe\n",
            "vocab.txt: <UNK> missing; .* needs the lines <S>, </S>, <UNK>\nHint: build one .*elmo vocab",
        ),
        ("the\n", "<S> and </S> and <UNK> missing"),
        ("<S>\n</S>\n\n<UNK>\n", "vocab.txt:3: blank line"),
        ("<S>\n</S>\n<UNK>\nthe\n.\nthe\n", "vocab.txt:6: 'the' stands already in line 4\nHint: delete one"),
    ],
)
def test_a_faulty_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        Vocabulary.read(_written(tmp_path, text))


def test_a_vocabulary_without_specials_serves_where_none_is_needed(tmp_path: Path) -> None:
    vocabulary = Vocabulary.read(_written(tmp_path, "the\n<S>\n"), require_specials=False)
    assert (vocabulary.id_of("the"), vocabulary.begin_id) == (0, 1)
    with pytest.raises(TextError, match="the vocabulary has no <UNK>"):
        vocabulary.id_of("unheard")
    with pytest.raises(TextError, match="the vocabulary has no </S>"):
        _ = vocabulary.end_id


def test_the_words_seen_most_come_first_and_ties_go_by_spelling() -> None:
    counts = {"b": 3, "a": 3, "c": 9, "once": 1, "twice": 2}
    vocabulary = Vocabulary.from_counts(counts, VocabularyConfig(min_count=2), sentences=4)
    assert vocabulary.words == [*SPECIALS, "c", "a", "b", "twice"]
    assert vocabulary.counts_V is not None
    assert vocabulary.counts_V.tolist() == [4, 4, 1, 9, 3, 3, 2]
    assert vocabulary.out_of_order() is None


def test_size_bounds_the_whole_list_and_what_falls_out_is_unknown() -> None:
    vocabulary = Vocabulary.from_counts({"a": 5, "b": 4, "c": 3}, VocabularyConfig(size=5), sentences=2)
    assert vocabulary.words == [*SPECIALS, "a", "b"]
    assert vocabulary.counts_V is not None
    assert vocabulary.counts_V.tolist() == [2, 2, 3, 5, 4]


def test_specials_in_the_text_are_no_words() -> None:
    counts = {"<UNK>": 7, "<S>": 5, "</S>": 5, "a": 2}
    vocabulary = Vocabulary.from_counts(counts, VocabularyConfig(min_count=1), sentences=3)
    assert vocabulary.words == [*SPECIALS, "a"]
    assert vocabulary.counts_V is not None
    assert vocabulary.counts_V.tolist() == [3, 3, 7, 2]


def test_no_word_often_enough_is_an_error() -> None:
    with pytest.raises(
        TextError, match=r"no word was seen at least 2 times \(3 different words in all\)\n.*--min-count 1"
    ):
        Vocabulary.from_counts({"a": 1, "b": 1, "<UNK>": 9}, VocabularyConfig(), sentences=1)


words = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=5)


@settings(max_examples=40)
@given(
    counts=st.dictionaries(words, st.integers(1, 50)).map(lambda counts: {"a": 1, **counts}), size=st.integers(4, 12)
)
def test_what_is_written_is_read_and_every_token_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, counts: dict[str, int], size: int
) -> None:
    built = Vocabulary.from_counts(counts, VocabularyConfig(size=size, min_count=1), sentences=6)
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    built.write(path)
    read = Vocabulary.read(path)
    assert read.words == built.words
    assert read.sha256 == built.sha256
    assert built.counts_V is not None and read.counts_V is not None
    assert np.array_equal(read.counts_V, built.counts_V)
    literal = counts.get("<S>", 0) + counts.get("</S>", 0)
    assert read.counts_V[2:].sum() == Counter(counts).total() - literal
    assert read.out_of_order() is None


def test_counts_that_rise_are_reported() -> None:
    vocabulary = Vocabulary([*SPECIALS, "rare", "frequent"], np.array([9, 9, 99, 1, 8]))
    assert "'frequent' (8) stands below 'rare' (1)" in str(vocabulary.out_of_order())
    assert Vocabulary(list(SPECIALS)).out_of_order() is None


def test_a_vocabulary_without_counts_leaves_none_of_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    Vocabulary.from_counts({"a": 5}, VocabularyConfig(), sentences=1).write(path)
    assert counts_beside(path).exists()
    Vocabulary([*SPECIALS, "b"]).write(path)
    assert Vocabulary.read(path).counts_V is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["vocab.txt"]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("<S>\t1\n</S>\t1\n<UNK>\t1\n", "vocab.counts.tsv: 3 counts for 4 words\nHint: delete vocab.counts.tsv"),
        ("<S>\t1\n</S>\t1\n<UNK>\t1\nb\t1\n", "vocab.counts.tsv:4: expected 'a', a tab and its count, found 'b"),
        ("<S>\t1\n</S>\t1\n<UNK>\t-1\na\t1\n", "vocab.counts.tsv:3: expected '<UNK>', a tab and its count"),
        ("<S>\t1\n</S>\n<UNK>\t1\na\t1\n", "vocab.counts.tsv:2: expected '</S>', a tab and its count"),
    ],
)
def test_counts_of_other_words_are_refused(tmp_path: Path, counts: str, message: str) -> None:
    path = _written(tmp_path, "<S>\n</S>\n<UNK>\na\n")
    counts_beside(path).write_text(counts)
    with pytest.raises(TextError, match=message):
        Vocabulary.read(path)


def test_the_fingerprint_depends_on_words_and_order() -> None:
    fingerprints = {
        Vocabulary(words).sha256 for words in ([*SPECIALS, "a", "b"], [*SPECIALS, "b", "a"], [*SPECIALS, "ab"])
    }
    assert len(fingerprints) == 3


def test_real_vocabularies_are_read(shared: Path) -> None:
    vocabulary = Vocabulary.read(shared / "data/wikitext-2/vocab.txt")
    assert len(vocabulary) == 13_778
    assert vocabulary.words[:3] == list(SPECIALS)
    fixture = Vocabulary.read(shared / "fixtures/bilm/vocab_test.txt", require_specials=False)
    assert (len(fixture), fixture.begin_id, fixture.end_id) == (448, 207, 257)
    with pytest.raises(TextError, match="<UNK> missing"):
        Vocabulary.read(shared / "fixtures/bilm/vocab_test.txt")
