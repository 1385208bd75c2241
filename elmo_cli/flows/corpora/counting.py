"""Counts the words of prepared folders and raw text, over several processes: a stage of what ``elmo vocab`` does."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from elmo_cli.config import InputConfig, TextConfig
from elmo_cli.flows.found_inputs import found_inputs
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.processes import WORTH_STARTING, map_in_order, suitable_processes
from elmo_cli.text.counting import PartCounts, WordCounts, count_part, count_sentences
from elmo_cli.text.oddities import ODDITIES
from elmo_cli.text.prepared import is_prepared, read_prepared
from elmo_cli.text.readers import STDIN, cannot_read, size_of
from elmo_cli.text.sources import Block, BlockReader, read_block
from elmo_cli.text.tokenizers import Tokenizer, make_tokenizer, tokenise_block
from elmo_cli.text.word_types import WORTH_SHARING, ShardPart, shard_parts

LOSSES = ("replaced bytes", "skipped lines")
"""Oddities by which text is lost; a word is said about them."""


@dataclass(frozen=True, kw_only=True)
class CountedText:
    """What is counted, and how raw text of it is read and cut."""

    shards: Sequence[Path]
    """Tokenised files of prepared folders."""
    raw: Sequence[Path]
    reading: InputConfig
    text: TextConfig
    cut: TextConfig
    """How the shards were cut, where there is no raw text."""
    pieces: bytes | None = None
    """The SentencePiece model, for ``sentencepiece``."""

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [*self.shards, *self.raw]

    @property
    def total_bytes(self) -> int | None:
        """Bytes to be read; None with standard input."""
        return None if STDIN in self.raw else sum(map(size_of, self.files))


def find_text(
    inputs: Sequence[str],
    *,
    reading: InputConfig,
    text: TextConfig,
    pieces_model: Path | None = None,
    held_out: bool = False,
) -> Generator[Report, None, CountedText]:
    """The files that inputs name; says which files of folders are not among them.

    Args:
        held_out: Whether the held-out file of a prepared folder is meant, not its training files.

    Raises:
        TextError: An input is missing.
    """
    shards: list[Path] = []
    cut = text
    for folder in (Path(name) for name in inputs if is_prepared(Path(name))):
        prepared = read_prepared(folder)
        shards.extend(prepared.shards if not held_out else [prepared.held_out] if prepared.held_out else [])
        cut = prepared.text
    raw = yield from found_inputs([name for name in inputs if not is_prepared(Path(name))])
    try:
        pieces = None if pieces_model is None else pieces_model.read_bytes()
    except OSError as error:
        raise cannot_read(pieces_model or Path(), error) from error
    return CountedText(shards=shards, raw=raw, reading=reading, text=text, cut=text if raw else cut, pieces=pieces)


def count_words(
    source: CountedText, counts: WordCounts, *, stage: str, processes: int | None
) -> Generator[Report, None, None]:
    """Adds the words of a text to counts; the same for any number of processes.

    Args:
        stage: What to call it in progress reports.
        processes: None: one per core, or one alone for a small text.

    Raises:
        TextError: A file cannot be read, or is not what the settings say.
    """
    total = source.total_bytes
    reader = BlockReader(source.raw, source.reading)
    shard_bytes = sum(map(size_of, source.shards))
    done = 0
    parts = map_in_order(
        _count,
        _items(source, reader),
        processes=suitable_processes(processes, total, WORTH_STARTING if source.raw else WORTH_SHARING),
        prepare=_prepare,
        arguments=(source.reading, source.text, source.pieces, bool(source.raw)),
    )
    lost: Counter[str] = Counter()
    for name, size, part, oddities in parts:
        counts.add(part)
        lost.update({kind: oddities[kind] for kind in LOSSES if oddities[kind]})
        done += size
        so_far = done if done < shard_bytes else shard_bytes + reader.bytes_read
        yield Progress(stage=stage, done=so_far, total=total, unit="bytes", note=name)
    for kind, number in lost.items():
        yield Notice(text=f"{kind}: {number:,} ({ODDITIES[kind]})", warning=True)


def _items(source: CountedText, reader: BlockReader) -> Iterator[ShardPart | Block]:
    for shard in source.shards:
        yield from shard_parts(shard)
    yield from reader


_raw_text: tuple[InputConfig, Tokenizer] | None = None
"""What a process needs to count raw text."""


def _prepare(reading: InputConfig, text: TextConfig, pieces: bytes | None, raw: bool) -> None:
    global _raw_text
    _raw_text = (reading, make_tokenizer(text, pieces)) if raw else None


def _count(item: ShardPart | Block) -> tuple[str, int, PartCounts, Counter[str]]:
    """Counts a part: the name of its file, how many bytes of a shard it has, the counts, and what was odd."""
    if isinstance(item, ShardPart):
        return item.path.name, item.end - item.begin, count_part(item), Counter()
    assert _raw_text is not None, "prepared by map_in_order"
    reading, tokenizer = _raw_text
    block = read_block(item, reading)
    sentences = tokenise_block(block, tokenizer)
    name = "standard input" if item.name == str(STDIN) else Path(item.name).name
    return name, 0, count_sentences(tokens for _, tokens in sentences), block.oddities
