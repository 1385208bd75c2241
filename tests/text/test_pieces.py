from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.config import PiecesConfig, TextConfig
from elmo_cli.errors import TextError
from elmo_cli.text.normalization import Normaliser, single_spaced, without_unseen
from elmo_cli.text.pieces import PieceTokenizer, detokenise, load_pieces
from elmo_cli.text.readers import read_lines
from tests.learned_pieces import train_pieces

SENTENCES = ["今天天气很好。", "你好吗？", "东京2026年。", "他说他走了。", "今天他说天气很好。"]
PLAIN = Normaliser(TextConfig(tokenizer="sentencepiece"))


@pytest.fixture(scope="module")
def chinese() -> PieceTokenizer:
    return PieceTokenizer("zh", train_pieces(SENTENCES * 10, PiecesConfig(size=80, character_coverage=1.0)), PLAIN)


def test_a_paragraph_becomes_sentences_of_pieces(chinese: PieceTokenizer) -> None:
    sentences = chinese.sentences("今天天气很好。 你好吗？\u200f\x00他说")
    assert [detokenise(sentence) for sentence in sentences] == ["今天天气很好。", "你好吗？", "他说"]
    assert sum(map(len, sentences)) < len("今天天气很好。你好吗？他说"), "some pieces are longer than a character"
    assert not any(piece.startswith("▁") for sentence in sentences for piece in sentence)


def test_blank_text_has_no_pieces(chinese: PieceTokenizer) -> None:
    assert chinese.sentences("") == chinese.sentences(" \u3000") == chinese.sentences("\u200b \u200f") == []
    assert chinese.tokens("") == chinese.tokens("\u200b") == chinese.of_tokenised(" ") == []


def test_what_has_no_piece_stays_as_it_stands(chinese: PieceTokenizer) -> None:
    assert detokenise(chinese.tokens("今天 ☃☃ 好")) == "今天 ☃☃ 好"
    assert "☃☃" in chinese.tokens("今天☃☃好")


@given(
    text=st.text() | st.lists(st.sampled_from(["今天", "。", " ", "\u3000", "it ", "\n", "☃", "<unk>"])).map("".join)
)
def test_no_piece_has_whitespace_and_text_can_be_put_together_again(chinese: PieceTokenizer, text: str) -> None:
    tokens = chinese.tokens(text)
    assert " ".join(tokens).split() == tokens
    expected = single_spaced(without_unseen(PLAIN(text)))
    assert detokenise(tokens) == expected.replace("▁", " ").strip()


@pytest.mark.parametrize("model", [b"", b"garbage", b"\x00" * 100])
def test_a_file_that_is_no_model_is_refused(model: bytes) -> None:
    with pytest.raises(
        TextError, match=rf"x/tokenizer.model: expected a SentencePiece model, found {len(model)} bytes"
    ):
        load_pieces(model, "x/tokenizer.model")


@pytest.mark.parametrize("language", ["zh-CN", "ja"])
def test_real_text_without_spaces_comes_back_whole(shared: Path, language: str) -> None:
    lines = list(read_lines(shared / "data/common-voice" / language / "sentences.txt"))[::50]
    model = train_pieces([single_spaced(line) for line in lines], PiecesConfig(size=3_000, character_coverage=0.99))
    tokenizer = PieceTokenizer(language.partition("-")[0], model, PLAIN)
    for line in lines:
        text = "".join(detokenise(sentence) for sentence in tokenizer.sentences(line))
        assert regex.sub(r"\s", "", text) == regex.sub(r"[\s\p{Cc}\u200b\ufeff]", "", without_unseen(PLAIN(line)))
