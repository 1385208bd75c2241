"""A model in one zip archive, as the NLPL repository (vectors.nlpl.eu) packs them: read in place, never extracted."""

from pathlib import Path

from elmo_cli.errors import ModelError
from elmo_cli.formats.model_files import (
    LARGEST_INFO,
    LARGEST_PIECES,
    LARGEST_VOCABULARY,
    ModelFiles,
    ModelParts,
    read_parts,
)
from elmo_cli.formats.options import LARGEST_FILE
from elmo_cli.formats.zip_members import ZipMembers, open_zip

OPTIONS = "options.json"
WEIGHTS = ("model.hdf5", "weights.hdf5")
SOFTMAX = ("softmax.hdf5", "softmax_weights.hdf5")
VOCABULARY = ("vocab.txt", "vocab.txt.gz")
"""Names that a part may have, the first one found counts. NLPL has ``model.hdf5`` and one of the vocabularies."""
COUNTS = "vocab.counts.tsv"
"""How often each word was seen, as :mod:`.pack_file` packs it too."""

LARGEST_WEIGHTS = 1 << 35
"""Bytes that weights may have, or a softmax."""


def read_model_pack(path: Path) -> ModelFiles:
    """Reads the model in a zip archive: ``options.json``, ``model.hdf5``, ``vocab.txt``, at its top or in one folder.

    Weights pass through memory as they lie in the archive, so for a moment there are two copies of them.

    Args:
        path: The archive.

    Raises:
        ModelError: It is no sound archive, has no model or several, or the model is not what its options say.
    """
    return read_parts(pack_parts(path))


def pack_parts(path: Path) -> ModelParts:
    """The files of the model in a zip archive, in memory and not read yet.

    Raises:
        ModelError: It is no sound archive, or has no model or several.
    """
    with open_zip(path) as archive:
        folder = _folder(archive)
        optional = ("model.json", "start_state.hdf5", COUNTS, "tokenizer.model")
        info, start_state, counts, pieces = (f"{folder}{name}" for name in optional)
        weights = _first(archive, folder, WEIGHTS)
        if weights is None:
            raise ModelError(f"{path}: expected {folder}{WEIGHTS[0]}, found {_shown(archive.names)}")
        softmax, vocabulary = _first(archive, folder, SOFTMAX), _first(archive, folder, VOCABULARY)
        return ModelParts(
            options=archive.read(f"{folder}{OPTIONS}", largest=LARGEST_FILE),
            weights=archive.read(weights, largest=LARGEST_WEIGHTS),
            softmax=archive.read(softmax, largest=LARGEST_WEIGHTS) if softmax else None,
            start_state=archive.read(start_state, largest=LARGEST_WEIGHTS) if start_state in archive.names else None,
            vocabulary=archive.read(vocabulary, largest=LARGEST_VOCABULARY) if vocabulary else None,
            counts=archive.read(counts, largest=LARGEST_VOCABULARY) if counts in archive.names else None,
            info=archive.read(info, largest=LARGEST_INFO) if info in archive.names else None,
            pieces=archive.read(pieces, largest=LARGEST_PIECES) if pieces in archive.names else None,
        )


def _options(archive: ZipMembers) -> list[str]:
    return [name for name in archive.names if name.split("/")[-1] == OPTIONS and name.count("/") <= 1]


def _folder(archive: ZipMembers) -> str:
    """The folder inside the archive that holds the model, with a slash behind it, or nothing."""
    found = _options(archive)
    if len(found) != 1:
        shown = _shown(found or archive.names)
        raise ModelError(
            f"{archive.path}: expected one {OPTIONS}, at the top or in a folder, found {shown}",
            hint="unpack the archive and give the model's folder",
        )
    return found[0].removesuffix(OPTIONS)


def _first(archive: ZipMembers, folder: str, names: tuple[str, ...]) -> str | None:
    return next((folder + name for name in names if folder + name in archive.names), None)


def _shown(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "nothing"
