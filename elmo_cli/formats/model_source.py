"""The one door for models: folders, archives, checkpoints and addresses all become :class:`ModelFiles`."""

import re
import zipfile
from pathlib import Path

from elmo_cli.errors import ModelError
from elmo_cli.formats.allennlp_checkpoint import read_allennlp_archive, read_allennlp_checkpoint
from elmo_cli.formats.download import fetch, is_address
from elmo_cli.formats.manylangs_folder import is_manylangs, read_manylangs
from elmo_cli.formats.model_files import ModelFiles, ModelParts, read_parts
from elmo_cli.formats.model_folder import OPTIONS, find_model, read_model_folder
from elmo_cli.formats.model_pack import read_model_pack
from elmo_cli.formats.options import LARGEST_FILE
from elmo_cli.formats.safetensors_file import is_safetensors_model, read_safetensors_model
from elmo_cli.formats.tar_members import is_gzip
from elmo_cli.formats.zip_members import open_zip

_FOLDED = re.compile(r"(https?):/(?!/)")
_PICKLE, _ZIP = b"\x80", b"PK\x03\x04"


def open_model(source: str | Path, weights: str | Path | None = None) -> ModelFiles:
    """The model at a path or address, whatever container it is in.

    ======================================  =====================================================================
    a folder                                ours, a run that holds one, published files, or safetensors
    a zip archive                           ``options.json``, ``model.hdf5``, ``vocab.txt``, as NLPL packs them
    a folder or archive with ``char.dic``   ELMoForManyLangs: ``token_embedder.pkl``, ``encoder.pkl``, ``word.dic``
    ``model.tar.gz``, ``.th``               a checkpoint of AllenNLP with an ``Elmo`` module inside
    ``..._options.json`` and weights        a published pair, as AllenNLP takes it
    ``https://...``                         any of these but a folder, downloaded once
    ======================================  =====================================================================

    Args:
        source: Path or address. The address of options alone leads to the weights beside them, ``..._weights.hdf5``.
        weights: Weights (HDF5, or a ``.th`` checkpoint) for the options in ``source``; path or address.

    Raises:
        ModelError: There is no model, or one that is damaged, hostile or unlike its options.
        OutputError: The cache for downloads cannot be written to.

    Example:
        >>> open_model("ftp://example.org/model.zip")
        Traceback (most recent call last):
        ...
        elmo_cli.errors.ModelError: ftp://example.org/model.zip: expected a path or an https:// address
    """
    source = unfolded(source)
    if weights is None and is_address(str(source)) and _path_of(str(source)).endswith(OPTIONS):
        head, _, tail = str(source).rpartition(OPTIONS)
        if tail:
            raise ModelError(
                f"{source}: the address of the weights cannot be told from this one", hint="give both addresses"
            )
        weights = f"{head}weights.hdf5"
    if weights is not None:
        return _open_pair(_local(source, largest=LARGEST_FILE), _local(unfolded(weights)))
    return _open_path(_local(source))


def looks_like_model(source: str | Path) -> bool:
    """Whether an argument names a model rather than a text; nothing is read but names and first bytes."""
    if is_address(str(unfolded(source))):
        return True
    path = Path(source)
    if path.is_dir():
        return is_other_form(path) or any((folder / OPTIONS).is_file() for folder in (path, path / "model"))
    return path.is_file() and (_is_pack(path) if _is_zip(path) else is_gzip(path) and path.name.endswith(".tar.gz"))


def is_other_form(path: Path) -> bool:
    """Whether what is at a path is a model in another form than options and weights, which is read as a whole."""
    return is_safetensors_model(path) or is_manylangs(path)


def _open_path(path: Path) -> ModelFiles:
    if is_manylangs(path):
        return read_manylangs(path)
    if path.is_file():
        if _is_zip(path):
            return read_model_pack(path) if _is_pack(path) else _open_checkpoint(path)
        if is_gzip(path):
            return read_allennlp_archive(path)
        if _begins_as_pickle(path):
            return _open_checkpoint(path)
    if is_safetensors_model(path):
        return read_safetensors_model(path)
    return read_model_folder(find_model(path))


def _open_checkpoint(path: Path) -> ModelFiles:
    options = path.with_name(OPTIONS)
    return read_allennlp_checkpoint(path, options=options if options.is_file() else None)


def _open_pair(options: Path, weights: Path) -> ModelFiles:
    if weights.is_file() and (_is_zip(weights) or _begins_as_pickle(weights)):
        return read_allennlp_checkpoint(weights, options=options)
    return read_parts(ModelParts(options=options, weights=weights))


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        if stream.read(len(_ZIP)) == _ZIP:
            return True  # whole or not; whoever reads it says what is damaged
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        return True


def _is_pack(path: Path) -> bool:
    """Whether a zip archive is none by torch.save, which has a pickle of this name in a folder."""
    with open_zip(path) as archive:
        return not any(name.endswith("/data.pkl") for name in archive.names)


def _begins_as_pickle(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(1) == _PICKLE


def _local(source: str | Path, **bounds: int) -> Path:
    if is_address(str(source)):
        return fetch(str(source), **bounds)
    if isinstance(source, str) and "://" in source:
        raise ModelError(f"{source}: expected a path or an https:// address")
    return Path(source)


def unfolded(source: str | Path) -> str | Path:
    """An address that went through ``Path``, which folds its two slashes into one, as an address again."""
    if isinstance(source, Path) and _FOLDED.match(str(source)):
        return _FOLDED.sub(r"\1://", str(source), count=1)
    return source


def _path_of(address: str) -> str:
    return re.split(r"[?#]", address, maxsplit=1)[0]
