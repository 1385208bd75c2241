"""Opens files of vectors, whatever their layout, by what is in them."""

from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.errors import ModelError
from elmo_cli.formats import hdf5
from elmo_cli.formats.feature_arrays import FlatHdf5, open_npy_folder, open_safetensors
from elmo_cli.formats.feature_datasets import open_sentences
from elmo_cli.formats.feature_file import FeatureFile
from elmo_cli.formats.feature_form import FORMAT_VERSION
from elmo_cli.formats.feature_rows import ParquetFeatures

_PARQUET = b"PAR1"


def read_any(path: Path) -> FeatureFile:
    """Vectors of sentences; a context manager.

    Args:
        path: A file by ``elmo embed``, AllenNLP, bilm-tf or ELMoForManyLangs; or a folder of npy files.

    Raises:
        ModelError: There is nothing, or something else; or it is damaged, or written by a newer version.
    """
    opened = _open(path)
    version = opened.attributes.get("format_version", 1)
    if str(version).isdecimal() and int(version) > FORMAT_VERSION:
        opened.close()
        raise ModelError(
            f"{path}: expected format version {FORMAT_VERSION} or before, found {version}",
            hint="a newer version of this tool wrote it: install that one",
        )
    return opened


def is_features(path: Path) -> bool:
    """Whether a folder or file that is no HDF5 holds vectors of sentences, as far as a look at its beginning says."""
    if path.is_dir():
        return (path / "vectors.npy").is_file() and (path / "offsets.npy").is_file()
    beginning = _beginning(path)
    return beginning[:4] == _PARQUET or (path.suffix == ".safetensors" and b'"token_ends"' in beginning)


def _open(path: Path) -> FeatureFile:
    if path.is_dir():
        if not (path / "vectors.npy").is_file():
            raise ModelError(f"{path}: expected a file of vectors, or a folder with vectors.npy, found another folder")
        return open_npy_folder(path)
    if not path.is_file():
        raise ModelError(f"{path}: expected a file of vectors, found nothing", hint="check the path")
    if _beginning(path)[:4] == _PARQUET:
        return ParquetFeatures(path)
    if path.suffix == ".safetensors":
        return open_safetensors(path)
    file = hdf5.open_foreign(path)
    try:
        with hdf5.reading(path):
            attributes = {name: _plain(value) for name, value in file.attrs.items()}
            names = list(file.id)
        if attributes.get("layout") == "flat":
            return FlatHdf5(path, file, attributes)
        return open_sentences(path, file, attributes, names)
    except BaseException:
        file.close()
        raise


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
