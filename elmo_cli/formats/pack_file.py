"""Writing a model as one zip archive, as the NLPL repository packs them; :mod:`.model_pack` reads it."""

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from elmo_cli.files import whole_file
from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.model_folder import WEIGHTS, write_model_folder

PACKED_WEIGHTS = "model.hdf5"
_BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The time of every member, the first that zip knows: the same model gives the same bytes."""


def write_model_pack(path: Path, files: ModelFiles, *, card: str | None = None) -> None:
    """Writes a zip archive that appears whole: ``options.json``, ``model.hdf5``, ``vocab.txt`` and what else is known.

    Members are stored as they are: float weights shrink by a tenth at best, and zlib's versions differ in their bytes.

    Args:
        card: The text of ``README.md``; None writes none.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    with whole_file(path) as partial, TemporaryDirectory(prefix=".partial-pack-", dir=path.parent) as beside:
        folder = Path(beside) / "model"
        write_model_folder(folder, files)
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(folder.iterdir()):
                name = PACKED_WEIGHTS if file.name == WEIGHTS else file.name
                with archive.open(_member(name), "w", force_zip64=True) as member, file.open("rb") as stream:
                    while block := stream.read(1 << 20):
                        member.write(block)
            if card is not None:
                archive.writestr(_member("README.md"), card)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _BEGINNING)
    info.create_system = 3  # Unix, on whatever system it is written
    info.external_attr = 0o644 << 16
    return info
