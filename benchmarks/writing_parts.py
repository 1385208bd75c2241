"""Files of vectors: how fast they are written, beside what the disk takes, and read in random order."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import TEXT, Figure, model_figure
from benchmarks.lab import Bench
from benchmarks.timing import LEAST_REPEATS, Timing, in_turns
from elmo_cli.formats.feature_file import FeatureFile
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_reader import read_any
from elmo_cli.formats.feature_writer import open_writer

MEGABYTES_PER_SECOND_ASKED = 128
"""MB written at once for every second that a figure is given: more than caches on the way hold back."""
SENTENCES_PER_SECOND_ASKED = 50_000
"""Small sentences: 100,000 in the usual two seconds."""
WINDOW = 1000
"""Sentences given to a writer at once."""
_BLOCK = 1 << 20


def writing(bench: Bench) -> Iterator[Figure]:
    """Vectors to files, and back."""
    yield from _against_the_disk(bench)
    yield from _small_sentences(bench)


def _against_the_disk(bench: Bench) -> Iterator[Figure]:
    """The disk by itself and layout ``flat``, in turns: what else is written meanwhile hits both."""
    wide = FeatureForm(layout="flat", width=1024)
    lengths = _lengths(bench, int(bench.seconds * MEGABYTES_PER_SECOND_ASKED * 1e6 / wide.token_bytes) or 1)
    size = sum(lengths) * wide.token_bytes
    windows = list(_windows(lengths, wide, 50))
    block = np.random.default_rng(0).bytes(_BLOCK)

    def raw() -> None:
        with (bench.folder / "raw").open("wb", buffering=0) as file:
            for _ in range(-(-size // _BLOCK)):
                file.write(block)
            os.fsync(file.fileno())

    def flat() -> None:
        _write(bench.folder / "flat.hdf5", wide, windows)

    def clear() -> None:
        for name in ("raw", "flat.hdf5"):
            (bench.folder / name).unlink(missing_ok=True)
        os.sync()

    raw_timing, flat_timing = in_turns(raw, flat, rounds=9 if bench.seconds >= 1 else LEAST_REPEATS, before=clear)
    clear()
    details = {"bytes": size, "sentences": len(lengths), "tokens": sum(lengths)}
    disk = "one file, 1 MiB at a time, then brought to the disk, as `dd conv=fsync` does"
    yield _figure(bench, raw_timing, name="raw sequential write", unit="MB/s", units=size / 1e6, explanation=disk)
    share = {"share_of_raw_write": raw_timing.median / flat_timing.median}
    explanation = "layout flat, float32, (tokens, 3, 1024), with tokens and offsets, brought to the disk"
    figure = {"unit": "MB/s", "units": size / 1e6, "details": {**details, **share}}
    yield _figure(bench, flat_timing, name="write flat", explanation=explanation, **figure)


def _small_sentences(bench: Bench) -> Iterator[Figure]:
    """What each sentence costs by itself, where its vectors are small."""
    count = max(10, int(bench.seconds * SENTENCES_PER_SECOND_ASKED))
    lengths = _lengths(bench, None, count)
    order = np.random.default_rng(1).permutation(count).tolist()
    for layout in ("allennlp", "flat"):
        form = FeatureForm(layout=layout, width=16)
        windows = list(_windows(lengths, form, WINDOW))
        path = bench.folder / f"small-{layout}.hdf5"
        (timing,) = in_turns(lambda path=path, form=form, windows=windows: _write(path, form, windows))  # type: ignore[misc]
        explanation = f"layout {layout}, (3, n, 16), {WINDOW} sentences at a time, texts included"
        common: dict[str, Any] = {"unit": "sentences/s", "units": count, "details": {"sentences": count}}
        yield _figure(bench, timing, name=f"write {layout}, small vectors", explanation=explanation, **common)
        with read_any(path) as features:
            (timing,) = in_turns(lambda features=features: _read(features, order), warm=False)  # type: ignore[misc]
        explanation = "open_features: every sentence once, in random order; the first of the times from the disk"
        yield _figure(bench, timing, name=f"read {layout}, random order", explanation=explanation, **common)
        path.unlink()


def _lengths(bench: Bench, tokens: int | None, sentences: int | None = None) -> list[int]:
    """Lengths of the text's sentences, again and again until there are so many tokens, or sentences."""
    known = np.array([len(sentence) for sentence in bench.text.sentences])
    if sentences is not None:
        return np.resize(known, sentences).tolist()
    assert tokens is not None
    many = np.resize(known, len(known) * (tokens // known.sum() + 1))
    return many[: int(np.searchsorted(np.cumsum(many), tokens)) + 1].tolist()


def _windows(lengths: list[int], form: FeatureForm, size: int) -> Iterator[dict[str, Any]]:
    """What a writer is given, some sentences at a time; all of it in memory, the same numbers over and over."""
    numbers = np.random.default_rng(0).normal(size=(form.layers or 1, max(lengths), form.width)).astype(np.float32)
    for first in range(0, len(lengths), size):
        some = lengths[first : first + size]
        yield {
            "lines": range(first, first + len(some)),
            "vectors": [numbers[:, :length] for length in some],
            "tokens": [["token"] * length for length in some],
            "sentences": [f"sentence {number} of the text" for number in range(first, first + len(some))],
        }


def _write(path: Path, form: FeatureForm, windows: list[dict[str, Any]]) -> None:
    with open_writer(path, form=form, attributes={"layers": "all"}, overwrite=True) as writer:
        for window in windows:
            writer.write_many(**window)
        writer.finish()


def _read(features: FeatureFile, order: list[int]) -> None:
    for position in order:
        features[position].sum()


def _figure(bench: Bench, timing: Timing, **named: Any) -> Figure:
    return model_figure(bench.limits, timing, case=TEXT, part="writing", **named)
