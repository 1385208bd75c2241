"""Files with one array of all tokens, layout ``flat``: HDF5, a folder of npy files, safetensors."""

import json
from abc import abstractmethod
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5d
from safetensors import SafetensorError, safe_open

from elmo_cli.errors import ModelError
from elmo_cli.formats import hdf5
from elmo_cli.formats.feature_file import FeatureFile, SentencePositions, check_lines, check_offsets, damaged
from elmo_cli.formats.hdf5_values import float_type, open_dataset

_DTYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8", "U8": "|u1"}
_KINDS = ("sentence", "key")


class FlatFeatures(FeatureFile):
    """Tokens in a row: what those of a sentence are, its offsets say.

    Attributes:
        vectors: (tokens, layers, width) or (tokens, width), of all sentences; mapped into memory where they are not
            compressed, and read when they are looked at.
        offsets: Where the tokens of each sentence begin, and where the last one ends.
    """

    vectors: Any
    offsets: npt.NDArray[np.int64]

    def _check(self) -> None:
        """Compares the arrays with each other."""
        if len(self.vectors.shape) not in (2, 3):
            raise damaged(self.path, f"vectors: expected 2 or 3 axes, found {len(self.vectors.shape)}")
        check_lines(self.path, self.lines)
        check_offsets(self.path, self.offsets, self.vectors.shape[0], len(self.lines))
        self._positions = SentencePositions(self)

    def read(self, position: int) -> npt.NDArray:
        """The vectors of the sentence at a position."""
        with hdf5.reading(self.path):
            rows = np.asarray(self.vectors[self.offsets[position] : self.offsets[position + 1]])
        return rows if rows.ndim == 2 else rows.transpose(1, 0, 2)

    def tokens(self, position: int) -> list[str]:
        """The tokens of a sentence."""
        position = self._position(position)
        return self._strings("token", int(self.offsets[position]), int(self.offsets[position + 1]))

    def sentence(self, position: int) -> str:
        """The text of a sentence."""
        if "sentence" not in self._given:
            return super().sentence(position)
        position = self._position(position)
        return self._strings("sentence", position, position + 1)[0]

    def key(self, position: int) -> str:
        """The identifier of a sentence; empty where it has none."""
        position = self._position(position)
        return self._strings("key", position, position + 1)[0] if "key" in self._given else ""

    def find(self, sentence: str) -> int:
        """The position of a sentence by its text."""
        return self._positions.find(sentence)

    _given: set[str]

    @abstractmethod
    def _strings(self, kind: str, begin: int, end: int) -> list[str]:
        """Strings of the file."""


class FlatHdf5(FlatFeatures):
    """Layout ``flat`` in HDF5."""

    def __init__(self, path: Path, file: h5py.File, attributes: dict[str, Any]) -> None:
        self.path, self._file, self.attributes = path, file, attributes
        with hdf5.reading(path):
            names = set(file.id)
            missing = {b"vectors", b"offsets", b"lines", b"tokens"} - names
            if missing:
                raise damaged(path, f"expected a dataset {min(missing).decode()!r} in layout flat, found none")
            self._sets = {
                kind: h5py.Dataset(open_dataset(path, file.id, name))
                for kind, name in (("token", b"tokens"), ("sentence", b"sentences"), ("key", b"keys"))
                if name in names
            }
            self._given = set(self._sets)
            self.offsets = h5py.Dataset(open_dataset(path, file.id, b"offsets"))[...]
            self.lines = h5py.Dataset(open_dataset(path, file.id, b"lines"))[...]
            self.vectors = self._open_vectors()
        self._check()
        for kind, dataset in self._sets.items():
            count = len(self.lines) if kind != "token" else int(self.offsets[-1])
            if dataset.shape != (count,) or h5py.check_string_dtype(dataset.dtype) is None:
                expected = f"expected {count:,} strings, found {dataset.dtype} {dataset.shape}"
                raise damaged(path, f"{kind}s: {expected}")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _open_vectors(self) -> Any:
        dataset = open_dataset(self.path, self._file.id, b"vectors")
        dtype = float_type(self.path, dataset, "vectors")
        place = dataset.get_offset()
        plain = dataset.get_create_plist().get_layout() == h5d.CONTIGUOUS
        if plain and place is not None and 0 not in dataset.shape:
            dtype = np.dtype(dataset.get_type().dtype)
            return np.memmap(self.path, dtype, "r", offset=place, shape=dataset.shape)
        return h5py.Dataset(dataset)

    def _strings(self, kind: str, begin: int, end: int) -> list[str]:
        with hdf5.reading(self.path):
            return [text.decode("utf-8", "surrogatepass") for text in self._sets[kind][begin:end]]


class FlatArrays(FlatFeatures):
    """Layout ``flat`` as arrays that are mapped into memory."""

    def __init__(self, path: Path, arrays: dict[str, npt.NDArray], attributes: dict[str, Any]) -> None:
        self.path, self.attributes = path, attributes
        for name in ("vectors", "offsets", "lines", "token_ends", "token_bytes"):
            if name not in arrays:
                raise damaged(path, f"expected an array {name!r} in layout flat, found none")
        self.vectors, self.offsets, self.lines = arrays["vectors"], arrays["offsets"], arrays["lines"]
        if self.vectors.dtype.kind != "f":
            raise damaged(path, f"vectors: expected floating-point numbers, found {self.vectors.dtype}")
        self._arrays = arrays
        self._check()
        self._given = {kind for kind in _KINDS if f"{kind}_ends" in arrays}
        for kind in ("token", *self._given):
            count = len(self.lines) if kind != "token" else int(self.offsets[-1])
            letters = self._array(f"{kind}_bytes")
            if letters.dtype != np.uint8 or letters.ndim != 1:
                raise damaged(path, f"{kind}_bytes: expected bytes, found {letters.dtype} {letters.shape}")
            with_begin = np.concatenate([np.zeros(1, np.int64), self._array(f"{kind}_ends")])
            check_offsets(path, with_begin, len(letters), count)

    def close(self) -> None:
        """Lets go of the arrays; those that were given stay readable."""
        self._arrays = {}
        self.vectors = self.vectors[:0]

    def _array(self, name: str) -> npt.NDArray:
        if name not in self._arrays:
            raise damaged(self.path, f"expected an array {name!r}, found none")
        return self._arrays[name]

    def _strings(self, kind: str, begin: int, end: int) -> list[str]:
        ends, letters = self._array(f"{kind}_ends"), self._array(f"{kind}_bytes")
        first = int(ends[begin - 1]) if begin else 0
        bounds = [first, *ends[begin:end].tolist()]
        content = letters[first : bounds[-1]].tobytes()
        return [
            content[left - first : right - first].decode("utf-8", "surrogatepass") for left, right in pairwise(bounds)
        ]


def open_npy_folder(path: Path) -> FlatArrays:
    """The folder of npy files that :func:`.feature_containers.finish_npy` makes.

    Raises:
        ModelError: A file is missing or damaged.
    """
    arrays: dict[str, npt.NDArray] = {}
    for file in sorted(path.glob("*.npy")):
        try:
            arrays[file.stem] = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            try:
                arrays[file.stem] = np.load(file, allow_pickle=False)  # what is empty cannot be mapped
            except (OSError, ValueError, EOFError):
                raise damaged(file, f"expected an npy array, found another content: {error}") from error
    try:
        attributes = json.loads((path / "attributes.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        attributes = {}
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path / "attributes.json", f"expected a JSON object, found another content: {error}") from error
    if not isinstance(attributes, dict):
        raise damaged(path / "attributes.json", f"expected a JSON object, found {type(attributes).__name__}")
    return FlatArrays(path, arrays, attributes)


def open_safetensors(path: Path) -> FlatArrays:
    """The file that :func:`.feature_containers.finish_safetensors` makes.

    Raises:
        ModelError: It is damaged, or holds something else.
    """
    try:
        with safe_open(path, framework="np"):  # compares the header with the file
            pass
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a safetensors file, or damaged: {error}") from error
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        heads = json.loads(file.read(size))
    try:
        attributes = json.loads(heads.pop("__metadata__", {}).get("elmo", "{}"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"metadata elmo: expected a JSON object, found another content: {error}") from error
    if not isinstance(attributes, dict):
        raise damaged(path, f"metadata elmo: expected a JSON object, found {type(attributes).__name__}")
    arrays: dict[str, npt.NDArray] = {}
    for name, head in heads.items():
        if head["dtype"] not in _DTYPES:
            continue
        begin, end = head["data_offsets"]
        if begin == end:
            arrays[name] = np.empty(head["shape"], _DTYPES[head["dtype"]])
        else:
            place = 8 + size + begin
            arrays[name] = np.memmap(path, _DTYPES[head["dtype"]], "r", offset=place, shape=tuple(head["shape"]))
    return FlatArrays(path, arrays, attributes)
