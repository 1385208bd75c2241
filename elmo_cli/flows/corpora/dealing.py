"""The stages of ``elmo prepare``: blocks of text to bucket files, and these to the files of each split.

1. Every block is cut into sentences in some process, cleaned, and written to bucket files.
2. Sentences with the same tokens are found, to drop them or to say how far the splits overlap.
3. Every bucket is put into order and dealt out to the splits.
4. What came of it is laid end to end in files of even size.
"""

import shutil
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

from elmo_cli.errors import OutputError
from elmo_cli.flows.reports import Progress, Report
from elmo_cli.processes import Workers
from elmo_cli.text.buckets import Stretch, files_of
from elmo_cli.text.cleaning import Dropped
from elmo_cli.text.duplicates import Comparison, DropMask, count_overlap, mark_duplicates
from elmo_cli.text.portions import Plan, Portion, cut_block
from elmo_cli.text.prepared import HELD_OUT, TEST, shard_name
from elmo_cli.text.runs import Bucket, Settled, first_different, settle
from elmo_cli.text.shards import Shard, cut, even_bounds, write_shard
from elmo_cli.text.sources import Block, BlockReader
from elmo_cli.text.splits import NAMES, Bounds, Extremes

Made = TypeVar("Made")
Stage = Generator[Report, None, None]


@dataclass
class Dealing:
    """A text on its way from blocks to the files of its splits.

    Call the stages in order; each is a generator of reports.

    Args:
        place: Where the corpus will be, for messages.
        folder: The folder that becomes the prepared corpus. Bucket files lie below it while it is made.
        plan: What all processes know.
        pool: The processes.
    """

    place: Path
    folder: Path
    plan: Plan
    pool: Workers
    documents: int = 0
    dropped: dict[str, Dropped] = field(default_factory=dict)
    oddities: Counter[str] = field(default_factory=Counter)
    overlap: dict[str, float | None] = field(default_factory=dict)
    """Of every split but training: the share of its sentences that also stand there; None where it is empty."""
    settled: Settled = field(default_factory=Settled)
    shards: int = 0
    _places: list[int] = field(default_factory=list)
    _stretches: list[Stretch] = field(default_factory=list)
    _bytes: int = 0
    _extremes: Extremes = field(default_factory=Extremes)

    @property
    def sentences(self) -> list[int]:
        """How many each split has."""
        return [sum(run.sentences for run in runs) for runs in self.settled.runs]

    def cut(self, reader: BlockReader) -> Stage:
        """Stage 1."""
        waiting: deque[tuple[int, str]] = deque()

        def blocks() -> Iterator[Block]:
            for block in reader:
                waiting.append((reader.bytes_read, block.name))
                yield block

        for portion in self.pool.map_in_order(cut_block, blocks()):
            done, name = waiting.popleft()
            self._take(portion)
            self._check_space(done, reader.total_bytes)
            note = "standard input" if name == "-" else Path(name).name
            yield Progress(stage="preparing text", done=done, total=reader.total_bytes, unit="bytes", note=note)

    def compare(self) -> Generator[Report, None, Bounds]:
        """Stage 2. Returns where the splits end."""
        plan = self.plan
        comparisons = [Comparison(plan.folder, bucket, plan.bits, plan.split) for bucket in range(1 << plan.bits)]
        sizes = [comparison.bytes for comparison in comparisons]
        if plan.cleaning.deduplicate:
            DropMask.make(plan.folder, self._places)
            self._extremes = Extremes()
            marked = self.pool.map_in_order(mark_duplicates, comparisons)
            for done, extremes in _after_each(marked, sizes):
                self._extremes.merge(extremes)
                yield _progress("finding duplicates", done, sum(sizes))
        bounds = self._extremes.bounds(plan.split)
        if plan.compares and not plan.cleaning.deduplicate:
            totals = dict.fromkeys(NAMES[1:], (0, 0))
            counted = self.pool.map_in_order(count_overlap, [(comparison, bounds) for comparison in comparisons])
            for done, counts in _after_each(counted, sizes):
                totals = {name: (a + counts[name][0], b + counts[name][1]) for name, (a, b) in totals.items()}
                yield _progress("comparing the splits", done, sum(sizes))
            self.overlap = {name: common / count if count else None for name, (count, common) in totals.items()}
        return bounds

    def settle(self, bounds: Bounds) -> Stage:
        """Stage 3."""
        plan = self.plan
        options = (plan.folder, plan.bits, plan.split, bounds, plan.cleaning.deduplicate)
        groups = _shuffled(plan) if plan.split.shuffle else [[stretch] for stretch in self._stretches]
        buckets = [Bucket(group, *options) for group in groups]
        sizes = [bucket.bytes for bucket in buckets]
        stage = "shuffling" if plan.split.shuffle else "dealing out"
        for done, settled in _after_each(self.pool.map_in_order(settle, buckets), sizes):
            self._merge(settled)
            yield _progress(stage, done, sum(sizes))
        if plan.cleaning.deduplicate:
            self._take_duplicates()
            # Whatever is the same has one sentence left, which is in one split.
            self.overlap = {
                name: 0.0 if count else None for name, count in zip(NAMES[1:], self.sentences[1:], strict=True)
            }
        for path in files_of(plan.folder, "blocks", 0):
            path.unlink()

    def write(self) -> Stage:
        """Stage 4."""
        train, held_out, test = self.settled.runs
        bounds = even_bounds(self.sentences[0], self.plan.split.shard_sentences)
        names = [shard_name(number) for number in range(len(bounds) - 1)]
        shards = [Shard(self.folder / name, slices) for name, slices in zip(names, cut(train, bounds), strict=True)]
        for name, runs, count in ((HELD_OUT, held_out, self.sentences[1]), (TEST, test, self.sentences[2])):
            if count or name == HELD_OUT:
                shards += [Shard(self.folder / name, slices) for slices in cut(runs, [0, count])]
        self.shards = len(names)
        sizes = [sum(piece.run.bytes for piece in shard.slices) for shard in shards]
        total = sum(run.bytes for runs in self.settled.runs for run in runs)
        for done, _ in _after_each(self.pool.map_in_order(write_shard, shards), sizes):
            yield _progress("writing", min(done, total), total)

    def _take(self, portion: Portion) -> None:
        self._places.append(portion.places)
        self.documents = max(self.documents, portion.documents)
        self._bytes += portion.bytes
        self.oddities += portion.oddities
        self._extremes.merge(portion.extremes)
        if portion.stretch is not None:
            self._stretches.append(portion.stretch)
        for rule, dropped in portion.dropped.items():
            self.dropped.setdefault(rule, Dropped()).merge(dropped)

    def _merge(self, settled: Settled) -> None:
        mine = self.settled
        for number in range(len(NAMES)):
            mine.runs[number] += settled.runs[number]
            mine.tokens[number] += settled.tokens[number]
            mine.lengths[number] += settled.lengths[number]
        mine.scripts += settled.scripts
        mine.dropped.merge(settled.dropped)
        mine.duplicates = first_different(sorted(mine.duplicates + settled.duplicates))

    def _take_duplicates(self) -> None:
        dropped = self.settled.dropped
        if dropped.sentences:
            examples = [text for _, _, text in self.settled.duplicates]
            self.dropped["duplicate"] = Dropped(dropped.sentences, dropped.tokens, examples)

    def _check_space(self, done: int, total: int | None) -> None:
        """Refuses early what would fill the disk: buckets, then the runs beside them or the shards beside the runs."""
        if not total or done < total / 20:
            return
        all_bytes = self._bytes * max(total, done) / done
        missing = 2 * all_bytes - self._bytes
        free = shutil.disk_usage(self.folder).free
        if missing > free:
            raise OutputError(
                f"{self.place}: {free / 1e6:,.2f} MB are free, and the corpus needs about {missing / 1e6:,.2f} MB more "
                "while it is made",
                hint="free space, or choose another place with --out; nothing was changed",
            )


def _shuffled(plan: Plan) -> Iterator[list[Stretch]]:
    for bucket in range(1 << plan.bits):
        if files := files_of(plan.folder, "bucket", bucket):
            yield [Stretch(path, 0, path.stat().st_size) for path in files]


def _after_each(results: Iterable[Made], sizes: Iterable[int]) -> Iterator[tuple[int, Made]]:
    """Each result, with how much is done after it."""
    return zip(accumulate(sizes), results, strict=True)


def _progress(stage: str, done: int, total: int) -> Progress:
    return Progress(stage=stage, done=done, total=total, unit="bytes")
