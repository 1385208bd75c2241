"""Bucket files."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.text.buckets import (
    BUCKET_BYTES,
    MOST_BITS,
    ROW,
    Rows,
    Stretch,
    append_frame,
    bucket_bits,
    bucket_of,
    files_of,
    grouped,
    own_file,
    read_frames,
)


def _rows(identities: list[int]) -> Rows:
    return np.array([(identity, identity // 2, 3) for identity in identities], ROW)


def test_frames_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    texts = [[b"one two", b"\xe6\x97\xa5 \r \x00"], [], [b"three"]]
    stretches = [append_frame(path, _rows(list(range(len(lines)))), lines) for lines in texts]
    assert stretches[0].begin == 0
    assert stretches[2].end == path.stat().st_size
    found = list(read_frames([Stretch(path, 0, path.stat().st_size)]))
    assert [lines for _, lines in found] == texts
    assert [rows_N["identity"].tolist() for rows_N, _ in found] == [[0, 1], [], [0]]
    assert [lines for _, lines in read_frames(stretches[2:])] == texts[2:]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50), st.integers(0, 12))
def test_every_key_is_in_the_bucket_of_its_first_bits(keys: list[int], bits: int) -> None:
    bucket_N = bucket_of(np.array(keys, np.uint64), bits)
    assert bucket_N.tolist() == [key >> (64 - bits) for key in keys]
    found = {bucket: [keys[at] for at in at_N] for bucket, at_N in grouped(bucket_N)}
    assert list(found) == sorted({key >> (64 - bits) for key in keys})
    assert all(found[bucket] == [key for key in keys if key >> (64 - bits) == bucket] for bucket in found)


def test_buckets_are_as_many_as_keep_each_small() -> None:
    for size in (0, 10**6, 10**8, 10**10, 5 * 10**10):
        buckets = 1 << bucket_bits(size)
        assert 1.5 * size / buckets <= BUCKET_BYTES
        assert buckets == 1 or 1.5 * size / buckets > BUCKET_BYTES / 4
    assert bucket_bits(10**15) == MOST_BITS


def test_each_process_has_a_file_of_its_own_in_a_bucket(tmp_path: Path) -> None:
    assert files_of(tmp_path, "bucket", 3) == []
    own_file(tmp_path, "bucket", 3).write_bytes(b"mine")
    (tmp_path / "bucket-0003/another").write_bytes(b"theirs")
    own_file(tmp_path, "bucket", 4).write_bytes(b"")
    assert sorted(path.read_bytes() for path in files_of(tmp_path, "bucket", 3)) == [b"mine", b"theirs"]
