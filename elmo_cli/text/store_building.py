"""Builds a corpus store over several processes, and goes on where a kill stopped it.

An unfinished store stands in ``NAME.building`` beside its place. Its files only grow, and now and then the journal says
how long they are and how much of the text is in them: whoever goes on cuts them to those lengths. The finished store is
the same, byte by byte, however often it was stopped and however many processes worked on it.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from elmo_cli.errors import OutputError, TextError
from elmo_cli.files import cannot_write, flush, put_folder, remove_leftovers, write_text
from elmo_cli.processes import map_in_order, suitable_processes
from elmo_cli.text.readers import size_of
from elmo_cli.text.store import (
    FORMAT,
    HASHED,
    LEXICON,
    MOST_TYPES,
    SENTENCES,
    TOKENS,
    VOCABULARY,
    hashes_of,
    store_is_current,
    write_meta,
    write_types,
)
from elmo_cli.text.vocabulary import Vocabulary
from elmo_cli.text.word_types import WORTH_SHARING, ShardPart, WordTypes, shard_parts, word_types

JOURNAL = "journal.json"
JOURNAL_SECONDS = 5.0
"""Time between two entries: a kill costs no more work than that."""


def build_store(
    shards: Sequence[Path],
    vocabulary: Vocabulary,
    store_dir: Path,
    max_characters: int,
    *,
    max_types: int = MOST_TYPES,
    processes: int | None = None,
) -> Iterator[tuple[int, int]]:
    """Encodes shards of tokenised text, one sentence a line, into a folder that appears whole.

    Memory holds the lexicon and a few parts of the text, whatever the size of the corpus. Blank lines are no sentences;
    they are counted in ``meta.json``. Only one process may build a store at a time: hold its parent folder.

    Args:
        shards: Text files in the order in which their sentences are numbered.
        max_characters: W.
        max_types: Word types that the lexicon has at most. Those that come up later share the row of ``<UNK>``, at
            the input too; ``meta.json`` counts their tokens as ``beyond_lexicon``.
        processes: None: one per core, or one alone for a small text. The store is the same.

    Returns:
        A generator of (bytes encoded, bytes in all); exhaust it to have the store. It begins where an earlier one of
        the same store stopped.

    Raises:
        TextError: A shard cannot be read or is not UTF-8, or changed meanwhile.
        OutputError: The folder cannot be written.
    """
    total = sum(map(size_of, shards))
    folder = building_place(store_dir)
    try:
        if not store_is_current(folder, shards, vocabulary, max_characters, max_types):
            begun = _Begun(vocabulary.sha256, max_characters, max_types, _states(shards))
            with _hashing(shards) as hashes, _Building(folder, begun, vocabulary, shards) as building:
                yield building.done, total
                parts = map_in_order(
                    _encode,
                    building.remaining(),
                    processes=suitable_processes(processes, total - building.done, WORTH_SHARING),
                )
                for part, types in parts:
                    building.add(part, types)
                    yield building.done, total
                if _states(shards) != begun.sources:
                    raise TextError(
                        f"{shards[0].parent}: the text changed while it was encoded", hint="run the command again"
                    )
                building.finish(hashes.result())
        remove_leftovers(folder)
        (folder / JOURNAL).unlink(missing_ok=True)
        put_folder(folder, store_dir)
    except OSError as error:
        raise cannot_write(store_dir, error) from error
    yield total, total


def building_place(store_dir: Path) -> Path:
    """Where a store stands while it is unfinished."""
    return store_dir.with_name(f"{store_dir.name}.building")


@contextmanager
def _hashing(shards: Sequence[Path]) -> Iterator[Future[list[str]]]:
    """Hashes files in the background while they are encoded."""
    stopped = Event()
    with ThreadPoolExecutor(1) as background:
        try:
            yield background.submit(hashes_of, shards, stopped)
        finally:
            stopped.set()


def _encode(part: ShardPart) -> tuple[ShardPart, WordTypes]:
    return part, word_types(part.read())


def _states(shards: Sequence[Path]) -> list[list[Any]]:
    """Name, size and time of the last change of every shard."""
    return [[shard.name, size_of(shard), shard.stat().st_mtime_ns] for shard in shards]


@dataclass(frozen=True)
class _Begun:
    """What a store is built from."""

    vocabulary_sha256: str
    max_characters: int
    max_types: int
    sources: list[list[Any]]


@dataclass
class _Lengths:
    """How far a store is."""

    shard: int = 0
    """The shard that is being encoded, by number."""
    offset: int = 0
    """Bytes of it that are in the store."""
    tokens: int = 0
    sentences: int = 0
    types: int = 0
    lexicon_bytes: int = 0
    blank_lines: int = 0
    beyond_lexicon: int = 0
    """Tokens of words that came up when the lexicon was full."""


class _HashedFile:
    """A file that only grows, and the hash of all that is in it."""

    def __init__(self, path: Path, size: int | None = None) -> None:
        """Begins it; with a size, goes on behind so many bytes of what is there."""
        self.path = path
        self._file = path.open("wb" if size is None else "r+b")
        self._digest = hashlib.sha256()
        for begin in range(0, size or 0, HASHED):
            self._digest.update(self._file.read(min(HASHED, (size or 0) - begin)))
        self._file.truncate()

    def write(self, content: bytes | memoryview) -> None:
        self._digest.update(content)
        self._file.write(content)

    def flush(self) -> None:
        """Gives it to the system, which brings it to the disk when it likes."""
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class _Building:
    """A store that grows."""

    def __init__(self, folder: Path, begun: _Begun, vocabulary: Vocabulary, shards: Sequence[Path]) -> None:
        self.folder = folder
        self.begun = begun
        self.vocabulary = vocabulary
        self.shards = shards
        self.lengths = self._earlier() or _Lengths()
        self.lexicon: dict[bytes, int] = {}
        self._files: list[_HashedFile] = []
        self._most_types = max(begun.max_types, len(vocabulary))
        self._background = ThreadPoolExecutor(1)
        self._journal_time = time.monotonic()
        self._journal_entry: Future[None] | None = None
        """The one that was begun last."""

    def __enter__(self) -> "_Building":
        if self.lengths.types:
            self._go_on()
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            self._files += [_HashedFile(self.folder / name) for name in (TOKENS, SENTENCES, LEXICON)]
            self._files[1].write(np.zeros(1, dtype="<i8").tobytes())
            self._add_words([word.encode(errors="surrogatepass") for word in self.vocabulary.words])
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is GeneratorExit:  # stopped between two parts, so nothing is half done
            self._write_journal(wait=True)
        self._background.shutdown()
        for file in self._files:
            file.close()

    @property
    def done(self) -> int:
        """Bytes of the text that are in the store."""
        return sum(size for _, size, _ in self.begun.sources[: self.lengths.shard]) + self.lengths.offset

    def remaining(self) -> Iterator[ShardPart]:
        """The text that is not in the store yet."""
        begin = self.lengths.offset
        for shard in self.shards[self.lengths.shard :]:
            yield from shard_parts(shard, begin)
            begin = 0

    def add(self, part: ShardPart, types: WordTypes) -> None:
        """Appends a part of the text."""
        lengths = self.lengths
        ids: list[int | None] = list(map(self.lexicon.get, types.words))
        if None in ids:
            self._take_new_words(types, ids)
        ids_N = np.array(ids, dtype="<u4").take(types.tokens_N)
        self._files[0].write(ids_N.data)
        self._files[1].write((types.ends_S + lengths.tokens).astype("<i8").data)
        lengths.tokens += len(types.tokens_N)
        lengths.sentences += len(types.ends_S)
        lengths.blank_lines += types.blank_lines
        lengths.shard, lengths.offset = self.shards.index(part.path, lengths.shard), part.end
        if time.monotonic() - self._journal_time >= JOURNAL_SECONDS:
            self._write_journal(wait=False)

    def _take_new_words(self, types: WordTypes, ids: list[int | None]) -> None:
        """Fills in the ids that are missing: of words that the lexicon takes, and ``<UNK>`` where it is full."""
        new = types.as_they_come_up(np.array([found is None for found in ids]))
        places = max(0, self._most_types - len(self.lexicon))
        for number, new_id in zip(new, range(len(self.lexicon), self._most_types), strict=False):
            ids[number] = new_id
        self._add_words([types.words[number] for number in new[:places]])
        for number in new[places:]:
            ids[number] = self.vocabulary.unknown_id
        self.lengths.beyond_lexicon += int(types.counts_U[new[places:]].sum())

    def finish(self, hashes: Sequence[str]) -> None:
        """Writes what is known only now: the character table, and what the store says of itself."""
        self._write_journal(wait=True)
        words = [word.decode(errors="surrogatepass") for word in self.lexicon]
        write_types(self.folder, words, self.begun.max_characters)
        self.vocabulary.write(self.folder / VOCABULARY)
        sources = [
            {"name": name, "size": size, "sha256": digest}
            for (name, size, _), digest in zip(self.begun.sources, hashes, strict=True)
        ]
        lengths = asdict(self.lengths)
        figures = {name: lengths[name] for name in ("sentences", "tokens", "types", "blank_lines", "beyond_lexicon")}
        made_from = {name: value for name, value in asdict(self.begun).items() if name != "sources"}
        known = {file.path.name: file.sha256 for file in self._files}
        write_meta(self.folder, {**figures, **made_from, "sources": sources}, known)

    def _add_words(self, words: Sequence[bytes]) -> None:
        lexicon = self.lexicon
        for word in words:
            lexicon[word] = len(lexicon)
        added = b"".join(word + b"\n" for word in words)
        self._files[2].write(added)
        self.lengths.lexicon_bytes += len(added)
        self.lengths.types = len(lexicon)

    def _write_journal(self, *, wait: bool) -> None:
        """Makes sure of what is there now, in the background: the disk takes a while, and files may grow meanwhile."""
        if self._journal_entry is not None:
            if not (wait or self._journal_entry.done()):
                return
            self._journal_entry.result()
        for file in self._files:
            file.flush()
        entry = {"format": FORMAT, "begun": asdict(self.begun), "lengths": asdict(self.lengths)}
        self._journal_entry = self._background.submit(self._keep, json.dumps(entry))
        self._journal_time = time.monotonic()
        if wait:
            self._journal_entry.result()

    def _keep(self, entry: str) -> None:
        for file in self._files:
            flush(file.path)
        write_text(self.folder / JOURNAL, f"{entry}\n")

    def _earlier(self) -> _Lengths | None:
        """How far an earlier process came with just this store; None where it has to begin anew."""
        try:
            entry = json.loads((self.folder / JOURNAL).read_text(encoding="utf-8"))
            if (entry["format"], entry["begun"]) != (FORMAT, asdict(self.begun)):
                return None
            lengths = _Lengths(**entry["lengths"])
            long_enough = all(size_of(self.folder / name) >= size for name, size in _sizes(lengths).items())
        except (OSError, ValueError, KeyError, TypeError, TextError):
            return None  # a journal that cannot be read is as good as none: the text is still there
        return lengths if long_enough else None

    def _go_on(self) -> None:
        self._files += [_HashedFile(self.folder / name, size) for name, size in _sizes(self.lengths).items()]
        words = (self.folder / LEXICON).read_bytes().split(b"\n")[:-1]
        self.lexicon = {word: number for number, word in enumerate(words)}
        if len(self.lexicon) != self.lengths.types:
            raise OutputError(
                f"{self.folder / LEXICON}: {len(self.lexicon):,} word types, expected {self.lengths.types:,}",
                hint="delete that folder; the store is built again from the text",
            )


def _sizes(lengths: _Lengths) -> dict[str, int]:
    """Bytes of each file, in the order in which they are opened."""
    return {TOKENS: 4 * lengths.tokens, SENTENCES: 8 * (lengths.sentences + 1), LEXICON: lengths.lexicon_bytes}
