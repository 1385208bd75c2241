"""Puts the sentences of one bucket into order and deals them out to the splits: what comes of it is a run of each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from elmo_cli.config import SplitConfig
from elmo_cli.text.buckets import BUCKET_BYTES, ROW, Rows, Stretch, bucket_of, own_file, read_frames
from elmo_cli.text.cleaning import EXAMPLES, Dropped, shortened
from elmo_cli.text.duplicates import DropMask
from elmo_cli.text.scripts import count_scripts
from elmo_cli.text.splits import NAMES, Bounds, shuffle_keys, unit_hashes


@dataclass(frozen=True)
class Run:
    """Sentences that follow one another in a split, one a line, in a stretch of a file."""

    path: Path
    begin: int
    bytes: int
    sentences: int


@dataclass(frozen=True)
class Bucket:
    """Sentences that are put into order together."""

    stretches: Sequence[Stretch]
    folder: Path
    """Where the runs go."""
    bits: int
    """Of a key that chose this bucket."""
    split: SplitConfig
    bounds: Bounds
    deduplicate: bool

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return sum(stretch.end - stretch.begin for stretch in self.stretches)


@dataclass
class Settled:
    """What became of a bucket."""

    runs: list[list[Run]] = field(default_factory=lambda: [[] for _ in NAMES])
    """By split."""
    tokens: list[int] = field(default_factory=lambda: [0] * len(NAMES))
    """By split."""
    lengths: list[Counter[int]] = field(default_factory=lambda: [Counter() for _ in NAMES])
    """By split: how many sentences have so many tokens."""
    scripts: Counter[str] = field(default_factory=Counter)
    """Characters of all splits, by script."""
    duplicates: list[tuple[int, int, str]] = field(default_factory=list)
    """The first different ones of the dropped sentences: identity, tokens, text."""
    dropped: Dropped = field(default_factory=Dropped)
    """How many duplicates were dropped; without examples."""


def settle(bucket: Bucket) -> Settled:
    """Sorts a bucket, drops its duplicates, and writes what stays, split by split."""
    settled = Settled()
    for rows_N, lines in _in_parts(bucket):
        if bucket.deduplicate:
            rows_N, lines = _without_duplicates(bucket, rows_N, lines, settled)
        if bucket.split.shuffle:
            order_N = np.argsort(shuffle_keys(bucket.split, rows_N["identity"]))
            rows_N, lines = rows_N[order_N], [lines[at] for at in order_N]
        split_N = bucket.bounds.splits(unit_hashes(bucket.split, rows_N["identity"], rows_N["document"]))
        for number in range(len(NAMES)):
            at_N = np.flatnonzero(split_N == number)
            if len(at_N):
                text = b"".join(lines[at] + b"\n" for at in at_N)
                settled.runs[number].append(_append(own_file(bucket.folder, "runs", number), text, len(at_N)))
                settled.tokens[number] += int(rows_N["tokens"][at_N].sum())
                lengths, counts = np.unique(rows_N["tokens"][at_N], return_counts=True)
                settled.lengths[number].update(dict(zip(lengths.tolist(), counts.tolist(), strict=True)))
                settled.scripts += count_scripts(text.decode())
    if bucket.split.shuffle:
        for stretch in bucket.stretches:
            stretch.path.unlink()
    return settled


def _in_parts(bucket: Bucket) -> Iterator[tuple[Rows, list[bytes]]]:
    """The sentences of a bucket; of one too large for memory, one part of its range of keys after the other."""
    # Twice the size that was aimed at is no reason yet; and a block in the order of the text is in memory anyway.
    part_bits = (bucket.bytes // (2 * BUCKET_BYTES)).bit_length() if bucket.split.shuffle else 0
    for part in range(1 << part_bits):
        rows: list[Rows] = []
        lines: list[bytes] = []
        for rows_N, texts in read_frames(bucket.stretches):
            if part_bits:
                keys_N = shuffle_keys(bucket.split, rows_N["identity"]) << np.uint64(bucket.bits)
                at_N = np.flatnonzero(bucket_of(keys_N, part_bits) == part)
                rows_N, texts = rows_N[at_N], [texts[at] for at in at_N]
            rows.append(rows_N)
            lines += texts
        yield np.concatenate(rows) if rows else np.empty(0, ROW), lines


def first_different(dropped: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The first of all sentences with the same text, as many as are shown. Of parts taken together it is the same.

    Args:
        dropped: Identity, tokens and text, in the order of identities.

    Example:
        >>> first_different([(1, 1, "a"), (4, 1, "a"), (7, 1, "b")])
        [(1, 1, 'a'), (7, 1, 'b')]
    """
    found: dict[str, tuple[int, int, str]] = {}
    for row in dropped:
        found.setdefault(row[2], row)
        if len(found) == EXAMPLES:
            break
    return list(found.values())


def _without_duplicates(bucket: Bucket, rows_N: Rows, lines: list[bytes], settled: Settled) -> tuple[Rows, list[bytes]]:
    drops_N = DropMask(bucket.folder).drops(rows_N["identity"])
    at_N = np.flatnonzero(drops_N)
    settled.dropped.sentences += len(at_N)
    settled.dropped.tokens += int(rows_N["tokens"][at_N].sum())
    in_order_N = at_N[np.argsort(rows_N["identity"][at_N])]
    settled.duplicates += first_different(
        (int(rows_N["identity"][at]), int(rows_N["tokens"][at]), shortened(lines[at].decode())) for at in in_order_N
    )
    keep_N = np.flatnonzero(~drops_N)
    return rows_N[keep_N], [lines[at] for at in keep_N]


def _append(path: Path, text: bytes, sentences: int) -> Run:
    with path.open("ab") as stream:
        run = Run(path, stream.tell(), len(text), sentences)
        stream.write(text)
    return run
