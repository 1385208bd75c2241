from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.config import VocabularyConfig
from elmo_cli.errors import TextError
from elmo_cli.text.counting import WordCounts, count_part, count_sentences
from elmo_cli.text.vocabulary import SPECIALS
from elmo_cli.text.word_types import shard_parts

words = st.sampled_from([*"abcdefghijklmnop", "naïve", "<UNK>", "<S>", "a-word-of-many-bytes"])
sentences = st.lists(st.lists(words, min_size=1, max_size=8), max_size=30)


@settings(max_examples=60, deadline=None)
@given(sentences, st.integers(1, 50))
def test_parts_of_a_file_and_sentences_in_memory_count_alike(
    tmp_path_factory: pytest.TempPathFactory, text: list[list[str]], size: int
) -> None:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(f"{' '.join(sentence)}\n" for sentence in text), encoding="utf-8")
    by_parts, at_once = WordCounts(1_000), WordCounts(1_000)
    for part in shard_parts(path, size=size):
        by_parts.add(count_part(part))
    at_once.add(count_sentences(text))
    assert by_parts == at_once
    assert by_parts.counts == {
        word.encode(): count for word, count in Counter(word for sentence in text for word in sentence).items()
    }
    assert (by_parts.sentences, by_parts.tokens) == (len(text), sum(map(len, text)))


@settings(max_examples=100)
@given(st.lists(sentences, max_size=8), st.integers(1, 12))
def test_what_is_forgotten_is_accounted_for(parts: list[list[list[str]]], bound: int) -> None:
    counts = WordCounts(bound, frozenset([b"c"]))
    for part in parts:
        counts.add(count_sentences(part))
    true = Counter(word for part in parts for sentence in part for word in sentence)
    assert len(counts.counts) <= bound + 1
    assert counts.tokens == true.total() == sum(counts.counts.values()) + counts.forgotten_tokens
    assert len(counts.counts) + counts.forgotten_types >= len(true)
    for word, count in true.items():
        kept = counts.counts.get(word.encode(), 0)
        assert count - counts.largest_loss <= kept <= count
    assert counts.counts.get(b"c", 0) == true["c"], "a word that is never forgotten is counted whole"
    if len(true) <= bound:
        assert counts.forgotten_types == counts.largest_loss == 0


def test_the_rarest_words_are_forgotten_and_frequent_ones_stay() -> None:
    counts = WordCounts(max_types=4, kept=frozenset())
    counts.add(count_sentences([["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2]))
    assert counts.forgotten_types == 0
    counts.add(count_sentences([["e"]]))
    assert counts.counts == {b"a": 5, b"b": 4}
    assert (counts.forgotten_types, counts.forgotten_tokens, counts.largest_loss) == (3, 6, 3)
    counts.add(count_sentences([["c"]]))
    assert counts.counts[b"c"] == 1


def test_specials_in_the_text_are_never_forgotten() -> None:
    counts = WordCounts(max_types=4)
    counts.add(count_sentences([["<S>", "<UNK>", "a", "a", "b", "b", "c", "d"]]))
    assert counts.counts == {b"<S>": 1, b"<UNK>": 1, b"a": 2, b"b": 2}


def test_the_vocabulary_knows_tokens_that_were_forgotten() -> None:
    counts = WordCounts(max_types=3)
    counts.add(count_sentences([["a", "a", "a", "b", "b", "c", "d", "<UNK>", "<S>"]]))
    assert sorted(counts.counts) == [b"<S>", b"<UNK>", b"a"], "at most half the bound stays, and the specials"
    vocabulary = counts.vocabulary(VocabularyConfig(min_count=2))
    assert vocabulary.words == [*SPECIALS, "a"]
    assert vocabulary.counts_V is not None
    assert vocabulary.counts_V.tolist() == [1, 1, 5, 3], "b b c d and the literal <UNK> are outside"


def test_forced_words_stand_in_their_place_by_count() -> None:
    counts = WordCounts(1_000)
    counts.add(count_sentences([["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["rare"]]))
    vocabulary = counts.vocabulary(VocabularyConfig(size=6, min_count=2), ["rare", "unseen", "rare", "<UNK>"])
    assert vocabulary.words == [*SPECIALS, "a", "rare", "unseen"]
    assert vocabulary.counts_V is not None
    assert vocabulary.counts_V.tolist() == [1, 1, 7, 5, 1, 0]
    assert vocabulary.out_of_order() is None


def test_more_forced_words_than_places_are_an_error() -> None:
    counts = WordCounts(1_000)
    counts.add(count_sentences([["a"]]))
    with pytest.raises(
        TextError, match=r"2 forced words and 3 specials, but the vocabulary has 4 places at most\n.*--size 5"
    ):
        counts.vocabulary(VocabularyConfig(size=4), ["b", "c"])


def test_the_error_tells_how_many_words_there_were() -> None:
    counts = WordCounts(1_000)
    counts.add(count_sentences([["a", "b", "c"]]))
    with pytest.raises(TextError, match=r"no word was seen at least 2 times \(3 different words in all\)"):
        counts.vocabulary(VocabularyConfig())
