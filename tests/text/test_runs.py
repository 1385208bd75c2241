"""A bucket put into order."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.config import SplitConfig
from elmo_cli.text import runs as module
from elmo_cli.text.buckets import ROW, Stretch, append_frame
from elmo_cli.text.duplicates import DropMask
from elmo_cli.text.runs import Bucket, Run, first_different, settle
from elmo_cli.text.splits import Bounds, identities, shuffle_keys, unit_hashes

SENTENCES = 60


def _bucket(folder: Path, *, shuffle: bool = False, deduplicate: bool = False) -> tuple[Bucket, list[str], np.ndarray]:
    """A bucket of two blocks, its lines and their identities."""
    identity_N = np.concatenate([identities(block, np.arange(SENTENCES // 2)) for block in (0, 1)])
    lines = [f"the {'very ' * (number % 4)}number {number}" for number in range(SENTENCES)]
    rows_N = np.zeros(SENTENCES, ROW)
    rows_N["identity"], rows_N["tokens"] = identity_N, [len(line.split()) for line in lines]
    path = folder / "bucket"
    for half in (slice(0, SENTENCES // 2), slice(SENTENCES // 2, None)):
        append_frame(path, rows_N[half], [line.encode() for line in lines[half]])
    split = SplitConfig(shuffle=shuffle)
    bounds = Bounds(last_held_out=1 << 62, first_test=3 << 62)
    stretch = Stretch(path, 0, path.stat().st_size)
    return Bucket([stretch], folder, 0, split, bounds, deduplicate), lines, identity_N


def _texts(runs: list[list[Run]]) -> list[list[str]]:
    return [[line for run in of_split for line in _lines(run)] for of_split in runs]


def _lines(run: Run) -> list[str]:
    content = run.path.read_bytes()[run.begin : run.begin + run.bytes].decode()
    assert content.count("\n") == run.sentences
    return content.split("\n")[:-1]


def test_without_shuffling_the_order_of_the_text_stays(tmp_path: Path) -> None:
    bucket, lines, identity_N = _bucket(tmp_path)
    settled = settle(bucket)
    split_N = bucket.bounds.splits(unit_hashes(bucket.split, identity_N, identity_N))
    expected = [[line for line, number in zip(lines, split_N, strict=True) if number == split] for split in range(3)]
    assert all(expected)
    assert _texts(settled.runs) == expected
    assert settled.tokens == [sum(len(line.split()) for line in of_split) for of_split in expected]
    assert settled.lengths == [Counter(len(line.split()) for line in of_split) for of_split in expected]
    assert settled.scripts["digits"] == sum(character.isdigit() for line in lines for character in line)
    assert bucket.stretches[0].path.exists()


@pytest.mark.parametrize("bucket_bytes", [1 << 20, 100])
def test_shuffled_sentences_are_sorted_by_their_keys_however_small_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket_bytes: int
) -> None:
    monkeypatch.setattr(module, "BUCKET_BYTES", bucket_bytes)
    bucket, lines, identity_N = _bucket(tmp_path, shuffle=True)
    order_N = np.argsort(shuffle_keys(bucket.split, identity_N))
    split_N = bucket.bounds.splits(unit_hashes(bucket.split, identity_N, identity_N))
    expected = [[lines[at] for at in order_N if split_N[at] == split] for split in range(3)]
    settled = settle(bucket)
    assert _texts(settled.runs) == expected
    assert (len(settled.runs[0]) > 1) == (bucket_bytes == 100)
    assert not bucket.stretches[0].path.exists()


def test_marked_sentences_are_dropped_counted_and_the_earliest_shown(tmp_path: Path) -> None:
    bucket, lines, identity_N = _bucket(tmp_path, shuffle=True, deduplicate=True)
    DropMask.make(tmp_path, [SENTENCES // 2] * 2)
    dropped = [57, 3, 4, 50, 51, 52, 53]
    DropMask(tmp_path).drop(identity_N[dropped])
    settled = settle(bucket)
    kept = [line for of_split in _texts(settled.runs) for line in of_split]
    assert sorted(kept) == sorted(set(lines) - {lines[at] for at in dropped})
    assert settled.dropped.sentences == len(dropped)
    assert settled.dropped.tokens == sum(len(lines[at].split()) for at in dropped)
    assert [text for _, _, text in settled.duplicates] == [lines[at] for at in (3, 4, 50, 51, 52)]


@given(st.lists(st.sampled_from("abcdefgh")), st.integers(1, 4))
def test_examples_are_the_first_different_ones_whatever_buckets_they_come_from(texts: list[str], buckets: int) -> None:
    rows = [(identity, 1, text) for identity, text in enumerate(texts)]
    parts = [row for bucket in range(buckets) for row in first_different(rows[bucket::buckets])]
    assert first_different(sorted(parts)) == first_different(rows)
    assert [text for _, _, text in first_different(rows)] == list(dict.fromkeys(texts))[:5]
