import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats import hdf5
from elmo_cli.formats.weights import count_parameters, read_weights, write_weights
from elmo_cli.formats.whole_hdf5 import write_datasets
from tests.formats import hostile
from tests.numpy_elmo import random_model

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=3, filters=((1, 4), (2, 6)), highways=2),
    lstm=LstmConfig(cell_dim=8, projection_dim=5),
)
FILES_OF_OTHERS = [
    (hostile.external_storage, "expected values stored in this file, found external storage in another one"),
    (hostile.external_link, "expected a dataset in this file, found a link into another file"),
    (hostile.external_group, "expected a group in this file, found a link into another file"),
    (hostile.virtual_dataset, "expected values stored in one piece, found a virtual dataset over other files"),
]
ATTACKS = [
    *FILES_OF_OTHERS,
    (hostile.soft_link, "char_embed: expected a dataset in this file, found a soft link"),
    (hostile.huge_shape, r"CNN_proj/W_proj: expected float32 \(10, 5\), found float32 \(1000000, 1000000\)"),
    (hostile.never_written, "CNN_proj/W_proj: expected 200 bytes of values, found 0 stored"),
    (hostile.chunked, "CNN_proj/W_proj: expected values stored in one piece, found cut into chunks"),
    (hostile.doubles, r"CNN_proj/W_proj: expected float32 \(10, 5\), found float64 \(10, 5\)"),
    (hostile.integers, r"CNN_proj/W_proj: expected float32 \(10, 5\), found int32 \(10, 5\)"),
    (hostile.strings, r"CNN_proj/W_proj: expected float32 \(10, 5\), found another type \(10, 5\)"),
    (hostile.group_for_dataset, "CNN_proj/W_proj: expected a dataset, found a group"),
    (hostile.dataset_for_group, "CNN_proj: expected a group, found a dataset"),
    (hostile.type_for_dataset, "CNN_proj/W_proj: expected a dataset, found neither group nor dataset"),
    (hostile.cycle, "CNN_proj/CNN_proj: superfluous"),
    (hostile.truncated, "not an HDF5 file, or damaged: .*\nHint: fetch it again"),
    (hostile.no_hdf5, "not an HDF5 file, or damaged"),
]
Attack = Callable[[Path, Path], None]


@pytest.fixture
def weights_path(tmp_path: Path) -> Path:
    path = tmp_path / "weights.hdf5"
    write_weights(path, random_model(CONFIG, seed=1))
    return path


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.hdf5"
    with h5py.File(path, "w") as file:
        file["values"] = np.full((10, 5), 42, np.float32)
    return path


@pytest.mark.parametrize(("attack", "message"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_a_hostile_file_is_refused_with_the_reason(
    weights_path: Path, secret: Path, attack: Attack, message: str
) -> None:
    attack(weights_path, secret)
    with pytest.raises(ModelError, match=message) as refusal:
        read_weights(weights_path, CONFIG)
    assert refusal.value.message.startswith(str(weights_path))


@pytest.mark.parametrize("attack", [attack for attack, _ in FILES_OF_OTHERS], ids=lambda attack: attack.__name__)
def test_a_file_named_by_a_hostile_one_is_not_even_opened(weights_path: Path, tmp_path: Path, attack: Attack) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # whoever opens it waits for ever
    attack(weights_path, pipe)
    script = f"""
from pathlib import Path
from elmo_cli.formats.hdf5 import read_datasets
read_datasets(Path({str(weights_path)!r}), {{"CNN_proj/W_proj": (10, 5)}})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert "ModelError" in done.stderr
    assert done.returncode == 1


def test_a_small_file_cannot_declare_more_than_it_holds(tmp_path: Path, secret: Path) -> None:
    config = ModelConfig(
        char_cnn=CharCnnConfig(embedding_dim=3, filters=((1, 40),), highways=20),
        lstm=LstmConfig(cell_dim=8, projection_dim=5),
    )
    path = tmp_path / "weights.hdf5"
    write_weights(path, random_model(config, seed=1))
    hostile.same_values_many_times(path, secret)
    size, declared = path.stat().st_size, 4 * count_parameters(config)
    assert declared > 5 * size
    with pytest.raises(ModelError, match=f"at most its own {size:,} bytes of values, found datasets of {declared:,}"):
        read_weights(path, config)


def test_every_problem_is_listed_at_once(weights_path: Path) -> None:
    with h5py.File(weights_path, "r+") as file:
        del file["CNN_high_1/b_carry"]
        del file["RNN_1"]
        del file["CNN/b_cnn_0"]
        file["CNN/b_cnn_0"] = np.zeros(7, np.float32)
        file["CNN_high_2/W_carry"] = np.zeros((10, 10), np.float32)
    with pytest.raises(ModelError) as refusal:
        read_weights(weights_path, CONFIG)
    cell = "RNN_1/RNN/MultiRNNCell/Cell"
    assert refusal.value.message.splitlines() == [
        f"{weights_path}: 9 problems",
        "  CNN_high_2: superfluous: the options do not mention it, and other loaders would drop it silently",
        "  CNN_high_1/b_carry: missing, expected float32 (10)",
        f"  {cell}0/LSTMCell/W_0: missing, expected float32 (10, 32)",
        f"  {cell}0/LSTMCell/B: missing, expected float32 (32)",
        f"  {cell}0/LSTMCell/W_P_0: missing, expected float32 (8, 5)",
        f"  {cell}1/LSTMCell/W_0: missing, expected float32 (10, 32)",
        f"  {cell}1/LSTMCell/B: missing, expected float32 (32)",
        f"  {cell}1/LSTMCell/W_P_0: missing, expected float32 (8, 5)",
        "  CNN/b_cnn_0: expected float32 (4), found float32 (7)",
    ]
    assert refusal.value.hint == "options.json and the weights belong together: take both from the same model"


def test_a_list_of_very_many_problems_ends(weights_path: Path) -> None:
    with h5py.File(weights_path, "r+") as file:
        for number in range(1000):
            file.create_group(f"more_{number}")
    with pytest.raises(ModelError, match=r"1000 problems(.*\n){21}  and 980 more"):
        read_weights(weights_path, CONFIG)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_found(weights_path: Path, value: float) -> None:
    with h5py.File(weights_path, "r+") as file:
        file[hostile.NAME][3, 2] = value
    with pytest.raises(ModelError, match="CNN_proj/W_proj: expected finite numbers, found 1 NaN or infinite of 50"):
        read_weights(weights_path, CONFIG)


def test_a_file_that_is_not_there_or_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=re.escape(f"{tmp_path / 'no'}: expected an HDF5 file, found nothing")):
        hdf5.read_datasets(tmp_path / "no", {})
    with pytest.raises(ModelError, match=re.escape(f"{tmp_path}: expected an HDF5 file, found a folder")):
        hdf5.read_datasets(tmp_path, {})


def test_numbers_in_the_other_byte_order_are_read(tmp_path: Path) -> None:
    path = tmp_path / "big.hdf5"
    with h5py.File(path, "w") as file:
        file["values"] = np.arange(6, dtype=">f4").reshape(2, 3)
    values = hdf5.read_datasets(path, {"values": (2, 3)})["values"]
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [[0, 1, 2], [3, 4, 5]])


def test_a_length_that_the_file_decides_is_at_least_one(tmp_path: Path) -> None:
    path = tmp_path / "values.hdf5"
    write_datasets(path, {"values": np.zeros((0, 3), np.float32)})
    with pytest.raises(ModelError, match=r"values: expected float32 \(any, 3\), found float32 \(0, 3\)"):
        hdf5.read_datasets(path, {"values": (None, 3)})
