"""Figures of an evaluation and of a comparison, as pages take them, with words that would break a careless page."""

from dataclasses import replace

from elmo_cli.pages.comparison import ComparedBands, ComparedModel, ComparedSentence, ComparisonFigures, Gap
from elmo_cli.pages.evaluation import EvaluationFigures, HeatSentence, NgramBaseline, SidedFigure
from elmo_cli.pages.evaluation_charts import Band, SentenceSpread, WordCost, points
from elmo_cli.pages.heat_text import HeatToken

NAUGHTY = "</script><script>alert(1)</script>"

BANDS = [
    Band(name="word 1", targets=100, share=0.25, forward=6.5, backward=4.25),
    Band(name="word 2 to 3", targets=150, share=0.5, forward=5.5, backward=5.0),
    Band(name="word 4 and more", targets=50, share=0.25, forward=4.5, backward=4.0),
]
RANKS = [replace(band, name=name) for band, name in zip(BANDS, ("rank 1 to 10", "rank 11", "outside"), strict=True)]

SENTENCE = HeatSentence(
    title=f"sentence 7 of {NAUGHTY}",
    perplexity=123.4,
    tokens=[
        HeatToken(word="‹begin›", forward=None, backward=2.0, boundary=True),
        HeatToken(word=NAUGHTY, forward=3.0, backward=9.0, known=False),
        HeatToken(word="‹end›", forward=1.0, backward=None, boundary=True),
    ],
)

EVALUATION = EvaluationFigures(
    title=f"Perplexity of {NAUGHTY}",
    subtitle="text.txt",
    perplexity=210.61,
    interval=(201.25, 220.5, 0.95),
    context="each sentence by itself",
    start_state="zero (the model's own)",
    words=300,
    sentences=40,
    oov_tokens=12,
    oov_types=9,
    figures=[
        SidedFigure(name="perplexity", meaning="exp(L / (W + S))", joint=210.61, forward=244.69, backward=181.27),
        SidedFigure(name="targets", meaning="W + S", joint=340, forward=340, backward=340),
        SidedFigure(name="bits_per_byte", meaning="L / ln 2 / bytes", joint=1.8125, forward=None, backward=None),
    ],
    by_place=BANDS,
    by_frequency=RANKS,
    by_length=[replace(band, name=f"{place + 40} words") for place, band in enumerate(BANDS)],
    by_file=[replace(band, name=NAUGHTY) for band in BANDS[:2]],
    sentence_spread=SentenceSpread(
        bins=[(10.0, 100.0, 30), (100.0, 1000.0, 9)], median=55.0, tenth=12.0, ninth=450.0, outside=1
    ),
    word_costs=[
        WordCost(word=NAUGHTY, count=20, share=0.5, forward=2.0, backward=3.0),
        WordCost(word="b", count=12, share=0.3, forward=4.0, backward=1.0),
        WordCost(word="c", count=1, share=0.2, forward=9.0, backward=0.1),
    ],
    strongest=16.0,
    sentences_shown={"The worst": [SENTENCE]},
    baseline=NgramBaseline(
        order=3,
        training_words=100_000,
        joint=300.5,
        forward=301.5,
        backward=299.5,
        by_place=[replace(band, forward=band.forward - 2 * place, backward=5.0) for place, band in enumerate(BANDS)],
        by_frequency=[replace(band, forward=9.0) for band in RANKS],
        loss=-0.25,
        low=-0.3,
        high=-0.2,
        p_value=0.001998,
    ),
)

MODEL = ComparedModel(
    name="one",
    path="runs/one",
    value=210.61,
    low=201.25,
    high=220.5,
    perplexity=210.61,
    forward=244.69,
    backward=181.27,
    bits_per_byte=1.8125,
    classes=1000,
    oov_rate=0.125,
    gap=None,
)

COMPARISON = ComparisonFigures(
    title="one and two",
    subtitle="text.txt",
    same_targets=True,
    models=[
        MODEL,
        replace(MODEL, name="two", value=164.0, gap=Gap(value=-0.25, low=-0.3, high=-0.2, p_value=0.001998)),
        replace(MODEL, name=NAUGHTY, gap=Gap(value=0.001, low=-0.1, high=0.1, p_value=0.9)),
    ],
    context="each sentence by itself",
    start_states=["zero", "zero", "warm"],
    bands=[
        ComparedBands(
            title="By place",
            x="place",
            series={"one": points(BANDS, "joint"), "two": points(BANDS[:2], "forward")},
            caption="Words.",
        ),
        ComparedBands(title="By rank", x="rank", series={"one": points(RANKS, "joint")}, caption="W.", curve=False),
    ],
    strongest=16.0,
    sentences_shown={"Chosen": [ComparedSentence(title="yours", by_model={"one": SENTENCE, "two": SENTENCE})]},
)
