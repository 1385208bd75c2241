"""Every figure against sums written out word by word, and against the programs that print it."""

import math

import numpy as np
import pytest

from elmo_cli.measure.perplexity import DEFINITIONS, DirectionFigures, direction_figures
from elmo_cli.measure.scored_text import ScoredText, TextSize

SENTENCES = [[(3, 1.5, 2.0), (2, 4.0, 4.5), (4, 0.5, 0.25)], [(2, 3.0, 3.5)], [], [(5, 2.0, 1.0), (3, 1.0, 1.25)]]
"""Words as (class, forward loss, backward loss); class 2 is <UNK>."""
ENDS, BEGINS = [0.5, 1.0, 2.0, 0.25], [0.75, 0.5, 3.0, 0.125]
SIZE = TextSize(bytes=60, characters=50, words=5)


def example(size: TextSize | None = SIZE) -> ScoredText:
    """Four sentences, one of them empty."""
    words = [word for sentence in SENTENCES for word in sentence]
    classes = np.array([word[0] for word in words])
    return ScoredText(
        classes_N=classes,
        types_N=classes,
        lengths_S=np.array([len(sentence) for sentence in SENTENCES]),
        words_GN=np.array([[word[1] for word in words], [word[2] for word in words]]),
        boundaries_GS=np.array([ENDS, BEGINS]),
        known_N=classes != 2,
        size=size,
    )


@pytest.mark.parametrize(("direction", "weights"), [(1, (1.0, 0.0)), (2, (0.0, 1.0)), (None, (0.5, 0.5))])
def test_the_figures_are_what_their_definitions_say(direction: int | None, weights: tuple[float, float]) -> None:
    def loss(word: tuple[int, float, float]) -> float:
        return (word[1] + word[2]) / 2 if direction is None else word[direction]

    words = [word for sentence in SENTENCES for word in sentence]
    ends = {1: ENDS, 2: BEGINS, None: [(a + b) / 2 for a, b in zip(ENDS, BEGINS, strict=True)]}[direction]
    of_words = sum(map(loss, words))
    of_known = sum(loss(word) for word in words if word[0] != 2)
    total = of_words + sum(ends)
    figures = direction_figures(example(), weights)
    expected = DirectionFigures(
        loss=total / 10,
        perplexity=math.exp(total / 10),
        targets=10,
        perplexity_words=math.exp(of_words / 6),
        perplexity_boundaries=math.exp(sum(ends) / 4),
        perplexity_without_oov=math.exp((of_known + sum(ends)) / (4 + 4)),
        ppl1=math.exp((of_known + sum(ends)) / 4),
        log10=-total / math.log(10),
        bits_per_token=total / math.log(2) / 10,
        bits_per_byte=total / math.log(2) / 60,
        bits_per_character=total / math.log(2) / 50,
        perplexity_per_space_word=math.exp(total / (5 + 4)),
    )
    for name in DEFINITIONS:
        assert getattr(figures, name) == pytest.approx(getattr(expected, name), rel=1e-12), name


def test_every_figure_has_its_definition() -> None:
    assert set(DEFINITIONS) == set(DirectionFigures.__dataclass_fields__)


def test_without_the_original_text_what_needs_it_is_left_out() -> None:
    figures = direction_figures(example(size=None), (0.5, 0.5))
    assert (figures.bits_per_byte, figures.bits_per_character, figures.perplexity_per_space_word) == (None, None, None)


def test_a_hopeless_model_has_an_infinite_perplexity_and_a_finite_loss() -> None:
    text = example()
    text.words_GN[0, 0] = 1e5
    figures = direction_figures(text, (1.0, 0.0))
    assert figures.perplexity == math.inf
    assert math.isfinite(figures.loss)


def test_sizes_count_line_ends_and_any_script() -> None:
    lines = ["plain words", "naïve café", "日本語 テキスト", ""]
    assert sum(map(TextSize.of, lines), TextSize(bytes=0, characters=0, words=0)) == TextSize(
        bytes=len("\n".join(lines).encode()) + 1, characters=len("\n".join(lines)) + 1, words=6
    )
