"""Vectors of sentences in HDF5, in the layout of AllenNLP's ``elmo`` command.

One dataset per sentence: its key is the line number as a decimal string, its shape (L, n, E), or (n, E) for one layer,
float32. ``sentence_to_index`` holds one string, a JSON object from each sentence to its key; of a sentence that occurs
twice it has the last. Keys sort as strings in the file ("10" before "9"), so reading here goes by number.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from elmo_cli.errors import ModelError, OutputError
from elmo_cli.formats import hdf5
from elmo_cli.formats.whole_hdf5 import whole_hdf5

FORMAT = {"format": "allennlp", "format_version": 1}
"""Attributes that every file of ours carries. Files by AllenNLP itself have none."""
SENTENCES = "sentence_to_index"
LARGEST_MAP = 2**32 - 1
"""Bytes of JSON that ``sentence_to_index`` can have: HDF5 counts the length of a string in four bytes."""
_NUMBER = re.compile(rb"0|[1-9][0-9]{0,17}")


class FeatureWriter:
    """Writes the vectors of sentences, in any order, to a file that appears when the ``with`` block ends well.

    Vectors go to disk at once. The map of sentences, where they are given, is kept until the end, because the layout
    wants it as one string: about 120 bytes and the text itself per distinct sentence, and for a moment at the end three
    to four times the text more. Leave the sentences away for memory that does not grow.

    Args:
        path: Where the file shall appear.
        attributes: What describes the vectors, kept as attributes of the file: layers, dtype, state policy, model hash,
            tool version.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: There is such a file already, or the place cannot be written to, or the disk is full.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "vectors.hdf5"
        >>> with FeatureWriter(path, attributes={"layers": "all"}) as features:
        ...     features.write(0, np.zeros((3, 2, 8), np.float32), sentence="Hello world")
        >>> with read_features(path) as features:
        ...     [(index, vectors_LTE.shape) for index, vectors_LTE in features]
        [(0, (3, 2, 8))]
    """

    def __init__(
        self, path: Path, *, attributes: Mapping[str, str | int | float | bool], overwrite: bool = False
    ) -> None:
        if path.is_dir():
            raise OutputError(f"{path}: expected a place for a file, found a folder", hint=f"--out {path}/vectors.hdf5")
        if path.exists() and not overwrite:
            raise OutputError(f"{path}: there is such a file already", hint="choose another name, or give --overwrite")
        self.path = path
        self.attributes = {**FORMAT, **attributes}
        self._sentences: dict[str, int] = {}
        self._map_bytes = 0

    def __enter__(self) -> "FeatureWriter":
        with ExitStack() as stack:
            self._output = stack.enter_context(whole_hdf5(self.path))
            stack.push(self._finish)
            self._output.file.attrs.update(self.attributes)
            # h5py's create_dataset writes some 4,000 small datasets a second, its low-level interface 15,000.
            self._properties = h5p.create(h5p.DATASET_CREATE)
            self._properties.set_obj_track_times(False)
            self._stack = stack.pop_all()
        return self

    def write(self, index: int, vectors: np.ndarray, *, sentence: str | None = None) -> None:
        """Writes one sentence.

        Args:
            index: Its number, which becomes its key.
            vectors: float32, (L, n, E) or (n, E); n may be 0.
            sentence: Its text, for the map from sentences to keys.
        """
        assert vectors.dtype == np.float32, f"vectors are {vectors.dtype}"
        if sentence is not None:
            self._remember(sentence, index)
        space = h5s.create_simple(vectors.shape)
        dataset = h5d.create(self._output.file.id, b"%d" % index, h5t.IEEE_F32LE, space, self._properties)
        if vectors.size:
            dataset.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(vectors))
        self._output.check()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _remember(self, sentence: str, index: int) -> None:
        if sentence not in self._sentences:
            self._map_bytes += len(json.dumps(sentence)) + len(f': "{index}", ')
            if self._map_bytes > LARGEST_MAP:
                raise OutputError(
                    f"{self.path}: {SENTENCES} can have {LARGEST_MAP:,} bytes, and the text is longer",
                    hint="embed the text in parts",
                )
        self._sentences[sentence] = max(index, self._sentences.get(sentence, index))

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._sentences:
            # A plain mapping and ASCII, as AllenNLP's own files have it.
            pairs = (f'{json.dumps(sentence)}: "{index}"' for sentence, index in self._sentences.items())
            text = "{" + ", ".join(pairs) + "}"
            dataset = self._output.file.create_dataset(SENTENCES, (1,), dtype=h5py.string_dtype())
            dataset[0] = text


class FeatureReader:
    """Vectors of sentences, read one by one when they are asked for. See :func:`read_features`."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        with hdf5.reading(path):
            self.attributes: dict[str, Any] = {name: _plain(value) for name, value in file.attrs.items()}
            """What the writer noted; empty for files by AllenNLP."""
            names = list(file.id)
        others = [name for name in names if not _NUMBER.fullmatch(name) and name != SENTENCES.encode()]
        if others:
            raise ModelError(
                f"{path}: expected sentences under numbers, found {others[0].decode(errors='backslashreplace')!r}",
                hint="old files have the sentences themselves as keys; read those with h5py",
            )
        self.indexes = np.sort(np.array([int(name) for name in names if _NUMBER.fullmatch(name)], np.int64))
        """The numbers of the sentences, rising."""

    def __len__(self) -> int:
        return len(self.indexes)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        for index in self.indexes.tolist():
            yield index, self[index]

    def __getitem__(self, index: int) -> np.ndarray:
        """Vectors of the sentence with that number, (L, n, E) or (n, E)."""
        name = b"%d" % index
        if name not in self._file.id:
            raise KeyError(f"{self.path} has no sentence {index}")
        with hdf5.reading(self.path):
            dataset = self._plain_dataset(name)
            if not (kind := hdf5.type_name(dataset)).startswith("float"):
                raise ModelError(f"{self.path}: {index}: expected floating-point numbers, found {kind}")
            if wrong := hdf5.wrong_storage(dataset):
                raise ModelError(f"{self.path}: {index}: {wrong}")
            return h5py.Dataset(dataset)[...]

    def sentences(self) -> dict[str, int]:
        """Number of each sentence by its text, of the last one where it occurs twice; empty if the file has no map."""
        name = SENTENCES.encode()
        if name not in self._file.id:
            return {}
        with hdf5.reading(self.path):
            values = h5py.Dataset(self._plain_dataset(name))
            if values.shape != (1,) or h5py.check_string_dtype(values.dtype) is None:
                raise ModelError(f"{self.path}: {SENTENCES}: expected one string, found {values.dtype} {values.shape}")
            text = values[0]
        try:
            return {sentence: int(index) for sentence, index in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{self.path}: {SENTENCES}: expected a JSON object of numbers: {error}") from error

    def _plain_dataset(self, name: bytes) -> h5d.DatasetID:
        dataset = hdf5.plain_dataset(self._file.id, name)
        if isinstance(dataset, str):
            raise ModelError(f"{self.path}: {name.decode()}: {dataset}")
        return dataset

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> "FeatureReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_features(path: Path) -> FeatureReader:
    """Opens vectors in AllenNLP's layout, by AllenNLP or by us; a context manager.

    Iterating gives (index, vectors) in the order of the numbers, and ``features[7]`` the vectors of line 7.

    Raises:
        ModelError: It is no HDF5 file, or has sentences under other keys than numbers.
    """
    file = hdf5.open_foreign(path)
    try:
        return FeatureReader(path, file)
    except ModelError:
        file.close()
        raise


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
