"""Attacks and accidents in HDF5 files: each takes a sound weight file and spoils it.

``NAME`` is the dataset that most of them are about. What they try to reach is another file, or more memory than there
is.
"""

from pathlib import Path

import h5py
import numpy as np

NAME = "CNN_proj/W_proj"


def external_storage(path: Path, secret: Path) -> None:
    """The values of a dataset are the bytes of another file."""
    with h5py.File(path, "r+") as file:
        shape = _take_away(file, NAME)
        external = [(str(secret), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(NAME, shape=shape, dtype=np.float32, external=external)


def external_link(path: Path, secret: Path) -> None:
    """A dataset is one of another file."""
    with h5py.File(path, "r+") as file:
        _take_away(file, NAME)
        file[NAME] = h5py.ExternalLink(str(secret), "/values")


def external_group(path: Path, secret: Path) -> None:
    """A group is one of another file."""
    with h5py.File(path, "r+") as file:
        _take_away(file, "CNN_proj")
        file["CNN_proj"] = h5py.ExternalLink(str(secret), "/")


def soft_link(path: Path, secret: Path) -> None:
    """A dataset is a path, which could lead through an external link."""
    with h5py.File(path, "r+") as file:
        file["char_embed_again"] = file["char_embed"]
        _take_away(file, "char_embed")
        file["char_embed"] = h5py.SoftLink("/char_embed_again")


def virtual_dataset(path: Path, secret: Path) -> None:
    """A dataset is a view of another file's, whose very length can only be known by opening that file."""
    with h5py.File(path, "r+") as file:
        shape = _take_away(file, NAME)
        layout = h5py.VirtualLayout(shape=shape, dtype=np.float32, maxshape=(None, shape[1]))
        source = h5py.VirtualSource(str(secret), "values", shape=shape, maxshape=(None, shape[1]))
        layout[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
        file.create_virtual_dataset(NAME, layout)


def huge_shape(path: Path, secret: Path) -> None:
    """Four terabytes of zeros that take up no room in the file."""
    with h5py.File(path, "r+") as file:
        _take_away(file, NAME)
        file.create_dataset(NAME, shape=(10**6, 10**6), dtype=np.float32)


def never_written(path: Path, secret: Path) -> None:
    """The right shape, with nothing behind it."""
    with h5py.File(path, "r+") as file:
        file.create_dataset(NAME, shape=_take_away(file, NAME), dtype=np.float32)


def chunked(path: Path, secret: Path) -> None:
    """Compressed chunks, which can swell."""
    with h5py.File(path, "r+") as file:
        file.create_dataset(NAME, data=np.zeros(_take_away(file, NAME), np.float32), compression="gzip")


def doubles(path: Path, secret: Path) -> None:
    """Numbers of another type."""
    _another_type(path, np.dtype(np.float64))


def integers(path: Path, secret: Path) -> None:
    """Numbers of another type, of the right size."""
    _another_type(path, np.dtype(np.int32))


def strings(path: Path, secret: Path) -> None:
    """No numbers at all, but pointers into the file."""
    _another_type(path, h5py.string_dtype())


def group_for_dataset(path: Path, secret: Path) -> None:
    """A group in the place of a dataset."""
    with h5py.File(path, "r+") as file:
        _take_away(file, NAME)
        file.create_group(NAME)


def dataset_for_group(path: Path, secret: Path) -> None:
    """A dataset in the place of a group."""
    with h5py.File(path, "r+") as file:
        _take_away(file, "CNN_proj")
        file.create_dataset("CNN_proj", data=np.zeros(3, np.float32))


def type_for_dataset(path: Path, secret: Path) -> None:
    """A named type in the place of a dataset."""
    with h5py.File(path, "r+") as file:
        _take_away(file, NAME)
        file[NAME] = np.dtype(np.float32)


def cycle(path: Path, secret: Path) -> None:
    """A group that contains everything, itself too."""
    with h5py.File(path, "r+") as file:
        _take_away(file, "CNN_proj")
        file["CNN_proj"] = file["/"]


def same_values_many_times(path: Path, secret: Path) -> None:
    """All highways are one, so that a small file declares much."""
    with h5py.File(path, "r+") as file:
        for name in list(file):
            if name.startswith("CNN_high_") and name != "CNN_high_0":
                del file[name]
                file[name] = file["CNN_high_0"]
    with h5py.File(path) as sprawling, h5py.File(path.with_suffix(".packed"), "w") as packed:
        for name in sprawling:
            sprawling.copy(name, packed) if not name.startswith("CNN_high_") else None
        sprawling.copy("CNN_high_0", packed)
        for name in sprawling:
            if name.startswith("CNN_high_") and name != "CNN_high_0":
                packed[name] = packed["CNN_high_0"]
    path.with_suffix(".packed").replace(path)


def truncated(path: Path, secret: Path) -> None:
    """The download broke off."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_hdf5(path: Path, secret: Path) -> None:
    """Something else under that name."""
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")


def _another_type(path: Path, dtype: np.dtype) -> None:
    with h5py.File(path, "r+") as file:
        file.create_dataset(NAME, shape=_take_away(file, NAME), dtype=dtype)


def _take_away(file: h5py.File, name: str) -> tuple[int, ...]:
    shape = getattr(file[name], "shape", ())
    del file[name]
    return shape
