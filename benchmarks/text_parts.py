"""Raw text to ids: tokens, vocabulary, corpus store. One core, whatever the device."""

import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import torch

from benchmarks.figures import TEXT, Figure, model_figure
from benchmarks.lab import Bench
from benchmarks.timing import Timing, measure
from elmo_cli.config import TextConfig, VocabularyConfig
from elmo_cli.errors import ElmoError
from elmo_cli.flows.corpora.vocabulary import build_vocabulary
from elmo_cli.text.readers import read_lines
from elmo_cli.text.store_building import build_store
from elmo_cli.text.tokenizers import make_tokenizer

MAX_CHARACTERS = 50


def tokenise(bench: Bench) -> Iterator[Figure]:
    """Raw text into sentences and words."""
    lines = list(read_lines(bench.text.raw))
    tokenizer = make_tokenizer(TextConfig(tokenizer="words"))
    try:
        words = sum(len(sentence) for line in lines for sentence in tokenizer.sentences(line))
    except ElmoError as error:  # a GPU machine may lack a package
        print(f"tokenise is left out: {error.message}", file=sys.stderr)
        return

    def work() -> None:
        for line in lines:
            tokenizer.sentences(line)

    size = bench.text.raw.stat().st_size
    timing = _time(bench, work)
    yield _figure(
        bench,
        timing,
        part="tokenise",
        name="tokenise",
        units=words,
        explanation="raw text in memory into sentences and words, tokenizer `words`",
        details={"bytes": size, "megabytes_per_second": size / timing.median / 1e6},
    )


def vocabulary(bench: Bench) -> Iterator[Figure]:
    """Tokenised text into a vocabulary file."""
    path = bench.folder / "vocab.txt"

    def work() -> None:
        flow = build_vocabulary(
            [str(bench.text.tokenised)],
            path,
            config=VocabularyConfig(min_count=1),
            text=TextConfig(tokenizer="whitespace"),
        )
        for _ in flow:
            pass

    yield _figure(
        bench,
        _time(bench, work),
        part="vocabulary",
        name="count vocabulary",
        units=_words(bench),
        explanation="tokenised file read, words counted and sorted, vocabulary written",
        details={"types": len(bench.text.vocabulary)},
    )


def encode(bench: Bench) -> Iterator[Figure]:
    """Tokenised text into a corpus store."""
    numbers = count()
    known = bench.text.vocabulary

    def work() -> None:
        store_dir = bench.folder / f"store-{next(numbers)}"
        for _ in build_store([bench.text.tokenised], known, store_dir, MAX_CHARACTERS):
            pass

    yield _figure(
        bench,
        _time(bench, work),
        part="encode",
        name="encode to a store",
        units=_words(bench),
        explanation="tokenised file read, looked up and written as a corpus store, spellings included",
        details={"types": len(known)},
    )


def _words(bench: Bench) -> int:
    return sum(map(len, bench.text.sentences))


def _time(bench: Bench, work: Callable[[], None]) -> Timing:
    return measure(work, torch.device("cpu"), bench.seconds)


def _figure(bench: Bench, timing: Timing, **named: Any) -> Figure:
    return model_figure(bench.limits, timing, case=TEXT, unit="words/s", **named)
