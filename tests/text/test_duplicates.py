"""Sentences with the same tokens."""

from pathlib import Path

import numpy as np
import pytest

from elmo_cli.config import SplitConfig
from elmo_cli.text import duplicates as module
from elmo_cli.text.buckets import ROW
from elmo_cli.text.duplicates import Comparison, DropMask, append_contents, count_overlap, mark_duplicates
from elmo_cli.text.splits import HELD_OUT, TEST, TRAIN, Bounds, identities, unit_hashes

BITS = 2
PLACES = [400, 0, 300]
"""Sentences of each block."""


def _write(folder: Path, kinds: int, bits: int = BITS) -> tuple[np.ndarray, np.ndarray]:
    """Sentences of so many different contents; their identities and hashes, in the order of the text."""
    generator = np.random.default_rng(3)
    values = generator.integers(0, 2**64, kinds, dtype=np.uint64)
    identity_N = np.concatenate([identities(block, np.arange(places)) for block, places in enumerate(PLACES)])
    hash_N = values[generator.integers(0, kinds, len(identity_N))]
    rows_N = np.zeros(len(identity_N), ROW)
    rows_N["identity"] = identity_N
    shuffled = generator.permutation(len(identity_N))  # processes write in any order
    for part in np.array_split(shuffled, 3):
        append_contents(folder, bits, hash_N[part], rows_N[part])
    return identity_N, hash_N


@pytest.mark.parametrize("bucket_bytes", [1 << 20, 500])
def test_all_but_the_first_of_the_same_are_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket_bytes: int
) -> None:
    monkeypatch.setattr(module, "BUCKET_BYTES", bucket_bytes)
    monkeypatch.setattr(module, "CHUNK", 64)
    identity_N, hash_N = _write(tmp_path, kinds=200)
    DropMask.make(tmp_path, PLACES)
    for bucket in range(1 << BITS):
        mark_duplicates(Comparison(tmp_path, bucket, BITS, SplitConfig()))
    seen: set[int] = set()
    expected = [value in seen or seen.add(value) is not None for value in hash_N.tolist()]
    assert DropMask(tmp_path).drops(identity_N).tolist() == expected
    assert 0 < sum(expected) < len(expected)
    assert not list(tmp_path.rglob("contents-*/*"))


def test_the_hashes_that_decide_the_splits_are_of_those_that_stay(tmp_path: Path) -> None:
    identity_N, _ = _write(tmp_path, kinds=2, bits=0)
    DropMask.make(tmp_path, PLACES)
    split = SplitConfig(held_out=0.1)
    bounds = mark_duplicates(Comparison(tmp_path, 0, 0, split)).bounds(split)
    kept_N = identity_N[~DropMask(tmp_path).drops(identity_N)]
    assert len(kept_N) == 2
    assert sorted(bounds.splits(unit_hashes(split, kept_N, kept_N)).tolist()) == [TRAIN, HELD_OUT]


@pytest.mark.parametrize("bucket_bytes", [1 << 20, 500])
def test_the_overlap_is_what_a_plain_count_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket_bytes: int
) -> None:
    monkeypatch.setattr(module, "BUCKET_BYTES", bucket_bytes)
    identity_N, hash_N = _write(tmp_path, kinds=900)
    split = SplitConfig()
    bounds = Bounds(last_held_out=1 << 62, first_test=3 << 62)
    found = [count_overlap((Comparison(tmp_path, bucket, BITS, split), bounds)) for bucket in range(1 << BITS)]
    split_N = bounds.splits(unit_hashes(split, identity_N, identity_N))
    trained = set(hash_N[split_N == TRAIN].tolist())
    for name, number in (("held_out", HELD_OUT), ("test", TEST)):
        contents = hash_N[split_N == number].tolist()
        common = sum(value in trained for value in contents)
        assert 0 < common < len(contents)
        assert tuple(map(sum, zip(*(counts[name] for counts in found), strict=True))) == (len(contents), common)
