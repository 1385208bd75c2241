"""The page about a corpus: what is in it, how long, how rich, in which script, and what was left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from elmo_cli.pages.charts import percent
from elmo_cli.pages.corpus_charts import coverage_chart, length_chart, script_chart, spelling_chart, zipf_chart
from elmo_cli.pages.page import Figure, Figures, Folded, Paragraph, Part, Samples, Section, Table, Tiles, render


@dataclass(frozen=True, kw_only=True)
class Split:
    """Text for one purpose."""

    name: str
    """``training``, ``held out`` or ``test``."""
    lengths: Mapping[int, int]
    """Tokens -> sentences that have so many."""
    samples: Sequence[str] = ()

    @property
    def sentences(self) -> int:
        """How many."""
        return sum(self.lengths.values())

    @property
    def tokens(self) -> int:
        """How many, sentence ends not counted."""
        return sum(length * count for length, count in self.lengths.items())


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """What a rule of cleaning left out."""

    rule: str
    sentences: int
    tokens: int
    examples: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class CorpusFigures:
    """All that the page shows."""

    title: str
    subtitle: str
    splits: Sequence[Split]
    """Training first; those without sentences are left away."""
    types: int
    """Distinct words of the training text."""
    once: int
    """Of them, those seen once."""
    ranks: Sequence[tuple[int, int, str]]
    """Rank, count and word: words of the training text, from the most frequent on, ever wider apart."""
    coverage: Mapping[str, Sequence[tuple[int, float]]]
    """By split: the share of its tokens that so many of the most frequent training words cover."""
    token_bytes: Mapping[int, int]
    """Bytes of UTF-8 -> tokens of the training text spelled by so many."""
    type_bytes: Mapping[int, int]
    """The same of distinct words."""
    longest_words: Sequence[tuple[str, int, int]]
    """Distinct words with the most bytes: word, bytes, count."""
    scripts: Mapping[str, int]
    """Characters of the training text by script, spaces left aside."""
    forgotten: int = 0
    """Tokens whose words were too many to be counted; they are in no figure about words."""
    documents: int | None = None
    dropped: Sequence[Dropped] | None = None
    """None where it was not recorded, as for ``oddities``."""
    overlap: Mapping[str, float | None] = field(default_factory=dict)
    """By split: the share of its sentences that also stand in the training text."""
    oddities: Mapping[str, tuple[int, str]] | None = None
    """By name: how often, and what it is."""
    sources: Sequence[tuple[str, int]] = ()
    """Name and bytes of every file that was read."""
    settings: Sequence[tuple[str, str]] = ()


def corpus_page(figures: CorpusFigures, *, made_by: str) -> str:
    """The page as HTML.

    Raises:
        ElmoError: The package that draws charts is not installed.
    """
    sections = [
        Section("What is in it", list(_contents(figures))),
        Section("Sentence lengths", [length_chart(figures.splits)]),
        Section("Words", [zipf_chart(figures.ranks, figures.types, figures.once), coverage_chart(figures.coverage)]),
        Section("Spelling", list(_spelling(figures))),
        Section("Samples", [Samples(f"From the {split.name} text", split.samples) for split in figures.splits]),
        Section("What was dropped", list(_dropped(figures))),
        Section("Oddities met", list(_oddities(figures))),
        Section("Where it comes from", list(_origin(figures))),
    ]
    return render(figures.title, figures.subtitle, sections, made_by=made_by)


def _contents(figures: CorpusFigures) -> Iterator[Part]:
    training = figures.splits[0]
    tiles = [
        Figure("training sentences", f"{training.sentences:,}", "one a line"),
        Figure("training tokens", f"{training.tokens:,}", "words or pieces, and marks; sentence ends not counted"),
        Figure("distinct words", f"{figures.types:,}", "different spellings among these tokens"),
        Figure(
            "tokens per sentence", f"{training.tokens / training.sentences:.1f}", "on average, in the training text"
        ),
    ]
    if figures.documents is not None:
        name = "document" if figures.documents == 1 else "documents"
        tiles.append(Figure(name, f"{figures.documents:,}", "as the settings for reading tell them apart"))
    yield Tiles(tiles)
    rows = [
        (split.name, f"{split.sentences:,}", f"{split.tokens:,}", _share_of(split, figures), _overlap(split, figures))
        for split in figures.splits
    ]
    yield Table(("split", "sentences", "tokens", "share of tokens", "also in training"), rows, frozenset({1, 2, 3, 4}))
    yield Paragraph(
        "Training text is what a model learns from, held-out text is measured while it learns, test text at the end. "
        "“Also in training” is the share of a split's sentences that stand word for word in the training text: the "
        "higher it is, the more a perplexity flatters."
    )
    if figures.forgotten:
        yield Paragraph(
            f"There are more distinct words than are counted at a time: {figures.forgotten:,} tokens of the rarest "
            "ones are missing from the figures about words."
        )


def _share_of(split: Split, figures: CorpusFigures) -> str:
    return percent(split.tokens / sum(one.tokens for one in figures.splits))


def _overlap(split: Split, figures: CorpusFigures) -> str:
    share = figures.overlap.get(split.name)
    return "–" if share is None else percent(share)


def _spelling(figures: CorpusFigures) -> Iterator[Part]:
    yield script_chart(figures.scripts)
    counted = sorted(figures.scripts.items(), key=lambda entry: -entry[1])
    by_script = [(name, f"{count:,}") for name, count in counted]
    yield Folded("Characters counted", Table(("script", "characters"), by_script, frozenset({1})))
    yield spelling_chart(figures.token_bytes, figures.type_bytes)
    if figures.longest_words:
        rows = [(word, f"{size:,}", f"{count:,}") for word, size, count in figures.longest_words]
        yield Folded("The longest words", Table(("word", "bytes", "times seen"), rows, frozenset({1, 2})))


def _dropped(figures: CorpusFigures) -> Iterator[Part]:
    if figures.dropped is None:
        yield Paragraph("This corpus does not record what was dropped.")
        return
    if not figures.dropped:
        yield Paragraph("Nothing: no rule of cleaning was asked for, or none met a sentence.")
        return
    rows = [(one.rule, f"{one.sentences:,}", f"{one.tokens:,}") for one in figures.dropped]
    yield Table(("rule", "sentences", "tokens"), rows, frozenset({1, 2}))
    for one in figures.dropped:
        yield Samples(f"Dropped as {one.rule}: the first of them", one.examples)


def _oddities(figures: CorpusFigures) -> Iterator[Part]:
    if figures.oddities is None:
        yield Paragraph("This corpus does not record what was odd in its text.")
    elif not figures.oddities:
        yield Paragraph("None: no invisible, broken or misplaced characters were met in the input.")
    else:
        yield Paragraph("Characters and lines of the input that nobody sees, or that could not be read.")
        yield Figures([Figure(name, f"{count:,}", what) for name, (count, what) in figures.oddities.items()])


def _origin(figures: CorpusFigures) -> Iterator[Part]:
    if figures.sources:
        total = sum(size for _, size in figures.sources)
        rows = [(name, f"{size:,}") for name, size in figures.sources]
        title = f"{len(rows):,} files, {total:,} bytes" if len(rows) > 1 else f"1 file, {total:,} bytes"
        yield Folded(title, Table(("file", "bytes"), rows, frozenset({1})))
    if figures.settings:
        yield Folded("How it was read, cut and split", Table(("setting", "value"), figures.settings))
