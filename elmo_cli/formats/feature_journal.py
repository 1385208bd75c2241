"""Vectors on their way into a file, so that a kill at any moment loses seconds of work.

Beside the file that is to be, a hidden folder has the vectors as they will stand in it, the text, and an index of
the sentences. Every :data:`SECONDS`, or :data:`BYTES` of vectors, a thread flushes to the disk what was written; when
it is there, the index says so. A kill leaves at most what the index does not know; who comes next cuts that off and
goes on behind it.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.errors import OutputError
from elmo_cli.files import cannot_write, hold, whole_file, write_text
from elmo_cli.formats.direct_file import DirectFile
from elmo_cli.formats.growing_file import GrowingFile

SECONDS = 2.0
"""Work between the beginning of one note on the disk and that of the next."""
BYTES = 1 << 26
"""The same in bytes of vectors: the disk works while the next ones are made."""
ROOM = 4096
"""Bytes left free in front of vectors, for what a format has to say first. Memory maps begin at pages."""
CHUNK = np.dtype([("end", "<i8"), ("mask", "<i8")])
"""An entry of the file ``chunks``: where a chunk ends, and filters that were passed over."""
_SETTINGS, _STATE = "settings.json", "state"


def journal_folder(path: Path) -> Path:
    """Where the vectors of an unfinished file are."""
    return path.with_name(f".{path.name}.unfinished")


class Journal:
    """Vectors, text and index of an unfinished file; a context manager.

    Args:
        path: The file that is to be.
        settings: What has to be the same for going on.
        streams: How many files vectors go to.
        restart: Whether to throw away what is there.

    Raises:
        BusyError: Another process writes it.
        OutputError: What is there was written with other settings, or the place cannot be written to.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, streams: int = 1, restart: bool = False) -> None:
        self.path, self.folder = path, journal_folder(path)
        self.record = np.dtype(
            [
                ("line", "<i8"),
                ("tokens", "<i8"),
                ("text_end", "<i8"),
                ("ends", "<i8", (streams,)),
                ("masks", "<i8", (streams,)),
                ("check", "<u8"),
            ]
        )
        """An entry of the index: where the sentence's vectors and text end, and filters that were passed over."""
        self._stack = ExitStack()
        self._stack.enter_context(hold(self.folder))
        try:
            self._check_settings(settings, restart)
            self.state = self._read_state()
            """What :meth:`note` was given when the last of these sentences was; None if nothing was."""
            self.done = self._recover(streams)
            """Sentences that are safe on the disk."""
            self.vectors = [DirectFile(self.folder / f"vectors-{number}") for number in range(streams)]
            names = ("chunks", "text", "index")
            self.chunks, self.text, self.index = [GrowingFile(self.folder / name) for name in names]
        except OSError as error:
            self._stack.close()
            raise cannot_write(path, error) from error
        except BaseException:
            self._stack.close()
            raise
        self.closed = False
        self.written = self.done
        """Sentences that were given, on the disk or not yet."""
        self._pending: list[npt.NDArray] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="features-to-disk")
        self._syncing: Future[None] | None = None
        self._syncing_count = 0
        self._begun_at = self.vectors[0].size
        self._last = time.monotonic()

    def append(
        self, entries: npt.NDArray, vectors: Sequence[Sequence[Any]], text: bytes, *, more: bool = False
    ) -> None:
        """Takes sentences.

        Args:
            entries: Of the index, from :meth:`entries`.
            vectors: Arrays or buffers for every stream.
            text: Of all of them.
            more: Whether others come at once, so that a note on the disk can wait for them.

        Raises:
            OutputError: The disk is full; what it has, it keeps.
        """
        try:
            for stream, pieces in zip(self.vectors, vectors, strict=True):
                for piece in pieces:
                    stream.write(piece)
            self.text.write(text)
            self._pending.append(entries)
            self.written += len(entries)
            if self._syncing is not None and self._syncing.done():
                self._confirm()
            late = time.monotonic() - self._last > SECONDS and not more
            if self._syncing is None and (late or self.vectors[0].size - self._begun_at > BYTES):
                self._begin()
        except OSError as error:
            raise self.failure(error) from error

    def append_chunks(self, packed: Sequence[bytes], table: npt.NDArray) -> None:
        """Takes chunks, and their entries of the file ``chunks``; the sentences that end in them come next.

        Raises:
            OutputError: The disk is full; what it has, it keeps.
        """
        try:
            for content in packed:
                self.vectors[0].write(content)
            self.chunks.write(table.tobytes())
        except OSError as error:
            raise self.failure(error) from error

    def step_back(self, count: int, end: int) -> None:
        """Forgets all sentences but the first ``count``, and the vectors from ``end`` on; only before any is given."""
        index = self.read_index()[:count]
        self.index.cut(count * self.record.itemsize)
        self.text.cut(int(index["text_end"][-1]) if count else 0)
        self.vectors[0].cut(end)
        self.chunks.cut(int((self.read_chunks()["end"] <= end).sum()) * CHUNK.itemsize)
        self.done = self.written = count

    def note(self, state: bytes, count: int) -> None:
        """Keeps what a flow needs to go on behind its first ``count`` sentences, such as an LSTM's state."""
        self.state = (count, state)

    def entries(
        self, lines: Sequence[int], tokens: Sequence[int], text: Sequence[int], sizes: npt.NDArray, masks: npt.NDArray
    ) -> npt.NDArray:
        """Entries for sentences that come next: numbers of their lines, lengths of tokens, text, and vectors."""
        entries = np.zeros(len(lines), self.record)
        entries["line"], entries["tokens"], entries["masks"] = lines, tokens, masks
        entries["text_end"] = self.text.size + np.cumsum(text)
        entries["ends"] = [stream.size for stream in self.vectors] + np.cumsum(sizes, axis=0)
        entries["check"] = _check(entries)
        return entries

    def commit(self) -> None:
        """Waits until all that was given is on the disk.

        Raises:
            OutputError: It cannot be.
        """
        try:
            self._confirm()
            self._begin()
            self._confirm()
        except OSError as error:
            raise self.failure(error) from error

    def read_index(self) -> npt.NDArray:
        """All entries that are on the disk."""
        return np.fromfile(self.folder / "index", self.record)[: self.done]

    def blocks(self, index: npt.NDArray, size: int = 16_384) -> Iterator[tuple[npt.NDArray, list[bytes]]]:
        """Entries with their texts, so many at a time."""
        begin = 0
        with (self.folder / "text").open("rb") as file:
            for first in range(0, len(index), size):
                entries = index[first : first + size]
                end = int(entries["text_end"][-1])
                content, bounds = file.read(end - begin), [0, *(entries["text_end"] - begin).tolist()]
                yield entries, [content[left:right] for left, right in pairwise(bounds)]
                begin = end

    def read_chunks(self) -> npt.NDArray:
        """All of the file ``chunks``."""
        return np.fromfile(self.folder / "chunks", CHUNK)

    def remove(self) -> None:
        """Closes it and throws it away."""
        self.close(keep=False)

    def close(self, *, keep: bool = True) -> None:
        """Closes it; what is on the disk stays there, unless it is nothing."""
        if self.closed:
            return
        self.closed = True
        self._pool.shutdown()
        for file in (*self._contents, self.index):
            file.close()
        if not keep or not self.done:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._stack.close()

    @property
    def _contents(self) -> list[DirectFile | GrowingFile]:
        """What the index speaks of."""
        return [*self.vectors, self.chunks, self.text]

    def _check_settings(self, settings: Mapping[str, Any], restart: bool) -> None:
        wanted = json.loads(json.dumps(dict(settings)))
        place = self.folder / _SETTINGS
        if place.exists():
            try:
                found = json.loads(place.read_text(encoding="utf-8"))
            except ValueError:
                found = {}
            other = [name for name in sorted({*wanted, *found}) if wanted.get(name) != found.get(name)]
            if not other:
                return
            if not restart:
                name = other[0]
                raise OutputError(
                    f"{self.path}: {self.folder.name} has what was written before: expected to go on with {name} "
                    f"{found.get(name)!r}, found {wanted.get(name)!r}",
                    hint="give the same settings as before, or begin anew with --overwrite",
                )
        for left in self.folder.iterdir():
            if left.name != ".lock":
                left.unlink()
        write_text(place, json.dumps(wanted, indent=2))

    def _recover(self, streams: int) -> int:
        """Cuts files back to the last sentence that is whole in all of them; their number."""
        index = self.folder / "index"
        entries = np.fromfile(index, self.record) if index.exists() else np.empty(0, self.record)
        good = entries["check"] == _check(entries)
        sizes = [self._size(f"vectors-{number}") for number in range(streams)]
        good &= (entries["ends"] <= sizes).all(axis=1) & (entries["text_end"] <= self._size("text"))
        done = len(good) if good.all() else int(good.argmin())
        if self.state is not None:
            done = self.state[0] if self.state[0] <= done else 0
            self.state = self.state if done else None
        self._cut(entries[:done])
        return done

    def _cut(self, entries: npt.NDArray) -> None:
        text_end, ends = 0, [ROOM] * entries["ends"].shape[1]
        if len(entries):
            text_end, ends = int(entries["text_end"][-1]), entries["ends"][-1].tolist()
        _cut(self.folder / "index", len(entries) * self.record.itemsize)
        _cut(self.folder / "text", text_end)
        for number, end in enumerate(ends):
            _cut(self.folder / f"vectors-{number}", end)
        chunks = self.folder / "chunks"
        known = np.fromfile(chunks, CHUNK) if chunks.exists() else np.empty(0, CHUNK)
        _cut(chunks, int((known["end"] <= ends[0]).sum()) * CHUNK.itemsize)

    def _read_state(self) -> tuple[int, bytes] | None:
        path = self.folder / _STATE
        content = path.read_bytes() if path.exists() else b""
        return (int.from_bytes(content[:8], "little"), content[8:]) if content else None

    def _size(self, name: str) -> int:
        path = self.folder / name
        return path.stat().st_size if path.exists() else 0

    def _begin(self) -> None:
        """Has the thread bring to the disk what was given so far."""
        for file in self._contents:
            file.flush()
        records = np.concatenate(self._pending) if self._pending else np.empty(0, self.record)
        self._pending = []
        self._begun_at = self.vectors[0].size
        self._last = time.monotonic()
        self._syncing_count = len(records)
        self._syncing = self._pool.submit(self._sync, records.tobytes(), self.state)

    def _sync(self, records: bytes, state: tuple[int, bytes] | None) -> None:
        for file in self._contents:
            file.sync()
        # The index says what is on the disk, so it comes behind it.
        self.index.write(records)
        self.index.flush()
        self.index.sync()
        if state is not None:
            with whole_file(self.folder / _STATE) as partial:
                partial.write_bytes(state[0].to_bytes(8, "little") + state[1])

    def _confirm(self) -> None:
        """Waits for the thread, and counts what it brought to the disk."""
        if self._syncing is not None:
            syncing, self._syncing = self._syncing, None
            try:
                syncing.result()
            except OSError:
                self._pending = []  # the index has no gaps: nothing can come behind what it could not take
                raise
            self.done += self._syncing_count

    def _salvage(self) -> None:
        """Brings to the disk what of the given sentences has room there."""
        for file in self._contents:
            with suppress(OSError):
                file.flush()
        sizes = [os.fstat(file.fileno()).st_size for file in self.vectors]
        text = os.fstat(self.text.fileno()).st_size
        records = np.concatenate([np.empty(0, self.record), *self._pending])
        self._pending = []
        fits = (records["ends"] <= sizes).all(axis=1) & (records["text_end"] <= text)
        count = len(fits) if fits.all() else int(fits.argmin())
        self._sync(records[:count].tobytes(), None)
        self.done += count

    def failure(self, error: OSError) -> OutputError:
        """What to raise where something could not be written."""
        with suppress(OSError):  # what came before may be on the disk all the same
            self._confirm()
            self._salvage()
        return OutputError(
            f"{self.path}: cannot be written: {error.strerror or error}; {self.done:,} sentences are safe",
            hint="free space and start the same command again: it goes on behind them",
        )


def _cut(path: Path, size: int) -> None:
    with path.open("ab") as file:
        file.truncate(size)


def _check(entries: npt.NDArray) -> npt.NDArray[np.uint64]:
    """A sum over the other fields, which a torn or empty record does not have."""
    total = np.full(len(entries), 0x9E3779B97F4A7C15, np.uint64)
    columns = [entries["line"], entries["tokens"], entries["text_end"]]
    columns += [*entries["ends"].T, *entries["masks"].T]
    for column in columns:
        total = (total ^ column.astype(np.uint64)) * np.uint64(0x100000001B3)
    return total
