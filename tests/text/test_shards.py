"""Runs laid end to end and cut into files."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.text.runs import Run
from elmo_cli.text.shards import Shard, cut, even_bounds, write_shard


@given(st.integers(0, 500), st.integers(1, 60))
def test_files_differ_by_one_sentence_at_most(sentences: int, at_most: int) -> None:
    bounds = even_bounds(sentences, at_most)
    sizes = [end - begin for begin, end in pairwise(bounds)]
    assert sum(sizes) == sentences
    assert not sizes or (max(sizes) <= at_most and max(sizes) - min(sizes) <= 1)
    assert len(sizes) == -(-sentences // at_most)


@given(sizes=st.lists(st.integers(1, 7), max_size=8), at_most=st.integers(1, 9))
def test_the_files_end_to_end_are_the_runs_end_to_end(tmp_path_factory: object, sizes: list[int], at_most: int) -> None:
    folder = tmp_path_factory.mktemp("shards")  # type: ignore[attr-defined]
    everything = b"".join(b"sentence %d \r of many\n" % number for number in range(sum(sizes)))
    lines = everything.split(b"\n")
    (folder / "runs").write_bytes(b"other content " + everything)
    runs, begin, at = [], len(b"other content "), 0
    for size in sizes:
        length = sum(len(line) + 1 for line in lines[at : at + size])
        runs.append(Run(folder / "runs", begin, length, size))
        begin, at = begin + length, at + size
    bounds = even_bounds(at, at_most)
    written = []
    for number, slices in enumerate(cut(runs, bounds)):
        shard = Shard(folder / str(number), slices)
        assert shard.sentences == bounds[number + 1] - bounds[number]
        assert write_shard(shard) == shard.path.stat().st_size
        written.append(shard.path.read_bytes())
        assert written[-1].count(b"\n") == shard.sentences
    assert b"".join(written) == everything
    assert len(written) == len(bounds) - 1


def test_nothing_makes_an_empty_file(tmp_path: Path) -> None:
    (slices,) = cut([], [0, 0])
    write_shard(Shard(tmp_path / "empty", slices))
    assert (tmp_path / "empty").read_bytes() == b""
