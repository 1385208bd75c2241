"""The content of layout ``flat`` outside of HDF5: a folder of npy files, safetensors, Parquet.

Strings are two arrays: ``token_bytes`` has the UTF-8 of all tokens, ``token_ends`` where each one ends in it; so have
``sentence_bytes`` and ``key_bytes`` where there are sentences and keys.
"""

import importlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from struct import pack
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from elmo_cli.errors import ElmoError
from elmo_cli.files import flush, whole_file, whole_folder
from elmo_cli.formats.feature_flat import encoded, offsets, texts
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_journal import ROOM, Journal

ROW_GROUP_BYTES = 1 << 26
"""Bytes of vectors that Parquet keeps together."""
_STRINGS = ("token", "sentence", "key")


def finish_npy(journal: Journal, form: FeatureForm, attributes: Mapping[str, Any]) -> None:
    """Makes a folder: ``vectors.npy``, ``offsets.npy``, ``lines.npy``, the strings, and ``attributes.json``.

    Raises:
        OutputError: It cannot be written.
    """
    index = journal.read_index()
    vectors = journal.folder / "vectors-0"
    with whole_folder(journal.path) as folder, _columns(journal, index) as columns:
        for name, (file, dtype) in columns.items():
            with (folder / f"{name}.npy").open("wb") as out:
                out.write(_npy_head(dtype, (_length(file, dtype),), 128))
                shutil.copyfileobj(file, out)
        with vectors.open("r+b") as head:
            head.write(_npy_head(form.value_type, (int(offsets(index)[-1]), *form.row_shape), ROOM))
        text = json.dumps(dict(attributes), indent=2, ensure_ascii=False) + "\n"
        (folder / "attributes.json").write_text(text, encoding="utf-8")
        _share(vectors, folder / "vectors.npy")


def _share(file: Path, other: Path) -> None:
    """Gives a file another name, and leaves it the first one, where the disk can, until the folder is in its place."""
    try:
        other.hardlink_to(file)
    except OSError:
        file.rename(other)


def finish_safetensors(journal: Journal, form: FeatureForm, attributes: Mapping[str, Any]) -> None:
    """Makes a safetensors file of the same arrays; attributes are its metadata, as JSON under ``elmo``.

    Raises:
        OSError: It cannot be written.
    """
    index = journal.read_index()
    tokens = int(offsets(index)[-1])
    place = journal.folder / "vectors-0"
    end = tokens * form.token_bytes
    kinds = {"<f4": "F32", "<f2": "F16", "<i8": "I64", "|u1": "U8"}
    heads: dict[str, Any] = {"__metadata__": {"elmo": json.dumps(dict(attributes))}}
    shape = [tokens, *form.row_shape]
    heads["vectors"] = {"dtype": kinds[form.value_type.str], "shape": shape, "data_offsets": [0, end]}
    with place.open("r+b") as out, _columns(journal, index) as columns:
        out.seek(0, 2)
        # Wide numbers first, so that all of them stand where their width divides the place.
        for name, (file, dtype) in sorted(columns.items(), key=lambda item: -item[1][1].itemsize):
            length = _length(file, dtype)
            begin, end = end, end + length * dtype.itemsize
            heads[name] = {"dtype": kinds[dtype.str], "shape": [length], "data_offsets": [begin, end]}
            shutil.copyfileobj(file, out)
        text = json.dumps(heads).encode()
        assert len(text) <= ROOM - 8, f"{len(text)} bytes of header"
        out.seek(0)
        out.write(pack("<Q", ROOM - 8) + text.ljust(ROOM - 8))
    flush(place)


def finish_parquet(journal: Journal, form: FeatureForm, attributes: Mapping[str, Any]) -> None:
    """Makes a Parquet file with a row for each sentence: its line, sentence, key, tokens and vectors.

    Raises:
        ElmoError: pyarrow is not installed.
        OutputError: It cannot be written.
    """
    arrow, parquet = pyarrow("pyarrow"), pyarrow("pyarrow.parquet")
    index = journal.read_index()
    starts = offsets(index)
    number = arrow.float16() if form.value_type.itemsize == 2 else arrow.float32()
    per_token = form.token_bytes // form.value_type.itemsize
    fields = [("line", arrow.int64()), ("sentence", arrow.string()), ("key", arrow.string())]
    fields += [("tokens", arrow.list_(arrow.string())), ("vectors", arrow.list_(arrow.list_(number, per_token)))]
    notes = {"elmo": json.dumps({**attributes, "row_shape": form.row_shape}, ensure_ascii=False)}
    schema = arrow.schema(fields, metadata=notes)
    vectors = _mapped(journal.folder / "vectors-0", form, int(starts[-1]))
    packing = {"compression": form.compression or "none", "use_dictionary": False, "write_statistics": False}
    with whole_file(journal.path) as partial, parquet.ParquetWriter(partial, schema, **packing) as writer:
        done = 0
        for block in texts(journal, index):
            for begin, end in _runs(starts[done : done + len(block.lines) + 1], form.token_bytes):
                bounds = starts[done + begin : done + end + 1]
                flat = arrow.array(vectors[bounds[0] : bounds[-1]].reshape(-1), number)
                rows = arrow.FixedSizeListArray.from_arrays(flat, per_token)
                lengths = arrow.array((bounds - bounds[0]).astype(np.int32))
                columns = [
                    arrow.array(block.lines[begin:end], arrow.int64()),
                    arrow.array(block.sentences[begin:end], arrow.string()),
                    arrow.array(block.keys[begin:end], arrow.string()),
                    arrow.array(block.tokens[begin:end], arrow.list_(arrow.string())),
                    arrow.ListArray.from_arrays(lengths, rows),
                ]
                writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
            done += len(block.lines)


def pyarrow(module: str) -> Any:
    """A module of pyarrow.

    Raises:
        ElmoError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ElmoError(
            "Parquet files need the package pyarrow, which is not installed",
            hint="pip install 'elmo-cli[parquet]'; or choose --format hdf5, npy or safetensors",
        ) from error


def _runs(starts: npt.NDArray, token_bytes: int) -> Iterator[tuple[int, int]]:
    """Sentences whose vectors go into one row group."""
    begin = 0
    for end in range(1, len(starts)):
        if end == len(starts) - 1 or (starts[end + 1] - starts[begin]) * token_bytes > ROW_GROUP_BYTES:
            yield begin, end
            begin = end


def _mapped(path: Path, form: FeatureForm, tokens: int) -> npt.NDArray:
    shape = (tokens, *form.row_shape)
    if not tokens:
        return np.empty(shape, form.value_type)
    return np.memmap(path, form.value_type, "r", offset=ROOM, shape=shape)


@contextmanager
def _columns(journal: Journal, index: npt.NDArray) -> Iterator[dict[str, tuple[IO[bytes], np.dtype]]]:
    """All that stands beside the vectors, each at the beginning of a file that goes away."""
    with ExitStack() as stack:
        files: dict[str, tuple[IO[bytes], np.dtype]] = {}
        for name in ("offsets", "lines", *(f"{kind}_{part}" for kind in _STRINGS for part in ("ends", "bytes"))):
            file = stack.enter_context(tempfile.TemporaryFile(dir=journal.folder))
            files[name] = file, np.dtype("|u1" if name.endswith("_bytes") else "<i8")
        files["offsets"][0].write(offsets(index).tobytes())
        ends, given = dict.fromkeys(_STRINGS, 0), {"token"}
        for block in texts(journal, index):
            files["lines"][0].write(np.ascontiguousarray(block.lines).tobytes())
            columns = {"token": list(chain.from_iterable(block.tokens)), "sentence": block.sentences, "key": block.keys}
            for kind, strings in columns.items():
                contents = encoded(strings)
                places = ends[kind] + np.cumsum(list(map(len, contents)), dtype="<i8")
                files[f"{kind}_ends"][0].write(places.tobytes())
                files[f"{kind}_bytes"][0].write(b"".join(contents))
                if len(places) and places[-1] > 0:
                    ends[kind] = int(places[-1])
                    given.add(kind)
        for kind in set(_STRINGS) - given:
            del files[f"{kind}_ends"], files[f"{kind}_bytes"]
        for column, _ in files.values():
            column.seek(0)
        yield files


def _length(file: IO[bytes], dtype: np.dtype) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size // dtype.itemsize


def _npy_head(dtype: np.dtype, shape: tuple[int, ...], size: int) -> bytes:
    """The first bytes of an npy file, so many of them."""
    text = repr({"descr": dtype.str, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + pack("<H", size - 10) + text.ljust(size - 11) + b"\n"
