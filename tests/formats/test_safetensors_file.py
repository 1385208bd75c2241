import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ModelError, OutputError
from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.safetensors_file import is_safetensors_model, read_safetensors_model, write_safetensors_model
from tests.numpy_elmo import random_model

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=3, filters=((1, 4), (2, 6)), highways=1),
    lstm=LstmConfig(cell_dim=8, projection_dim=5),
)
Tensors = dict[str, np.ndarray]


@pytest.fixture
def files() -> ModelFiles:
    rng = np.random.default_rng(1)
    softmax = (rng.normal(size=(4, 5)).astype(np.float32), rng.normal(size=4).astype(np.float32))
    return ModelFiles(config=CONFIG, weights=random_model(CONFIG, seed=1), softmax=softmax, info={"note": "größer"})


@pytest.fixture
def model_dir(tmp_path: Path, files: ModelFiles) -> Path:
    write_safetensors_model(tmp_path / "model", files, card="# card\n")
    return tmp_path / "model"


def test_tensors_have_the_published_names_and_the_config_is_that_of_the_options(
    model_dir: Path, files: ModelFiles
) -> None:
    tensors = load_file(model_dir / "model.safetensors")
    assert set(tensors) == {*files.weights, "softmax/W", "softmax/b"}
    assert all(np.array_equal(tensors[name], array) for name, array in files.weights.items())
    config = json.loads((model_dir / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["info"], config["n_tokens_vocab"]) == ("elmo", {"note": "größer"}, 4)
    assert (model_dir / "README.md").read_text() == "# card\n"
    assert is_safetensors_model(model_dir)
    assert not is_safetensors_model(model_dir.parent)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path, model_dir: Path, files: ModelFiles) -> None:
    write_safetensors_model(tmp_path / "again", files)
    first, second = (folder / "model.safetensors" for folder in (model_dir, tmp_path / "again"))
    assert first.read_bytes() == second.read_bytes()
    assert not (tmp_path / "again" / "README.md").exists()


def change(model_dir: Path, spoil: Callable[[Tensors], object]) -> None:
    tensors = load_file(model_dir / "model.safetensors")
    spoil(tensors)
    save_file(tensors, model_dir / "model.safetensors")


def test_all_that_is_wrong_with_the_tensors_is_listed(model_dir: Path) -> None:
    def spoil(tensors: Tensors) -> None:
        del tensors["char_embed"], tensors["softmax/b"]
        tensors["CNN/b_cnn_0"] = np.zeros(7, np.float32)
        tensors["CNN/b_cnn_1"] = np.zeros(6, np.float64)
        tensors["extra"] = np.zeros(1, np.float32)
        tensors["softmax/W"][0, 0] = np.nan

    change(model_dir, spoil)
    with pytest.raises(ModelError) as refusal:
        read_safetensors_model(model_dir)
    assert refusal.value.message.splitlines() == [
        f"{model_dir / 'model.safetensors'}: 6 problems",
        "  extra: superfluous: the options do not mention it",
        "  char_embed: missing, expected F32 (261, 3)",
        "  CNN/b_cnn_0: expected F32 (4), found F32 (7)",
        "  CNN/b_cnn_1: expected F32 (6), found F64 (6)",
        "  softmax/b: missing, expected F32 (4)",
        "  softmax/W: expected finite numbers, found 1 NaN or infinite of 20",
    ]


def test_numbers_that_are_none_are_refused(model_dir: Path) -> None:
    change(model_dir, lambda tensors: tensors["char_embed"].__setitem__((0, 0), np.nan))
    with pytest.raises(ModelError, match="char_embed: expected finite numbers, found 1 NaN or infinite of 783"):
        read_safetensors_model(model_dir)


def test_a_softmax_of_unequal_parts_is_refused(model_dir: Path) -> None:
    config = json.loads((model_dir / "config.json").read_text(encoding="utf-8"))
    del config["n_tokens_vocab"]
    (model_dir / "config.json").write_text(json.dumps(config))
    change(model_dir, lambda tensors: tensors.__setitem__("softmax/b", np.zeros(3, np.float32)))
    with pytest.raises(ModelError, match="softmax/b: expected 4 values, found 3"):
        read_safetensors_model(model_dir)


def test_information_that_is_no_object_is_refused(model_dir: Path) -> None:
    config = json.loads((model_dir / "config.json").read_text(encoding="utf-8"))
    (model_dir / "config.json").write_text(json.dumps({**config, "info": 3}))
    with pytest.raises(ModelError, match=r"config\.json: info: expected an object"):
        read_safetensors_model(model_dir)


@pytest.mark.parametrize("data", [b"", b"nonsense", (1 << 62).to_bytes(8, "little") + b"{}"])
def test_a_damaged_or_hostile_file_is_refused(model_dir: Path, data: bytes) -> None:
    (model_dir / "model.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="not a safetensors file, or damaged"):
        read_safetensors_model(model_dir)


def test_a_file_that_broke_off_is_refused(model_dir: Path) -> None:
    path = model_dir / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="not a safetensors file, or damaged"):
        read_safetensors_model(model_dir)


def test_a_place_that_cannot_be_written_to_is_an_error(tmp_path: Path, files: ModelFiles) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        write_safetensors_model(tmp_path / "file" / "model", files)
