"""Lays runs of sentences end to end and cuts them into files of even size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from elmo_cli.text.runs import Run

COPY_BYTES = 1 << 20
"""Copied at a time."""


@dataclass(frozen=True)
class Slice:
    """Sentences of a run, from one to before another, counted from 0."""

    run: Run
    begin: int
    end: int


@dataclass(frozen=True)
class Shard:
    """A file to be written."""

    path: Path
    slices: Sequence[Slice]

    @property
    def sentences(self) -> int:
        """How many lines it will have."""
        return sum(piece.end - piece.begin for piece in self.slices)


def even_bounds(sentences: int, at_most: int) -> list[int]:
    """Where files begin and end, if each has at most so many sentences and all have as many as any other, give or
    take one.

    Example:
        >>> even_bounds(10, 4)
        [0, 3, 6, 10]
    """
    files = -(-sentences // at_most)
    return [sentences * number // files for number in range(files + 1)] if files else [0]


def cut(runs: Sequence[Run], bounds: Sequence[int]) -> Iterator[list[Slice]]:
    """The slices of runs that lie end to end, between each bound and the next."""
    waiting = iter(runs)
    run, run_begin = next(waiting, None), 0
    for begin, end in pairwise(bounds):
        slices = []
        while run is not None and run_begin < end:
            piece = Slice(run, max(begin - run_begin, 0), min(end - run_begin, run.sentences))
            if piece.begin < piece.end:
                slices.append(piece)
            if run_begin + run.sentences > end:
                break
            run_begin += run.sentences
            run = next(waiting, None)
        yield slices


def write_shard(shard: Shard) -> int:
    """Writes a file; returns its size in bytes."""
    with shard.path.open("wb") as out:
        for piece in shard.slices:
            _copy(piece, out)
        return out.tell()


def _copy(piece: Slice, out: IO[bytes]) -> None:
    run = piece.run
    with run.path.open("rb") as stream:
        stream.seek(run.begin)
        if piece.begin == 0 and piece.end == run.sentences:
            left = run.bytes
            while left:
                left -= out.write(stream.read(min(left, COPY_BYTES)))
        else:
            lines = stream.read(run.bytes).split(b"\n")
            out.writelines(line + b"\n" for line in lines[piece.begin : piece.end])
