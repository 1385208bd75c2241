"""Cuts one block of text into sentences and puts them into bucket files: what each process does with each block."""

from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli.config import CleaningConfig, InputConfig, SplitConfig, TextConfig
from elmo_cli.text.buckets import ROW, Rows, Stretch, append_frame, bucket_of, grouped, own_file
from elmo_cli.text.cleaning import Cleaner, Dropped
from elmo_cli.text.duplicates import append_contents
from elmo_cli.text.sources import Block, read_block
from elmo_cli.text.splits import Extremes, identities, shuffle_keys, unit_hashes
from elmo_cli.text.tokenizers import Tokenizer, each_of_block, make_tokenizer


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all processes know of a preparation."""

    folder: Path
    """Where bucket files go."""
    reading: InputConfig
    text: TextConfig
    pieces: bytes | None
    """The SentencePiece model, where there is one."""
    cleaning: CleaningConfig
    split: SplitConfig
    bits: int
    """Of a key that choose its bucket."""
    compares: bool
    """Whether sentences are compared, so that hashes of their tokens are written down."""


@dataclass(frozen=True, kw_only=True)
class Portion:
    """What became of a block."""

    places: int
    """Sentences that it had; those that cleaning dropped count as well, so that identities do not depend on rules."""
    documents: int
    """Documents up to its end."""
    stretch: Stretch | None
    """Where its sentences lie, if the order of the text is kept."""
    bytes: int
    """Bytes of bucket files that they take."""
    dropped: dict[str, Dropped]
    oddities: Counter[str]
    extremes: Extremes


class PortionCutter:
    """Cuts blocks in one process.

    Args:
        plan: What all processes know.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tokenizer: Tokenizer = make_tokenizer(plan.text, plan.pieces)

    def cut(self, block: Block) -> Portion:
        """Reads and cuts a block, and writes its sentences to bucket files.

        Raises:
            TextError: As :func:`elmo_cli.text.sources.read_block`.
        """
        plan, cleaner = self.plan, Cleaner(self.plan.cleaning)
        text = read_block(block, plan.reading)
        places, lines, rows = 0, [], []
        for document, tokens in each_of_block(text, self.tokenizer):
            line = " ".join(tokens)
            if cleaner.keeps(tokens, line):
                lines.append(line.encode(errors="replace"))
                rows.append((places, document, len(tokens)))
            places += 1
        rows_N = np.array(rows, ROW)
        rows_N["identity"] = identities(block.number, rows_N["identity"])
        extremes = Extremes()
        if plan.split.held_out or plan.split.test:
            extremes.add(unit_hashes(plan.split, rows_N["identity"], rows_N["document"]))
        if plan.compares:
            append_contents(plan.folder, plan.bits, _content_hashes(lines), rows_N)
        stretches = self._write(rows_N, lines)
        return Portion(
            places=places,
            documents=max(text.documents, default=block.first_document - 1) + 1,
            stretch=stretches[0] if stretches and not plan.split.shuffle else None,
            bytes=sum(stretch.end - stretch.begin for stretch in stretches),
            dropped=cleaner.dropped,
            oddities=text.oddities,
            extremes=extremes,
        )

    def _write(self, rows_N: Rows, lines: list[bytes]) -> list[Stretch]:
        if not lines:
            return []
        folder, split = self.plan.folder, self.plan.split
        if not split.shuffle:
            return [append_frame(own_file(folder, "blocks", 0), rows_N, lines)]
        bucket_N = bucket_of(shuffle_keys(split, rows_N["identity"]), self.plan.bits)
        return [
            append_frame(own_file(folder, "bucket", bucket), rows_N[at_N], [lines[at] for at in at_N])
            for bucket, at_N in grouped(bucket_N)
        ]


def _content_hashes(lines: list[bytes]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(b"".join(blake2b(line, digest_size=8).digest() for line in lines), "<u8")


_cutters: list[PortionCutter] = []


def begin_cutting(plan: Plan) -> None:
    """Makes this process ready for :func:`cut_block`."""
    _cutters[:] = [PortionCutter(plan)]


def cut_block(block: Block) -> Portion:
    """:meth:`PortionCutter.cut` with the plan that :func:`begin_cutting` was given."""
    return _cutters[0].cut(block)
