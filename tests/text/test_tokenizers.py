import pickle
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.config import PiecesConfig, TextConfig
from elmo_cli.errors import ConfigError
from elmo_cli.text.sentences import SentenceSplitter
from elmo_cli.text.sources import BlockText
from elmo_cli.text.tokenizers import WhitespaceTokenizer, libraries_behind, make_tokenizer, tokenise_block
from elmo_cli.text.words import WordTokenizer
from tests.learned_pieces import train_pieces

TEXT = "The Größe of Mr. Öz! It is 3.5 m, “he said”."


@pytest.fixture(scope="module")
def pieces() -> bytes:
    return train_pieces([TEXT, TEXT.lower()] * 20, PiecesConfig(size=60, character_coverage=1.0))


def test_whitespace_takes_a_line_as_one_sentence_and_changes_nothing() -> None:
    tokenizer = make_tokenizer(TextConfig(tokenizer="whitespace"))
    assert isinstance(tokenizer, WhitespaceTokenizer)
    assert tokenizer.sentences(" Mr. Beebe\u00a0came .  He left . ") == [
        ["Mr.", "Beebe", "came", ".", "He", "left", "."]
    ]
    assert tokenizer.tokens("a-b, <UNK>\tna\u0308") == ["a-b,", "<UNK>", "na\u0308"]
    assert tokenizer.sentences(" \t") == [] == tokenizer.tokens(" ")


def test_words_are_cut_before_capitals_go_because_they_show_where() -> None:
    tokenizer = make_tokenizer(TextConfig(lowercase=True, zero_digits=True))
    assert tokenizer.sentences("Mr. Öz came at 10:30. Die Gro\u0308ße!") == [
        ["mr.", "öz", "came", "at", "00:00", "."],
        ["die", "größe", "!"],
    ]
    assert tokenizer.tokens("Mr. Öz.") == ["mr.", "öz", "."]
    assert tokenizer.of_tokenised("Do n't 7") == ["do", "n't", "0"]


def test_words_come_composed_unless_told_otherwise() -> None:
    assert make_tokenizer(TextConfig()).tokens("na\u0308") == ["nä"]
    plain = make_tokenizer(TextConfig(normalization="none"))
    assert isinstance(plain, WordTokenizer)
    assert plain.tokens("na\u0308") == ["na\u0308"]


def test_whitespace_may_be_normalised_and_keeps_the_number_of_tokens() -> None:
    tokenizer = make_tokenizer(TextConfig(tokenizer="whitespace", normalization="nfkc", lowercase=True))
    assert tokenizer.tokens("A¨B ﬁN\tÄ") == ["a\u0308b", "fin", "ä"]
    assert tokenizer.sentences("A¨B. Ⅳ") == [["a\u0308b.", "iv"]]
    assert tokenizer.sentences("  ") == []


def test_pieces_are_cut_from_normalised_sentences(pieces: bytes) -> None:
    tokenizer = make_tokenizer(TextConfig(tokenizer="sentencepiece", lowercase=True), pieces)
    sentences = tokenizer.sentences("The Gro\u0308ße of Mr. Öz! It is.")
    assert ["".join(sentence) for sentence in sentences] == ["▁the▁größe▁of▁mr.▁öz!", "▁it▁is."]


def test_sentencepiece_without_its_model_says_how_to_get_one() -> None:
    with pytest.raises(ConfigError, match=r"needs its model, and there is none here\nHint: .*--pieces-model FILE"):
        make_tokenizer(TextConfig(tokenizer="sentencepiece"))


@given(text=st.text(), tokenizer=st.sampled_from(["words", "whitespace"]), form=st.sampled_from(["auto", "nfkc"]))
def test_no_token_has_whitespace_whatever_the_form(text: str, tokenizer: str, form: str) -> None:
    made = make_tokenizer(TextConfig(tokenizer=tokenizer, normalization=form, lowercase=True))
    for tokens in (*made.sentences(text), made.tokens(text), made.of_tokenised(text)):
        assert " ".join(tokens).split() == tokens


def test_a_block_becomes_sentences_with_their_documents(pieces: bytes) -> None:
    raw = BlockText(paragraphs=["One. Two!", "", "Three"], documents=[4, 4, 5], tokenised=False, oddities=Counter())
    assert tokenise_block(raw, make_tokenizer(TextConfig())) == [
        (4, ["One", "."]),
        (4, ["Two", "!"]),
        (5, ["Three"]),
    ]
    given_words = BlockText(paragraphs=["Do n't . Go ,", " "], documents=[0, 1], tokenised=True, oddities=Counter())
    assert tokenise_block(given_words, make_tokenizer(TextConfig())) == [(0, ["Do", "n't", ".", "Go", ","])]
    ((number, tokens),) = tokenise_block(given_words, make_tokenizer(TextConfig(tokenizer="sentencepiece"), pieces))
    assert (number, "".join(tokens)) == (0, "▁Do▁n't▁.▁Go▁,")


def test_the_libraries_that_cut_and_normalise_are_named() -> None:
    unicode = unicodedata.unidata_version
    assert libraries_behind(TextConfig(tokenizer="whitespace")) == {}
    assert libraries_behind(TextConfig(tokenizer="whitespace", lowercase=True)) == {"unicodedata": unicode}
    assert list(libraries_behind(TextConfig())) == ["sentencex", "regex", "unicodedata"]
    assert list(libraries_behind(TextConfig(tokenizer="sentencepiece"))) == [
        "sentencex",
        "sentencepiece",
        "unicodedata",
    ]
    assert all(libraries_behind(TextConfig(tokenizer="sentencepiece")).values())


def test_the_settings_travel_to_other_processes() -> None:
    config = TextConfig(tokenizer="words", normalization="nfkc")
    assert make_tokenizer(pickle.loads(pickle.dumps(config))).tokens("ﬁ") == ["fi"]


def test_real_lines_stay_whole_in_three_scripts(shared: Path) -> None:
    for language in ("fi", "ar", "hi"):
        tokenizer = make_tokenizer(TextConfig(language=language))
        text = (shared / "data/common-voice" / language / "sentences.txt").read_text(encoding="utf-8")
        for line in text.split("\n")[::200]:
            letters = [c for c in unicodedata.normalize("NFC", line) if unicodedata.category(c)[0] in "LMN"]
            tokens = "".join(token for sentence in tokenizer.sentences(line) for token in sentence)
            assert [c for c in tokens if unicodedata.category(c)[0] in "LMN"] == letters


def test_sentences_of_a_long_paragraph_come_before_the_last_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(_: SentenceSplitter, __: str) -> Iterator[str]:
        while True:
            yield "It GOES on. "

    monkeypatch.setattr(SentenceSplitter, "split", endless)
    for settings, first in ((TextConfig(), ["It", "GOES", "on", "."]), (TextConfig(lowercase=True), ["it", "goes"])):
        sentence = next(make_tokenizer(settings).each_sentence("a paragraph"))
        assert sentence[: len(first)] == first
