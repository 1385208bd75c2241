"""Numbers and strings out of datasets of HDF5 files that come from strangers, chunks and compression included."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from h5py import h5d, h5g, h5i, h5l, h5s, h5t, h5z

from elmo_cli.formats import hdf5
from elmo_cli.formats.feature_file import damaged

_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, 32000}
"""Those that can be told how much they make out of a byte; the last is lzf."""
_LARGEST_RATIO = 1100
"""No byte of gzip becomes more."""
_SLACK = 1 << 16
_FIELDS = {2: (15, 10, 5, 0, 10), 4: (31, 23, 8, 0, 23), 8: (63, 52, 11, 0, 52)}
"""Sign, exponent and mantissa of the floats that NumPy has, by their size."""
_REFERENCE = 16
"""Bytes in the file of a string of any length: what leads to it."""


def open_dataset(path: Path, group: h5g.GroupID, name: bytes) -> h5d.DatasetID:
    """A dataset whose values are all in this file, and are as many as it declares.

    Raises:
        ModelError: There is none of that name, or it is not such a one.
    """
    shown = name.decode(errors="backslashreplace")
    dataset = _linked(path, group, name)
    properties = dataset.get_create_plist()
    layout = properties.get_layout()
    if layout == h5d.VIRTUAL or properties.get_external_count():
        raise damaged(path, f"{shown}: expected values in this file, found them in another one")
    kind = dataset.get_type()
    strings = isinstance(kind, h5t.TypeStringID) and kind.is_variable_str()
    item = _REFERENCE if strings else kind.get_size()
    stored, values = dataset.get_storage_size(), math.prod(dataset.shape)
    if layout != h5d.CHUNKED and not strings:
        # What is small needs no look at the file's size, which would cost more than reading it.
        if (stored != item * values or stored > _SLACK) and (wrong := hdf5.wrong_storage(dataset)):
            raise damaged(path, f"{shown}: {wrong}")
        return dataset
    used = {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}
    if used - _FILTERS:
        raise damaged(path, f"{shown}: expected gzip or lzf, found HDF5's filter {min(used - _FILTERS)}")
    declared = item * (max(values, math.prod(properties.get_chunk())) if layout == h5d.CHUNKED else values)
    whole = h5i.get_file_id(dataset).get_filesize()
    if stored > whole or declared > _LARGEST_RATIO * stored + _SLACK:
        raise damaged(path, f"{shown}: expected {declared:,} bytes of values, found {stored:,} stored")
    return dataset


def mapped_floats(path: Path, group: h5g.GroupID, name: bytes, mapped: npt.NDArray[np.uint8]) -> npt.NDArray:
    """All numbers of a dataset of floats. What lies in one piece is copied out of the mapped file, without HDF5.

    Raises:
        ModelError: There is none of that name, or it is not such a one.
    """
    dataset = _linked(path, group, name)
    kind, place = dataset.get_type(), dataset.get_offset()
    # Only values in one piece in this very file have a place: neither chunks nor external nor virtual ones do.
    if (
        place is None
        or not isinstance(kind, h5t.TypeFloatID)
        or _FIELDS.get(size := kind.get_size()) != kind.get_fields()
    ):
        return floats(path, open_dataset(path, group, name), name.decode(errors="backslashreplace"))
    shape = dataset.shape
    end = place + size * math.prod(shape)
    if end > len(mapped) or end - place != dataset.get_storage_size():
        return floats(path, open_dataset(path, group, name), name.decode(errors="backslashreplace"))
    order = "<" if kind.get_order() == h5t.ORDER_LE else ">"
    return np.array(mapped[place:end].view(f"{order}f{size}").reshape(shape), f"=f{size}")


def floats(path: Path, dataset: h5d.DatasetID, name: str) -> npt.NDArray:
    """All numbers of a dataset of floats.

    Raises:
        ModelError: They are no floats.
    """
    array = np.empty(dataset.shape, float_type(path, dataset, name))
    if array.size:
        dataset.read(h5s.ALL, h5s.ALL, array)
    return array


def float_type(path: Path, dataset: h5d.DatasetID, name: str) -> np.dtype:
    """NumPy's type for a dataset of floats, in this machine's order of bytes.

    Raises:
        ModelError: They are no floats.
    """
    kind = dataset.get_type()
    if isinstance(kind, h5t.TypeFloatID):
        try:
            return kind.dtype.newbyteorder("=")
        except (TypeError, ValueError):
            pass  # a format that NumPy has no name for
    raise damaged(path, f"{name}: expected floating-point numbers, found {hdf5.type_name(dataset)}")


def _linked(path: Path, group: h5g.GroupID, name: bytes) -> h5d.DatasetID:
    if group.links.get_info(name).type != h5l.TYPE_HARD:
        shown = name.decode(errors="backslashreplace")
        raise damaged(path, f"{shown}: expected a dataset in this file, found a link")
    return h5d.open(group, name)
