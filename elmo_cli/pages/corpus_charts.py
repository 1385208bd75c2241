"""The charts of the page about a corpus, each with its caption."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from elmo_cli.pages.charts import Axis, Bin, bars, histogram, lines, percent
from elmo_cli.pages.page import Chart

if TYPE_CHECKING:
    from elmo_cli.pages.corpus import Split

MOST_BINS = 50
SHOWN_SHARE = 0.995
"""Of the values that a histogram reaches to; the few beyond it would press all others against the left edge."""

SHOWN_SCRIPTS = 12

LONGEST_SPELLING = 48
"""Bytes of a word that a character encoder with 50 characters reads; two of them are marks."""


def length_chart(splits: "Sequence[Split]") -> Chart:
    """How long sentences are."""
    training = splits[0]
    middle, most = quantile(training.lengths, 0.5), max(training.lengths)
    edge = max(quantile(split.lengths, SHOWN_SHARE) for split in splits)
    beyond = sum(count for length, count in training.lengths.items() if length > edge)
    series = {split.name: bins(split.lengths, edge) for split in splits}
    return Chart(
        histogram(series, x="tokens in a sentence", y="share of sentences"),
        f"Half of the training sentences have {middle:,} tokens or fewer; the longest has {most:,}.",
        "Each bar is the share of sentences of that length. The splits should have the same shape: if they do "
        "not, they are not alike, and figures measured on one say little about the other."
        + (f" {beyond:,} longer training sentences are beyond the right edge." if beyond else ""),
    )


def zipf_chart(ranks: Sequence[tuple[int, int, str]], types: int, once: int) -> Chart:
    """How unevenly words are used."""
    points = [{"x": rank, "y": count, "word": word} for rank, count, word in ranks]
    return Chart(
        lines(
            {"words": points},
            x=Axis(title="rank of the word, the most frequent first", log=True),
            y=Axis(title="times seen", log=True),
            shown={"word": "word", "x": "rank", "y": "times seen"},
        ),
        f"{once:,} of {types:,} distinct words ({percent(once / types if types else 0)}) were seen only once.",
        "Both axes are logarithmic. Natural text falls in nearly a straight line from the upper left (Zipf's law); "
        "steps, shelves and spikes come from repeated or machine-made text. Rest the pointer on it to see the words.",
    )


def coverage_chart(coverage: Mapping[str, Sequence[tuple[int, float]]]) -> Chart:
    """How large a vocabulary should be."""
    series = {name: [{"x": size, "y": share} for size, share in points] for name, points in coverage.items()}
    name = list(coverage)[-1 if len(coverage) == 1 else 1]
    sizes = [first for first, share in coverage[name] if share >= 0.95]
    end = coverage[name][-1]
    reach = (
        f"About {_rounded(sizes[0]):,} words cover 95 % of the {name} tokens"
        if sizes
        else f"All {end[0]:,} words together cover {percent(end[1])} of the {name} tokens"
    )
    full = f"; all {end[0]:,} cover {percent(end[1])}." if sizes else "."
    return Chart(
        lines(
            series,
            x=Axis(title="vocabulary size: so many of the most frequent training words", log=True),
            y=Axis(title="tokens covered", percent=True, from_zero=True),
            shown={"series": "text", "x": "vocabulary size", "y": "tokens covered"},
        ),
        reach + full,
        "Where a curve flattens, more words bring little and cost memory and time. What a curve lacks to 100 % at a "
        "size is the share of tokens that the softmax knows only as <UNK>; the encoder still reads their spelling. "
        "The gap between the curves is what new text has and the training text has not.",
    )


def script_chart(scripts: Mapping[str, int]) -> Chart:
    """Which scripts there are."""
    total = sum(scripts.values()) or 1
    ordered = sorted(scripts.items(), key=lambda entry: (-entry[1], entry[0]))
    counts = dict(ordered[:SHOWN_SCRIPTS])
    if rest := sum(count for _, count in ordered[SHOWN_SCRIPTS:]):
        counts[f"{len(ordered) - SHOWN_SCRIPTS} more scripts"] = rest
    first, most = ordered[0] if ordered else ("no script", 0)
    return Chart(
        bars({name: count / total for name, count in counts.items()}, counts, x="share of characters"),
        f"{percent(most / total)} of the training characters are {first}.",
        "Characters by the script that Unicode gives them, spaces left aside; digits, punctuation and symbols are "
        "counted apart. A script that should not be there is often text in another language, or text decoded wrongly.",
    )


def spelling_chart(token_bytes: Mapping[int, int], type_bytes: Mapping[int, int]) -> Chart:
    """How long words are as bytes, which is what the character encoder reads."""
    tokens, types = sum(token_bytes.values()), sum(type_bytes.values())
    cut = sum(count for size, count in token_bytes.items() if size > LONGEST_SPELLING)
    cut_types = sum(count for size, count in type_bytes.items() if size > LONGEST_SPELLING)
    mean = sum(size * count for size, count in token_bytes.items()) / max(1, tokens)
    edge = max(quantile(counts, SHOWN_SHARE) for counts in (token_bytes, type_bytes))
    series = {"tokens": bins(token_bytes, edge), "distinct words": bins(type_bytes, edge)}
    return Chart(
        histogram(series, x="bytes of UTF-8 in a word", y="share"),
        f"A token has {mean:.1f} bytes on average; {cut:,} of {tokens:,} tokens ({percent(cut / max(1, tokens))}) and "
        f"{cut_types:,} of {types:,} distinct words have more than {LONGEST_SPELLING}.",
        f"The character encoder with its usual 50 characters reads the first {LONGEST_SPELLING} bytes of a word. A "
        "Latin letter is one byte, an accented, Greek, Cyrillic, Hebrew or Arabic letter two, most others three. If "
        "many words are cut, take a larger model.char_cnn.max_characters.",
    )


def quantile(counts: Mapping[int, int], share: float) -> int:
    """The least value that this share of all is at or below.

    Example:
        >>> quantile({1: 5, 2: 4, 100: 1}, 0.5), quantile({1: 5, 2: 4, 100: 1}, 0.99)
        (1, 100)
    """
    values = sorted(counts)
    total = sum(counts.values())
    sums = accumulate(counts[value] for value in values)
    return next((value for value, so_far in zip(values, sums, strict=True) if so_far >= share * total), 0)


def bins(counts: Mapping[int, int], edge: int) -> list[Bin]:
    """Values from 1 up to an edge in at most :data:`MOST_BINS` bins of one width; shares are of all values.

    Example:
        >>> bins({1: 3, 2: 1}, 2)
        [Bin(begin=1, end=2, count=3, share=0.75), Bin(begin=2, end=3, count=1, share=0.25)]
    """
    width = max(1, -(-edge // MOST_BINS))
    total = sum(counts.values()) or 1
    grouped = [0] * -(-max(1, edge) // width)
    for value, count in counts.items():
        if 1 <= value <= len(grouped) * width:
            grouped[(value - 1) // width] += count
    return [
        Bin(1 + place * width, 1 + (place + 1) * width, count, count / total) for place, count in enumerate(grouped)
    ]


def _rounded(size: int) -> int:
    """Two leading digits: the curve is not known more exactly."""
    digits = len(str(size))
    return round(size, 2 - digits)
