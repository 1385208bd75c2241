import zipfile
from pathlib import Path

import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import OutputError
from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.model_pack import read_model_pack
from elmo_cli.formats.pack_file import write_model_pack
from tests.numpy_elmo import random_model

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=3, filters=((1, 4), (2, 6)), highways=1),
    lstm=LstmConfig(cell_dim=8, projection_dim=5),
)
FILES = ModelFiles(config=CONFIG, weights=random_model(CONFIG, seed=1), info={"tool": "test"})


def test_a_pack_has_nlpl_s_names_and_no_time_of_its_own(tmp_path: Path) -> None:
    write_model_pack(tmp_path / "m.zip", FILES, card="# card\n")
    with zipfile.ZipFile(tmp_path / "m.zip") as archive:
        assert archive.namelist() == ["model.json", "options.json", "model.hdf5", "README.md"]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("README.md") == b"# card\n"
    read = read_model_pack(tmp_path / "m.zip")
    assert {name: array.tobytes() for name, array in read.weights.items()} == {
        name: array.tobytes() for name, array in FILES.weights.items()
    }
    assert (read.config, read.info) == (CONFIG, {"tool": "test"})
    assert [path.name for path in tmp_path.iterdir()] == ["m.zip"]


def test_a_pack_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "open", full)
    with pytest.raises(OutputError, match=r"m\.zip: cannot be written: No space left on device"):
        write_model_pack(tmp_path / "m.zip", FILES)
    assert not list(tmp_path.iterdir())
