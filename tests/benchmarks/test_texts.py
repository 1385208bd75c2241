"""Real text, and text drawn for vocabularies that no text has."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import texts
from benchmarks.texts import BenchText, collect_text, encoded, find_text, synthetic
from elmo_cli.config import TextConfig
from elmo_cli.errors import ElmoError, TextError
from elmo_cli.text.tokenizers import Tokenizer


def test_sentences_are_those_of_the_raw_text(small_text: BenchText) -> None:
    assert "Python's documentation" in small_text.description
    assert "tokenised with words" in small_text.description
    words = [word for sentence in small_text.sentences for word in sentence]
    assert "".join(words) == "".join(small_text.raw.read_text(encoding="utf-8").split())


def test_a_larger_vocabulary_is_filled_up_with_words_that_never_occur(small_text: BenchText) -> None:
    real, filled = encoded(small_text, None, 50), encoded(small_text, 9_000, 50)
    assert len(real.vocabulary) < 9_000 == len(filled.vocabulary)
    assert (filled.tokens_N == real.tokens_N).all()
    assert encoded(small_text, 100, 50).vocabulary.words == real.vocabulary.words[:100]


def test_drawn_tokens_follow_the_log_uniform_law(small_text: BenchText, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "SYNTHETIC_TOKENS", 100_000)
    text, real = synthetic(small_text, 50_000, 50), encoded(small_text, None, 50)
    assert len(text.vocabulary) == text.num_types == len(text.lexicon) == 50_000
    assert text.num_tokens == text.starts[-1] > 99_000
    ranks = text.tokens_N.astype(np.int64) - 3
    assert ranks.min() == 0
    assert ranks.max() < 50_000 - 3
    for rank in (0, 10, 1_000, 20_000):
        assert (ranks <= rank).mean() == pytest.approx(np.log(rank + 2) / np.log(50_000 - 2), abs=0.01)
    assert (np.diff(text.starts)[:50] == np.diff(real.starts)[:50]).all()
    assert (text.chars_UW[: real.num_types] == real.chars_UW).all()


def test_without_text_the_documentation_of_python_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "DATA", tmp_path / "absent")
    monkeypatch.setattr(texts, "python_documentation", lambda: iter([("here", "One paragraph. Of two sentences.")]))
    text = find_text(tmp_path)
    assert text.sentences == [["One", "paragraph", "."], ["Of", "two", "sentences", "."]]


def test_wikitext_and_a_book_are_taken_where_they_are(shared: Path, tmp_path: Path) -> None:
    text = find_text(tmp_path)
    assert text.description == "wikitext-2/valid.sentences.txt, tokenised; books/Jack_London__White_Fang.txt, raw"
    assert len(text.sentences) == 8_753
    assert len(text.vocabulary) == 13_778


def test_no_text_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="no text to measure on"):
        collect_text([], tmp_path)


def test_without_the_package_of_the_tokenizer_whitespace_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = texts.make_tokenizer

    def without_package(config: TextConfig) -> Tokenizer:
        if config.tokenizer == "words":
            raise ElmoError("the tokenizer 'words' needs a package")
        return real(config)

    monkeypatch.setattr(texts, "make_tokenizer", without_package)
    text = collect_text(["One line. Two sentences."], tmp_path)
    assert text.sentences == [["One", "line.", "Two", "sentences."]]
    assert "whitespace (the tokenizer 'words' needs a package)" in text.description
