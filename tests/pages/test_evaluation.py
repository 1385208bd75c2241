"""The page about an evaluation."""

import json
import re
from dataclasses import replace

from elmo_cli.pages.evaluation import EvaluationFigures, evaluation_page
from tests.pages.example_evaluation import EVALUATION, NAUGHTY

BARE = [*EVALUATION.figures[:2], replace(EVALUATION.figures[2], joint=None)]


def shown(figures: EvaluationFigures = EVALUATION) -> str:
    """The page without the script that draws."""
    page = evaluation_page(figures, made_by="test")
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def words(html: str) -> str:
    """What a reader sees of it."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_the_key_figures_stand_first_and_in_words() -> None:
    text = words(shown())
    assert text.index("210.6 perplexity") < text.index("201 to 220 95 % interval") < text.index("244.7 forward")
    assert "181.3 backward" in text and "1.812 bits per byte" in text
    assert (
        "Over 340 targets the model hesitates between 211 words, on average: 245 reading forward, 181 reading backward."
        in text
    )
    assert "context each sentence by itself" in text
    assert "start state zero (the model&#x27;s own)" in text
    assert "4.0 % of the words (12 of 300, 9 different ones)" in text


def test_every_figure_stands_in_the_table_with_its_formula() -> None:
    text = words(shown()).rpartition("Every figure")[2]
    assert "perplexity 210.6 244.7 181.3 exp(L / (W + S))" in text
    assert "targets 340 340 340 W + S" in text
    assert "bits per byte 1.812 – – L / ln 2 / bytes" in text
    assert "W 300" in text and "S 40" in text and "O 12" in text


def test_the_charts_hold_the_figures_of_the_bands() -> None:
    specs = [json.loads(each) for each in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', shown())]
    rows = [row for spec in specs for data in spec["data"] for row in data.get("values", [])]
    found = {(row["series"], row["band"]): row["shown"] for row in rows if "shown" in row and "value" in row}
    assert found["forward", "1"] == "665.1"  # exp(6.5)
    assert found["backward", "2–3"] == "148.4"  # exp(5)
    assert found["this model", "both"] == "210.6" and found["3-grams", "backward"] == "299.5"
    shares = {(row["series"], row["band"]): row["share"] for row in rows if "share" in row}
    assert shares["of the targets", "rank 1 to 10"] == 100 / 340
    assert shares["of the loss", "outside"] == 0.25
    assert [row["count"] for row in rows if "end" in row] == [30, 9]
    assert len(specs) == 10
    assert "From rank 1–10 to rank 11, perplexity goes from 216 to 191." in words(shown())


def test_the_baseline_stands_beside_with_its_difference() -> None:
    text = words(shown())
    assert "The model is 1.28 times better than a 3-gram model counted on 100,000 words." in text
    assert "3-grams 300.5 301.5 299.5" in text
    assert "By place in the sentence, the model is better than 3-grams at word 1." in text
    assert "By frequency, the model is better than 3-grams everywhere." in text
    assert "−0.2500 nats per target, 95 % interval −0.3000 to −0.2000, p = 0.002" in text


def test_a_model_that_is_nowhere_better_than_its_baseline_is_told_so() -> None:
    assert EVALUATION.baseline is not None
    good = [replace(band, forward=0.1, backward=0.1) for band in EVALUATION.by_frequency]
    figures = replace(EVALUATION, baseline=replace(EVALUATION.baseline, by_frequency=good, loss=0.25))
    text = words(shown(figures))
    assert "By frequency, the model is nowhere better than 3-grams." in text
    assert "The model is 1.28 times worse than a 3-gram model" in text


def test_what_is_missing_is_left_away() -> None:
    text = words(shown(replace(EVALUATION, baseline=None, by_file=[], figures=BARE)))
    assert "n-gram" not in text and "by file" not in text and "1.812" not in text


def test_words_of_a_text_stay_words() -> None:
    page = shown()
    assert NAUGHTY not in page
    assert page.count("<script") == page.count('<script type="application/json"') == 10
    assert "&lt;/script&gt;" in page and "\\u003c/script" in page
    assert set(re.findall(r"https?://[^\"\s]+", page)) == {"https://vega.github.io/schema/vega/v6.json"}


def test_a_hopeless_model_has_a_page_too() -> None:
    hopeless = [replace(band, forward=1e6, backward=1e6) for band in EVALUATION.by_place]
    figures = replace(EVALUATION, by_place=hopeless, perplexity=float("inf"))
    assert "inf perplexity" in words(shown(figures))


def test_a_text_of_one_sentence_has_a_page_too() -> None:
    figures = replace(
        EVALUATION,
        baseline=None,
        by_place=EVALUATION.by_place[:1],
        by_frequency=EVALUATION.by_frequency[2:],
        by_length=EVALUATION.by_length[:1],
        word_costs=EVALUATION.word_costs[:1],
    )
    assert "All words are outside the vocabulary." in words(shown(figures))
    assert "No two words are met 10 times or more" in words(shown(figures))
