import itertools
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.config import TextConfig
from elmo_cli.text.normalization import Normaliser
from elmo_cli.text.readers import read_lines
from elmo_cli.text.sampling import Drawn, SentenceSample, draw
from elmo_cli.text.sentences import SentenceSplitter

ENGLISH, PLAIN = SentenceSplitter("en"), Normaliser(TextConfig())


def _draw(paragraphs: list[str], block: int, below: float = 1.0) -> Drawn:
    return draw(paragraphs, block, below, ENGLISH, PLAIN)


def test_a_small_text_is_taken_whole_and_in_order() -> None:
    sample = SentenceSample(100)
    sample.add(1, _draw(["Three.  Four!", " ", "Five"], 1))
    sample.add(0, _draw(["One\u3000x.", "\u200fTwo."], 0))
    assert sample.sentences() == ["One x.", "Two.", "Three.", "Four!", "Five"]


def test_sentences_are_normalised_after_they_are_found() -> None:
    normaliser = Normaliser(TextConfig(lowercase=True, zero_digits=True))
    ((_, number, sentences),) = draw(["", "Mr. Gro\u0308b went. He was 7."], 3, 1.0, ENGLISH, normaliser)
    assert (number, sentences) == (1, ["mr. gröb went.", "he was 0."])


@given(most=st.integers(1, 60), order=st.permutations(range(6)), late=st.booleans())
def test_the_sample_depends_on_neither_order_nor_on_when_the_bound_was_known(
    most: int, order: list[int], late: bool
) -> None:
    blocks = [[f"Line {block}, {row}." for row in range(10)] for block in range(6)]
    reference, sample = SentenceSample(most), SentenceSample(most)
    for block, paragraphs in enumerate(blocks):
        reference.add(block, _draw(paragraphs, block))
    for block in order:
        sample.add(block, _draw(blocks[block], block, 1.0 if late else sample.below))
    assert sample.sentences() == reference.sentences()
    assert len(sample.sentences()) == min(most, 60)


def test_a_sample_is_spread_over_the_whole_text() -> None:
    sample = SentenceSample(1_000)
    for block in range(20):
        sample.add(block, _draw([f"Word {block}."] * 1_000, block))
    counts = [len(list(rows)) for _, rows in itertools.groupby(sample.sentences())]
    assert len(counts) == 20 and min(counts) > 25 and max(counts) < 80


def test_a_single_long_paragraph_is_better_than_none() -> None:
    sample = SentenceSample(2)
    sample.add(0, _draw(["One. Two. Three. Four. Five. Six."], 0))
    assert len(sample.sentences()) == 6


def test_books_are_sampled_in_bounded_memory(shared: Path) -> None:
    path = min((shared / "data/books").glob("*.txt"), key=lambda file: file.stat().st_size)
    lines = list(read_lines(path, "replace"))
    sample = SentenceSample(50)
    for block, begin in enumerate(range(0, len(lines), 20)):
        sample.add(block, _draw(lines[begin : begin + 20], block, sample.below))
    assert 1 <= len(sample.sentences()) <= 50
    assert sample.below < 1
