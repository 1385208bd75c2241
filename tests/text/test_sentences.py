from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.text.readers import read_lines
from elmo_cli.text.sentences import STRETCH, SentenceSplitter


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "zh",
            [
                "今天天气很好。",
                "你好吗？",
                "我说：“很好！”",
                "他走了。",
                "“真的吗？”",
                "她问。",
                "他说：「好。」",
                "然后走了！",
            ],
        ),
        ("ja", ["今日はいい天気です。", "元気ですか？", "彼女は笑った…そして帰った。"]),
        ("hi", ["यह एक वाक्य है। ", "यह दूसरा है। ", "क्या? ", "हाँ॥"]),
        ("ar", ["هذا جملة. ", "هل أنت بخير؟ ", "نعم، أنا بخير! ", "انتهى."]),
        ("fi", ['"Ammutaa!", Uffe kiljaisi. ', "Kello on n. 5 nyt."]),
        ("xx", ["A language nobody knows. ", "It is read as English."]),
        ("en", ['"Why?", he asked. ', "Nobody knew..."]),
        ("en", ["! Go on. ", "So he did. ", "... !"]),
    ],
)
def test_sentences_are_found_by_the_rules_of_the_language(language: str, sentences: list[str]) -> None:
    assert list(SentenceSplitter(language).split("".join(sentences))) == sentences


PARTS = st.sampled_from(["One", " two", ". ", "! ", "? ", ", ", '"', "”", "…", "(", ")", " ", "他。", "！”", "Mr. "])


@given(parts=st.lists(PARTS) | st.text().map(list))
def test_sentences_put_together_are_the_paragraph(parts: list[str]) -> None:
    paragraph = "".join(parts)
    assert "".join(SentenceSplitter("en").split(paragraph)) == paragraph


def test_a_paragraph_longer_than_a_stretch_is_split_as_if_it_were_short() -> None:
    sentence = "The quick brown fox, number {}, jumps over the lazy dog. "
    expected = [sentence.format(number) for number in range(2 * STRETCH // len(sentence))]
    assert list(SentenceSplitter("en").split("".join(expected))) == expected


@pytest.mark.parametrize(
    ("language", "most"), [("fi", 0.005), ("ar", 0.015), ("hi", 0.02), ("ja", 0.01), ("zh-CN", 0.01)]
)
def test_lines_that_are_a_sentence_each_are_hardly_ever_split(shared: Path, language: str, most: float) -> None:
    lines = list(read_lines(shared / "data/common-voice" / language / "sentences.txt"))[::20]
    split = SentenceSplitter(language.partition("-")[0]).split
    assert sum(len(list(split(line))) > 1 for line in lines) <= most * len(lines)
