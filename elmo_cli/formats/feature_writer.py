"""Writes vectors of sentences in every layout, one sentence after another, safe from a kill."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.errors import ConfigError, OutputError
from elmo_cli.files import flush
from elmo_cli.formats.feature_chunks import ChunkedTokens
from elmo_cli.formats.feature_containers import finish_npy, finish_parquet, finish_safetensors, pyarrow
from elmo_cli.formats.feature_flat import finish_flat
from elmo_cli.formats.feature_form import FeatureForm, Finished
from elmo_cli.formats.feature_journal import Journal
from elmo_cli.formats.feature_sentences import LEFT_OUT, finish_sentences
from elmo_cli.formats.feature_texts import SentenceTexts
from elmo_cli.formats.feature_values import Compressor, stored

LARGEST_CHUNK = 2**32 - 1
"""Bytes of one sentence that HDF5 can compress."""
Vectors = npt.NDArray[np.float32]


def open_writer(
    path: Path,
    *,
    form: FeatureForm,
    attributes: Mapping[str, str | int | float],
    origin: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> "FeaturesWriter":
    """A writer of vectors; what a killed one left is taken up, and the writer says how far it is.

    Args:
        path: Where the file shall appear; a folder for ``npy``; for ``manylangs`` what its files' names begin with.
        form: Layout, container, numbers.
        attributes: What describes the vectors: model, state policy, layers, tool.
        origin: What else has to be the same for going on where a killed writer stopped, such as the text's name and
            size. It is not in the file.
        overwrite: Whether a file that is there may be replaced. What a killed writer left with other settings is then
            thrown away, and with the same settings taken up.

    Raises:
        OutputError: There is such a file already, or what is left was written with other settings; or the place cannot
            be written to.
        BusyError: Another process writes it.
        ElmoError: A package is missing.

    Example:
        >>> import tempfile
        >>> from elmo_cli.formats.feature_reader import read_any
        >>> path = Path(tempfile.mkdtemp()) / "vectors.hdf5"
        >>> form = FeatureForm(layout="flat", layers=3, width=8)
        >>> with open_writer(path, form=form, attributes={"state": "warm"}) as writer:
        ...     for number in range(writer.done, 2):
        ...         writer.write(number, np.zeros((3, 4, 8), np.float32), tokens="a b c d".split())
        ...     finished = writer.finish()
        >>> with read_any(path) as features:
        ...     len(features), features[1].shape, features.tokens(1)
        (2, (3, 4, 8), ['a', 'b', 'c', 'd'])
    """
    paths = check_place(path, form=form, layers=str(attributes.get("layers", "")), overwrite=overwrite)
    if form.format == "parquet":
        pyarrow("pyarrow.parquet")
    return FeaturesWriter(path, paths, form, attributes, origin or {}, overwrite=overwrite)


def check_place(path: Path, *, form: FeatureForm, layers: str = "", overwrite: bool = False) -> list[Path]:
    """The files that will appear; arguments are those of :func:`open_writer`.

    Raises:
        OutputError: One is there already, or something that must not be replaced.
    """
    paths = form.paths(path, layers)
    for place in paths:
        if place.is_dir() and form.format != "npy":
            raise OutputError(
                f"{place}: expected a place for a file, found a folder", hint=f"--out {place}/vectors.hdf5"
            )
        if place.exists() and not overwrite:
            raise OutputError(f"{place}: there is such a file already", hint="choose another name, or give --overwrite")
        if form.format == "npy" and place.is_dir() and any(place.iterdir()) and not (place / "vectors.npy").exists():
            raise OutputError(f"{place}: expected a folder of vectors to replace, found another folder")
    return paths


class FeaturesWriter:
    """Takes the vectors of sentences in the order of their lines. See :func:`open_writer`; a context manager.

    Nothing appears under the name before :meth:`finish`. Whoever leaves the ``with`` block without it, by an error or a
    kill, finds what was written in a hidden folder beside the name; the next writer of the same settings goes on there.
    So a flow passes over :attr:`done` sentences and computes the rest; sentence after sentence the result is that of an
    uninterrupted run. Memory does not grow with the text, but for 150 bytes per sentence where sentences are keys, and
    about 100 per sentence for a moment at the end.
    """

    def __init__(
        self,
        path: Path,
        paths: Sequence[Path],
        form: FeatureForm,
        attributes: Mapping[str, str | int | float],
        origin: Mapping[str, Any],
        *,
        overwrite: bool,
    ) -> None:
        self.path, self.paths, self.form = path, tuple(paths), form
        self._attributes = form.attributes(attributes)
        settings = {**origin, **self._attributes, "format": form.format, "layers axis": form.layers}
        settings |= {"sentence_keys": form.sentence_keys, "forget_sentences": form.forget_sentences}
        settings |= {"identifiers": form.identifiers}
        self._journal = Journal(path, settings, streams=form.streams, restart=overwrite)
        self._packer = Compressor(form) if form.compression and form.format == "hdf5" else None
        self._texts = SentenceTexts(path, form)
        self._chunk = (
            ChunkedTokens(form, self._journal, self._packer) if self._packer and form.layout == "flat" else None
        )
        try:
            self._recover()
        except BaseException:
            self._journal.close()
            raise

    def _recover(self) -> None:
        """Makes up for what a killed writer knew."""
        index = self._journal.read_index()
        for _, texts in self._journal.blocks(index):
            self._texts.recover(texts)
        if self._chunk is not None:
            index = self._chunk.recover(index)
        self._last_line = int(index["line"][-1]) if len(index) else -1

    @property
    def done(self) -> int:
        """Sentences that were given so far, by killed writers of the same file too: pass over so many."""
        return self._journal.written + (len(self._chunk.waiting) if self._chunk else 0)

    @property
    def state(self) -> bytes | None:
        """What :meth:`note` was given behind the last of :attr:`done` sentences; None if nothing was."""
        return None if self._journal.state is None else self._journal.state[1]

    def note(self, state: bytes) -> None:
        """Keeps what going on behind the last sentence needs, such as the state that ``carry`` hands on.

        Whoever calls it once calls it after every window: the next writer goes on behind the newest note on the disk,
        and its :attr:`done` counts the sentences before that. Where tokens are compressed together it begins anew.
        """
        self._journal.note(state, self.done)

    @property
    def safe(self) -> int:
        """Sentences that a kill right now would leave."""
        return self._journal.done

    @property
    def waits(self) -> bool:
        """Whether writing is mostly waiting for the disk: a thread for it hardly slows those that compute."""
        return self._packer is None and all(stream.is_direct for stream in self._journal.vectors)

    @property
    def file_bytes(self) -> int:
        """Bytes of vectors and text written so far."""
        return sum(stream.size for stream in self._journal.vectors) + self._journal.text.size

    def write(
        self,
        line: int,
        vectors: Vectors,
        *,
        tokens: Sequence[str] = (),
        sentence: str | None = None,
        key: str | None = None,
    ) -> None:
        """Writes one sentence. See :meth:`write_many`."""
        self.write_many([line], [vectors], tokens=[tokens], sentences=[sentence], keys=[key])

    def write_many(
        self,
        lines: Sequence[int],
        vectors: Sequence[Vectors],
        *,
        tokens: Sequence[Sequence[str]] | None = None,
        sentences: Sequence[str | None] | None = None,
        keys: Sequence[str | None] | None = None,
        more: bool = False,
    ) -> None:
        """Writes sentences that follow each other; many at once are faster than one by one.

        Args:
            lines: Their numbers, from 0 and rising, which become keys.
            vectors: float32, (L, n, E) or (n, E) as the form says; n may be 0.
            tokens: For ``flat`` and ``manylangs``.
            sentences: Their text, for ``sentence_to_index``, for sentence keys, and for ``flat``.
            keys: Identifiers that they have in the user's data, for ``flat``, and for a form with identifiers.
            more: Whether the next sentences come at once: they are made safe together.

        Raises:
            TextError: A sentence cannot be a key, or is one already.
            OutputError: The disk is full, or the text is longer than the layout can have.
        """
        count = len(lines)
        for line in lines:
            if line <= self._last_line:
                raise ValueError(f"line {line} after line {self._last_line}: expected rising numbers")
            self._last_line = line
        self._check_shapes(vectors)
        texts, left_out = self._texts.encode(
            lines, tokens or [()] * count, sentences or [None] * count, keys or [None] * count
        )
        lengths = [LEFT_OUT if out else array.shape[-2] for array, out in zip(vectors, left_out, strict=True)]
        if self._chunk is not None:
            self._chunk.add(lines, lengths, texts, [stored(_by_token(array), self.form.dtype) for array in vectors])
            return
        kept = [array for array, out in zip(vectors, left_out, strict=True) if not out]
        pieces, sizes, masks = self._pieces(kept)
        if any(left_out):
            rows = np.flatnonzero(~np.array(left_out))
            sizes, masks = _spread(sizes, rows, count), _spread(masks, rows, count)
        entries = self._journal.entries(lines, lengths, list(map(len, texts)), sizes, masks)
        self._journal.append(entries, pieces, b"".join(texts), more=more)

    def finish(self) -> Finished:
        """Makes the file, or files, appear.

        Raises:
            OutputError: The disk is full; what was written stays, and a new writer goes on with it.
        """
        journal = self._journal
        if self._chunk is not None:
            self._chunk.finish()
        journal.commit()
        index = journal.read_index()
        kept = index["tokens"] != LEFT_OUT
        tokens = int(index["tokens"][kept].sum())
        attributes = {**self._attributes, "sentences": int(kept.sum()), "tokens": tokens}
        try:
            self._make(attributes)
        except OSError as error:
            raise journal.failure(error) from error
        journal.remove()
        return Finished(
            paths=self.paths,
            sentences=int(kept.sum()),
            tokens=tokens,
            file_bytes=sum(map(_size, self.paths)),
            left_out=int((~kept).sum()),
            attributes=attributes,
        )

    def discard(self) -> None:
        """Throws away what was written."""
        self._journal.remove()

    def close(self) -> None:
        """Brings to the disk what was written, and leaves it for the next writer."""
        if self._journal.closed:
            return
        try:
            self._journal.commit()
        finally:
            self._journal.close()

    def __enter__(self) -> "FeaturesWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        with suppress(OutputError):  # the error that is under way says what happened
            self.close()

    def _make(self, attributes: Mapping[str, Any]) -> None:
        form, journal = self.form, self._journal
        if form.format == "npy":
            finish_npy(journal, form, attributes)
            return
        if form.format == "parquet":
            finish_parquet(journal, form, attributes)
            return
        if form.format == "safetensors":
            finish_safetensors(journal, form, attributes)
        elif form.layout == "flat":
            finish_flat(journal, form, attributes)
        else:
            finish_sentences(journal, form, attributes)
        for number, path in enumerate(self.paths):
            (journal.folder / f"vectors-{number}").replace(path)
        flush(self.path.absolute().parent)

    def _check_shapes(self, vectors: Sequence[Vectors]) -> None:
        layers, width = self.form.layers, self.form.width
        for array in vectors:
            fits = array.ndim == 2 if layers is None else array.ndim == 3 and array.shape[0] == layers
            if not fits or array.shape[-1] != width:
                expected = f"(n, {width})" if layers is None else f"({layers}, n, {width})"
                raise ValueError(f"expected vectors of shape {expected}, found {array.shape}")

    def _pieces(self, vectors: Sequence[Vectors]) -> tuple[list[list[Any]], npt.NDArray, npt.NDArray]:
        """Arrays or buffers for every stream, and bytes and passed filters of each sentence in it."""
        if self.form.layout == "manylangs" and self.form.layers is not None:
            streams = [[array[number] for array in vectors] for number in range(self.form.layers)]
        elif self.form.layout == "flat":
            streams = [[_by_token(array) for array in vectors]]
        else:
            streams = [list(vectors)]
        masks = np.zeros((len(vectors), len(streams)), np.int64)
        sizes = np.zeros((len(vectors), len(streams)), np.int64)
        pieces: list[list[Any]] = []
        for number, arrays in enumerate(streams):
            if self._packer is not None:
                packed = [self._packed(array) for array in arrays]
                sizes[:, number], masks[:, number] = (
                    [len(content) for content, _ in packed],
                    [mask for _, mask in packed],
                )
                pieces.append([content for content, _ in packed])
            else:
                sizes[:, number] = [array.size * self.form.value_type.itemsize for array in arrays]
                pieces.append(arrays if self.form.dtype == "float32" else [stored(_joined(arrays), self.form.dtype)])
        return pieces, sizes, masks

    def _packed(self, array: Vectors) -> tuple[bytes, int]:
        assert self._packer is not None
        if not array.size:
            return b"", 0
        if array.size * self.form.value_type.itemsize > LARGEST_CHUNK:
            raise ConfigError(
                f"a sentence of {array.shape[-2]:,} tokens: HDF5 compresses at most {LARGEST_CHUNK:,} bytes of one",
                hint="leave --compression away, or choose --layout flat",
            )
        return self._packer.compress(stored(array, self.form.dtype))


def _by_token(array: Vectors) -> Vectors:
    return array if array.ndim == 2 else array.transpose(1, 0, 2)


def _joined(arrays: Sequence[npt.NDArray]) -> npt.NDArray:
    """Arrays one behind another, each in its own order, copied once."""
    joined = np.empty(sum(array.size for array in arrays), np.float32)
    place = 0
    for array in arrays:
        end = place + array.size
        joined[place:end].reshape(array.shape)[...] = array
        place = end
    return joined


def _spread(values: npt.NDArray, rows: npt.NDArray, count: int) -> npt.NDArray:
    whole = np.zeros((count, values.shape[1]), values.dtype)
    whole[rows] = values
    return whole


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
