"""What is measured where: models, batches and vocabularies."""

from dataclasses import dataclass, replace

from elmo_cli.config import COMPACT, ORIGINAL, SMALL, CharCnnConfig, LstmConfig, ModelConfig, RunConfig, TrainConfig

PUBLISHED_VOCABULARY = 793_471
"""V of the published models."""

STAGES = ("step", "batches", "char-cnn", "lstm", "softmax", "optimizer")
"""The parts of training, the whole first: so its peak memory holds nothing of the others."""
INFERENCE = ("evaluate", "embed", "embed-files")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model and how it is trained, evaluated and asked for vectors."""

    name: str
    config: RunConfig
    parts: tuple[str, ...]
    """Which parts are measured on it."""
    vocabulary_size: int | None = None
    """V; None: every word of the text."""
    drawn: bool = False
    """Whether the training text is drawn from the log-uniform law, for a V that no text here has."""
    evaluate_words: int = 0
    """Words scored with the full softmax in one go."""
    embed_sentences: int = 0
    """Sentences embedded in one go: a word type is computed once for all of them."""

    @property
    def title(self) -> str:
        """The case's name in tables."""
        precision = self.config.train.precision
        return f"{self.name}, {self.config.train.rows} rows" + (f", {precision}" if precision != "fp32" else "")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that one run measures."""

    name: str
    cases: tuple[Case, ...]


def _rows(config: RunConfig, rows: int, precision: str = "fp32") -> RunConfig:
    return replace(config, train=replace(config.train, rows=rows, precision=precision))


COMPACT_32 = Case(
    name="compact", config=COMPACT, parts=(*STAGES, *INFERENCE), evaluate_words=20_000, embed_sentences=2_000
)

CPU = Plan(
    name="cpu",
    cases=(
        COMPACT_32,
        Case(name="small", config=_rows(SMALL, 32), parts=("embed", "embed-files"), embed_sentences=2_000),
        Case(
            name="original",
            config=_rows(ORIGINAL, 16),
            parts=(*STAGES, *INFERENCE),
            vocabulary_size=100_000,
            evaluate_words=1_000,
            embed_sentences=200,
        ),
        Case(name="original", config=_rows(ORIGINAL, 64), parts=("step", "lstm"), vocabulary_size=100_000),
    ),
)
"""Two cores, some minutes. ``original`` has a vocabulary of 100,000 instead of the published 793,471, whose weights
take longer to draw than its steps to measure; a training step touches the same number of classes in either."""

CUDA = Plan(
    name="cuda",
    cases=(
        replace(COMPACT_32, parts=("step", *INFERENCE)),
        Case(
            name="original",
            config=_rows(ORIGINAL, ORIGINAL.train.rows, "bf16"),
            parts=(*STAGES, *INFERENCE),
            vocabulary_size=PUBLISHED_VOCABULARY,
            drawn=True,
            evaluate_words=20_000,
            embed_sentences=2_000,
        ),
        Case(
            name="original",
            config=_rows(ORIGINAL, 512, "bf16"),
            parts=(*STAGES, "cudnn"),
            vocabulary_size=PUBLISHED_VOCABULARY,
            drawn=True,
        ),
    ),
)
"""One GPU, the published vocabulary, products in bf16; the peak memory of its steps stands beside their figures."""

_MINIATURE = RunConfig(
    model=ModelConfig(
        char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 8), (3, 16)), highways=1),
        lstm=LstmConfig(cell_dim=16, projection_dim=8),
    ),
    train=TrainConfig(rows=4, window=5, negatives=32),
)

TINY = Plan(
    name="tiny",
    cases=(
        Case(
            name="miniature",
            config=_MINIATURE,
            parts=(*STAGES, "cudnn", *INFERENCE),
            evaluate_words=200,
            embed_sentences=10,
        ),
        Case(
            name="miniature, drawn text",
            config=_rows(_MINIATURE, 4, "bf16"),
            parts=(*STAGES, "cudnn", *INFERENCE),
            vocabulary_size=3_000,
            drawn=True,
            evaluate_words=200,
            embed_sentences=10,
        ),
    ),
)
"""Every line of the other plans in a moment, to try the harness itself; its figures mean nothing."""

VECTORS = Plan(
    name="vectors",
    cases=(
        Case(
            name="original",
            config=_rows(ORIGINAL, 16),
            parts=("embed",),
            vocabulary_size=10_000,
            embed_sentences=2_000,
        ),
    ),
)
"""Vectors of the published size for more text, whose words are thus more often known: 2,000 sentences."""

PLANS = {plan.name: plan for plan in (CPU, CUDA, VECTORS, TINY)}
