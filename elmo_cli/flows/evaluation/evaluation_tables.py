"""Scores sentence by sentence and word by word, for other programs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.flows.evaluation.evaluation_text import EvaluationText
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.formats.tables import check_table, table
from elmo_cli.measure.scored_text import ScoredText

SENTENCES = {
    "sentence": int,
    "file": str,
    "words": int,
    "oov": int,
    "loss_forward": float,
    "loss_backward": float,
    "perplexity": float,
    "text": str,
}
"""Columns of a table of sentences: their number from 1; losses are sums in nats, sentence end or begin included."""

WORDS = {
    "sentence": int,
    "place": int,
    "word": str,
    "known": bool,
    "loss_forward": float,
    "loss_backward": float,
}
"""Columns of a table of words, and of a row ``</S>`` per sentence with its boundary's losses; places count from 1."""


def check_tables(*paths: Path | None, overwrite: bool) -> None:
    """Refuses places for tables before any work is done.

    Raises:
        OutputError: A name's ending is unknown, or the file exists.
    """
    for path in paths:
        if path is not None:
            check_table(path, overwrite=overwrite)


def write_tables(
    read: EvaluationText, scored: ScoredText, sentences: Path | None, words: Path | None, *, overwrite: bool
) -> Iterator[Report]:
    """Writes the tables that are wanted."""
    for path, columns, rows in ((sentences, SENTENCES, _sentence_rows), (words, WORDS, _word_rows)):
        if path is None:
            continue
        with table(path, columns, overwrite=overwrite) as made:
            for begin in range(0, scored.num_sentences, 1_000):
                end = min(begin + 1_000, scored.num_sentences)
                made.write(list(rows(read, scored, begin, end)))
                yield Progress(stage=f"writing {path.name}", done=end, total=scored.num_sentences, unit="sentences")
        yield Notice(text=f"scores in {path}")


def _sentence_rows(read: EvaluationText, scored: ScoredText, begin: int, end: int) -> Iterator[tuple[Any, ...]]:
    lexicon, starts = read.text.lexicon, scored.starts_S
    for number in range(begin, end):
        first, last = int(starts[number]), int(starts[number + 1])
        forward, backward = (float(total) for total in scored.sums_GS[:, number])
        yield (
            number + 1,
            read.files[read.files_S[number]],
            last - first,
            last - first - int(scored.known_N[first:last].sum()),
            forward,
            backward,
            float(np.exp((forward + backward) / 2 / (last - first + 1))),
            " ".join(lexicon[place] for place in scored.types_N[first:last].tolist()),
        )


def _word_rows(read: EvaluationText, scored: ScoredText, begin: int, end: int) -> Iterator[tuple[Any, ...]]:
    lexicon, starts = read.text.lexicon, scored.starts_S
    for number in range(begin, end):
        first, last = int(starts[number]), int(starts[number + 1])
        columns = zip(
            scored.types_N[first:last].tolist(),
            scored.known_N[first:last].tolist(),
            *scored.words_GN[:, first:last].tolist(),
            strict=True,
        )
        for place, (word, known, forward, backward) in enumerate(columns, start=1):
            yield number + 1, place, lexicon[word], known, forward, backward
        yield number + 1, last - first + 1, "</S>", True, *scored.boundaries_GS[:, number].tolist()
