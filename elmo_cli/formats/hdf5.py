"""Arrays out of HDF5 files that come from strangers.

HDF5 is not safe by itself. A link can lead to another file, a dataset can keep its values in another file (external
storage, virtual datasets), declare a shape that no storage stands behind, or be linked under many names; whoever reads
it gets the bytes of that other file, or runs out of memory. So reading goes by the expected names alone, through hard
links, to datasets stored in one piece in this very file, and compares type, shape and storage before it allocates.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5i, h5l, h5o, h5s, h5t

from elmo_cli.errors import ModelError
from elmo_cli.formats.content import Content, Source, size_of
from elmo_cli.formats.problems import require_none
from elmo_cli.formats.side_by_side import room_for

Shape = tuple[int | None, ...]
"""An expected shape; None is a length that the file decides."""

_LINKS = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "a link into another file"}
_LAYOUTS = {h5d.CHUNKED: "cut into chunks", h5d.VIRTUAL: "a virtual dataset over other files"}
_KINDS = {h5o.TYPE_GROUP: "a group", h5o.TYPE_DATASET: "a dataset"}
_DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # what h5py raises for files that are not sound


def read_datasets(path: Source, expected: Mapping[str, Shape], *, hint: str = "") -> dict[str, np.ndarray]:
    """The float32 arrays of exactly the expected names and shapes, read into :func:`.side_by_side.room_for` them.

    Args:
        path: The file, or its bytes out of an archive.
        expected: Shape of each dataset by its name, groups separated by ``/``.
        hint: What to try when the file is not as expected.

    Raises:
        ModelError: A dataset is missing, superfluous, of another type or shape, not stored plainly in this file, or
            holds NaN or infinity. All problems are listed, each with name, expected and found.
    """
    with open_foreign(path) as file, reading(path):
        found: dict[str, h5d.DatasetID] = {}
        problems: list[str] = []
        _walk(file.id, _tree(expected), "", found, problems)
        problems += [
            f"{name}: {wrong}" for name, dataset in found.items() if (wrong := _misfit(dataset, expected[name]))
        ]
        require_none(path, problems, hint=hint)
        size = size_of(path)
        claimed = sum(4 * math.prod(dataset.shape) for dataset in found.values())
        if claimed > size:
            require_none(path, [f"expected at most its own {size:,} bytes of values, found datasets of {claimed:,}"])
        arrays = room_for({name: dataset.shape for name, dataset in found.items()})
        for name, dataset in found.items():
            dataset.read(h5s.ALL, h5s.ALL, arrays[name])
    require_none(
        path, [f"{name}: {wrong}" for name, array in arrays.items() if (wrong := not_finite(array))], hint=hint
    )
    return arrays


def find_problems(path: Source, expected: Mapping[str, Shape]) -> tuple[list[str], dict[str, tuple[int, ...]]]:
    """All that :func:`read_datasets` would refuse a file for, found in one run; one dataset is in memory at a time.

    Returns:
        The problems, and the shapes of the datasets that are sound.

    Raises:
        ModelError: The file cannot be read at all.
    """
    problems: list[str] = []
    found: dict[str, h5d.DatasetID] = {}
    with open_foreign(path) as file, reading(path):
        _walk(file.id, _tree(expected), "", found, problems)
        misfits = {name: wrong for name, dataset in found.items() if (wrong := _misfit(dataset, expected[name]))}
        problems += [f"{name}: {wrong}" for name, wrong in misfits.items()]
        sound = {name: dataset for name, dataset in found.items() if name not in misfits}
        size, claimed = size_of(path), sum(4 * math.prod(dataset.shape) for dataset in sound.values())
        if claimed > size:
            problems.append(f"expected at most its own {size:,} bytes of values, found datasets of {claimed:,}")
        else:
            values = ((name, not_finite(_values(dataset))) for name, dataset in sound.items())
            problems += [f"{name}: {wrong}" for name, wrong in values if wrong]
        return problems, {name: dataset.shape for name, dataset in sound.items()}


def contains_group(path: Source, name: str) -> bool:
    """Whether hard links lead to a group of that name, ``/`` between its parts."""
    with open_foreign(path) as file, reading(path):
        group = file.id
        for part in name.encode().split(b"/"):
            if part not in set(group) or group.links.get_info(part).type != h5l.TYPE_HARD:
                return False
            if h5o.get_info(group, part).type != h5o.TYPE_GROUP:
                return False
            group = h5g.open(group, part)
    return True


def contains_name(path: Source, name: str) -> bool:
    """Whether the file has something of that name at its top, whatever it is and wherever it leads."""
    with open_foreign(path) as file, reading(path):
        return name.encode() in set(file.id)


def open_foreign(path: Source) -> h5py.File:
    """Opens an HDF5 file for reading; what it holds must still be checked, inside of :func:`reading`.

    Raises:
        ModelError: It is not there, or not HDF5.
    """
    if isinstance(path, Content):
        with reading(path):
            return h5py.File(path.open(), "r")
    if not path.is_file():
        raise ModelError(f"{path}: expected an HDF5 file, found {'a folder' if path.is_dir() else 'nothing'}")
    with reading(path):
        return h5py.File(path, "r", locking="best-effort")  # there are file systems without locks


@contextmanager
def reading(path: Source) -> Iterator[None]:
    """Takes what h5py raises for an unsound file to be just that.

    Raises:
        ModelError: The file turned out to be damaged.
    """
    try:
        yield
    except _DAMAGED as error:
        raise ModelError(
            f"{path}: not an HDF5 file, or damaged: {error}",
            hint="fetch it again, and compare its size with the source's",
        ) from error


def plain_dataset(group: h5g.GroupID, name: bytes) -> h5d.DatasetID | str:
    """The dataset of that name in ``group``, or in words, why it is none that is stored plainly in this file."""
    if wrong := _wrong_link(group, name, h5o.TYPE_DATASET):
        return wrong
    dataset = h5d.open(group, name)
    # Creation properties first: asking a virtual dataset for its shape would already open the files that it names.
    properties = dataset.get_create_plist()
    layout = properties.get_layout()
    if layout not in (h5d.CONTIGUOUS, h5d.COMPACT):
        return f"expected values stored in one piece, found {_LAYOUTS.get(layout, 'an unknown layout')}"
    if properties.get_external_count():
        return "expected values stored in this file, found external storage in another one"
    return dataset


def type_name(dataset: h5d.DatasetID) -> str:
    """NumPy's name for the numbers in a dataset, byte order aside; ``another type`` if they are none that it knows."""
    try:
        number = dataset.get_type()
        if isinstance(number, h5t.TypeFloatID | h5t.TypeIntegerID):
            return number.dtype.newbyteorder("=").name
    except _DAMAGED:
        pass  # a number format that NumPy has no name for
    return "another type"


def wrong_storage(dataset: h5d.DatasetID) -> str:
    """What is wrong with the storage of a plain dataset: as many bytes as its shape declares must be in the file."""
    stored, declared = dataset.get_storage_size(), math.prod(dataset.shape) * dataset.get_type().get_size()
    if stored != declared:
        return f"expected {declared:,} bytes of values, found {stored:,} stored"
    whole = h5i.get_file_id(dataset).get_filesize()
    return "" if declared <= whole else f"expected at most the file's {whole:,} bytes of values, found {declared:,}"


def _walk(group: Any, tree: dict[str, Any], prefix: str, found: dict[str, h5d.DatasetID], problems: list[str]) -> None:
    present = set(group)
    wanted = {name.encode() for name in tree}
    for extra in sorted(present - wanted):
        shown = prefix + extra.decode(errors="backslashreplace")
        problems.append(
            f"{shown}: superfluous: the options do not mention it, and other loaders would drop it silently"
        )
    for name, below in tree.items():
        place, key = prefix + name, name.encode()
        if key not in present:
            problems += [f"{place}{leaf}: missing, expected float32 {shape}" for leaf, shape in _leaves(below)]
        elif isinstance(below, dict):
            if wrong := _wrong_link(group, key, h5o.TYPE_GROUP):
                problems.append(f"{place}: {wrong}")
            else:
                _walk(h5g.open(group, key), below, f"{place}/", found, problems)
        elif isinstance(dataset := plain_dataset(group, key), str):
            problems.append(f"{place}: {dataset}")
        else:
            found[place] = dataset


def _wrong_link(group: Any, name: bytes, kind: int) -> str:
    link = group.links.get_info(name).type
    if link != h5l.TYPE_HARD:
        return f"expected {_KINDS[kind]} in this file, found {_LINKS.get(link, 'a link of unknown type')}"
    found = h5o.get_info(group, name).type
    return "" if found == kind else f"expected {_KINDS[kind]}, found {_KINDS.get(found, 'neither group nor dataset')}"


def _misfit(dataset: h5d.DatasetID, expected: Shape) -> str:
    kind, shape = type_name(dataset), dataset.shape
    fits = len(shape) == len(expected) and all(
        have == want if want is not None else have > 0 for want, have in zip(expected, shape, strict=True)
    )
    if kind != "float32" or not fits:
        return f"expected float32 {shown_shape(expected)}, found {kind} {shown_shape(shape)}"
    return wrong_storage(dataset)


def _values(dataset: h5d.DatasetID) -> np.ndarray:
    array = np.empty(dataset.shape, np.float32)
    dataset.read(h5s.ALL, h5s.ALL, array)
    return array


def not_finite(array: np.ndarray) -> str:
    """What is wrong with the numbers of an array: NaN and infinity; empty when there are none."""
    # The extremes are NaN if anything is, and need no second array the size of a softmax.
    if np.isfinite(array.min()) and np.isfinite(array.max()):
        return ""
    return f"expected finite numbers, found {np.count_nonzero(~np.isfinite(array)):,} NaN or infinite of {array.size:,}"


def _tree(expected: Mapping[str, Shape]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, shape in expected.items():
        *groups, leaf = name.split("/")
        inner = tree
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[leaf] = shape
    return tree


def _leaves(below: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(below, dict):
        yield "", shown_shape(below)
        return
    for name, inner in below.items():
        yield from ((f"/{name}{leaf}", shape) for leaf, shape in _leaves(inner))


def shown_shape(shape: Shape) -> str:
    """A shape as messages have it, such as ``(any, 512)``."""
    return "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"
