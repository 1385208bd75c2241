"""The page that compares models."""

import re
from dataclasses import replace

from elmo_cli.pages.comparison import ComparisonFigures, comparison_page
from tests.pages.example_evaluation import COMPARISON, NAUGHTY


def shown(figures: ComparisonFigures = COMPARISON) -> str:
    page = comparison_page(figures, made_by="test")
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_the_best_is_named_and_each_difference_judged() -> None:
    text = words(shown())
    assert "two has the lowest perplexity, 164." in text
    assert "164.0 two perplexity, 201 to 220" in text
    assert "two is better than one: −22.1 % perplexity (p = 0.002)." in text  # 100 (exp(-0.25) - 1)
    assert "and one cannot be told apart on this text (p = 0.9)." in text
    assert "two −0.2500 −0.3000 to −0.2000 0.002" in text
    assert "one 210.6 244.7 181.3 1.812 1,000 12.50 %" in text


def test_other_vocabularies_are_compared_by_the_byte() -> None:
    text = words(shown(replace(COMPARISON, same_targets=False)))
    assert "two has the lowest bits per byte" in text
    assert "so their perplexities do not compare" in text and "one 12.50 %, two 12.50 %" in text
    assert "two is better than one: −0.2500 bits per byte (p = 0.002)." in text


def test_the_place_where_models_are_farthest_apart_is_named() -> None:
    # exp(6.5) against exp((6.5 + 4.25) / 2) in the first band
    assert "By place: the models are farthest apart at “1”, where two is 208 % higher than one." in words(shown())


def test_a_sentence_is_shown_under_every_model() -> None:
    page = shown()
    assert page.count('class="heat-line"') == 1
    assert page.count('<p class="heat"') == 2
    assert "yours one · perplexity 123" in words(page)
    assert "Sentence by sentence" not in shown(replace(COMPARISON, sentences_shown={}))


def test_names_stay_names() -> None:
    page = shown()
    assert NAUGHTY not in page
    assert page.count("<script") == page.count('<script type="application/json"') == 4
