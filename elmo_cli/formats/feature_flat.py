"""Vectors as one array of all tokens, layout ``flat``: what stands beside them, in HDF5."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from struct import pack
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from elmo_cli.formats import hdf5_bytes as hdf5
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_journal import ROOM, Journal
from elmo_cli.formats.feature_values import Compressor
from elmo_cli.formats.hdf5_tail import Hdf5Tail

_CHUNK_K = 32


@dataclass(frozen=True)
class Texts:
    """What some sentences consist of, in their order."""

    lines: npt.NDArray
    tokens: list[list[str]]
    sentences: list[str]
    """Empty where there is none."""
    keys: list[str]


def texts(journal: Journal, index: npt.NDArray) -> Iterator[Texts]:
    """The sentences of a journal, a block at a time."""
    for entries, contents in journal.blocks(index):
        rows = json.loads(b"[" + b",".join(contents) + b"]")
        yield Texts(
            entries["line"],
            [row[2] for row in rows],
            [row[0] or "" for row in rows],
            [row[1] or "" for row in rows],
        )


def encoded(strings: Sequence[str]) -> list[bytes]:
    """Strings in UTF-8; what no UTF-8 has, halves of UTF-16 pairs, as if it were a letter."""
    try:
        return list(map(str.encode, strings))
    except UnicodeEncodeError:
        return [string.encode("utf-8", "surrogatepass") for string in strings]


def offsets(index: npt.NDArray) -> npt.NDArray:
    """Where the tokens of each sentence begin, and where the last one ends."""
    return np.concatenate([np.zeros(1, "<i8"), np.cumsum(index["tokens"], dtype="<i8")])


def finish_flat(journal: Journal, form: FeatureForm, attributes: Mapping[str, Any]) -> None:
    """Puts what HDF5 needs around the vectors of a journal.

    The file has ``vectors`` (tokens, layers, width) or (tokens, width), ``offsets`` (sentences + 1), ``lines``,
    ``tokens`` (strings), and, where they were given, ``sentences`` and ``keys``.

    Raises:
        OSError: It cannot be written.
    """
    index = journal.read_index()
    starts = offsets(index)
    with Hdf5Tail(journal.folder / "vectors-0") as tail:
        names = {b"vectors": _vectors(tail, journal, form, int(starts[-1]))}
        names[b"offsets"] = tail.numbers(starts)
        names[b"lines"] = tail.numbers(np.ascontiguousarray(index["line"]))
        names |= _strings(tail, journal, index)
        tail.finish(names, attributes, chunk_k=_CHUNK_K)


def _vectors(tail: Hdf5Tail, journal: Journal, form: FeatureForm, tokens: int) -> int:
    shape, item = (tokens, *form.row_shape), form.value_type.itemsize
    datatype = hdf5.number_type(form.value_type)
    if form.compression is None:
        return tail.put(hdf5.plain_header(shape, datatype, ROOM, item))
    chunks = journal.read_chunks()
    ends = np.concatenate([np.full(1, ROOM, np.int64), chunks["end"]])
    chunk = (form.chunk_tokens, *form.row_shape)
    beside = [0] * len(shape)
    keys = [
        pack(f"<II{len(shape) + 1}Q", size, mask, number * form.chunk_tokens, *beside)
        for number, (size, mask) in enumerate(zip(np.diff(ends).tolist(), chunks["mask"].tolist(), strict=True))
    ]
    keys.append(pack(f"<II{len(shape) + 1}Q", 0, 0, len(chunks) * form.chunk_tokens, *form.row_shape, item))
    tree = hdf5.UNDEFINED
    if len(chunks):
        bounds = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1)
        address = tail.end + -tail.end % 8
        content, tree = hdf5.tree_bytes(bounds, ends[:-1], address, kind=1, k=_CHUNK_K)
        tail.put(content)
    filters = Compressor(form).filters(form.token_bytes * form.chunk_tokens)
    return tail.put(hdf5.chunked_header(shape, chunk, datatype, item, tree, filters))


def _strings(tail: Hdf5Tail, journal: Journal, index: npt.NDArray) -> dict[bytes, int]:
    """Writes the strings and, behind all of them, the datasets that refer to them."""
    with ExitStack() as stack:
        names = (b"tokens", b"sentences", b"keys")
        files = {name: stack.enter_context(tempfile.TemporaryFile(dir=journal.folder)) for name in names}
        given = {b"tokens"}
        for block in texts(journal, index):
            columns = (list(chain.from_iterable(block.tokens)), block.sentences, block.keys)
            for name, strings in zip(names, columns, strict=True):
                if any(strings):
                    given.add(name)
                files[name].write(tail.strings(encoded(strings)).tobytes())
        return {name: _dataset(tail, file) for name, file in files.items() if name in given}


def _dataset(tail: Hdf5Tail, file: IO[bytes]) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    address = tail.put(b"")
    while content := file.read(1 << 20):
        tail.append(content)
    return tail.reference_header(address, size // hdf5.REFERENCE.itemsize)
