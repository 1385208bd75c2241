from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from elmo_cli.config import MEDIUM, ORIGINAL, SMALL, CharCnnConfig, LstmConfig, ModelConfig, RunConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats.weights import (
    count_parameters,
    expected_datasets,
    read_softmax,
    read_weights,
    read_weights_and_softmax,
    write_softmax,
    write_weights,
)
from tests.numpy_elmo import random_model

CHAR_CNN = CharCnnConfig(embedding_dim=3, filters=((1, 4), (2, 6)), highways=2)
LSTM = LstmConfig(cell_dim=8, projection_dim=5)
VARIANTS = {
    "usual": ModelConfig(char_cnn=CHAR_CNN, lstm=LSTM),
    "one layer": ModelConfig(char_cnn=CHAR_CNN, lstm=replace(LSTM, layers=1)),
    "three layers": ModelConfig(char_cnn=CHAR_CNN, lstm=replace(LSTM, layers=3)),
    "no highways": ModelConfig(char_cnn=replace(CHAR_CNN, highways=0), lstm=LSTM),
    "no LSTM projection": ModelConfig(char_cnn=CHAR_CNN, lstm=replace(LSTM, projection_dim=8)),
    "no CNN projection": ModelConfig(char_cnn=CHAR_CNN, lstm=replace(LSTM, cell_dim=12, projection_dim=10)),
    "word ids": ModelConfig(char_cnn=None, lstm=LSTM),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_comes_back_bit_by_bit(tmp_path: Path, name: str) -> None:
    config, path = VARIANTS[name], tmp_path / "weights.hdf5"
    written = random_model(config, seed=1, vocabulary_size=20)
    write_weights(path, written)
    read = read_weights(path, config, 20)
    assert read.keys() == written.keys() == expected_datasets(config, 20).keys()
    for dataset, array in read.items():
        assert array.dtype == np.float32
        assert array.tobytes() == written[dataset].tobytes(), dataset


@pytest.mark.parametrize(("preset", "parameters"), [(SMALL, 13_593_296), (MEDIUM, 28_027_728), (ORIGINAL, 93_600_848)])
def test_the_published_models_have_their_published_sizes(preset: RunConfig, parameters: int) -> None:
    assert count_parameters(preset.model) == parameters
    classes = 793_471
    softmax = classes * (preset.model.lstm.projection_dim + 1)
    assert count_parameters(preset.model, classes, softmax=True) == parameters + softmax


def test_datasets_have_the_published_names_and_shapes() -> None:
    shapes = expected_datasets(ORIGINAL.model)
    assert len(shapes) == 1 + 2 * 7 + 2 * 4 + 2 + 2 * 2 * 3
    assert shapes["char_embed"] == (261, 16)
    assert shapes["CNN/W_cnn_6"] == (1, 7, 16, 1024)
    assert shapes["CNN/b_cnn_6"] == (1024,)
    assert shapes["CNN_high_1/W_carry"] == shapes["CNN_high_1/W_transform"] == (2048, 2048)
    assert shapes["CNN_high_1/b_carry"] == shapes["CNN_high_1/b_transform"] == (2048,)
    assert shapes["CNN_proj/W_proj"] == (2048, 512)
    assert shapes["CNN_proj/b_proj"] == (512,)
    assert shapes["RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/W_0"] == (1024, 16384)
    assert shapes["RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/B"] == (16384,)
    assert shapes["RNN_1/RNN/MultiRNNCell/Cell1/LSTMCell/W_P_0"] == (4096, 512)


def test_what_an_architecture_lacks_has_no_dataset() -> None:
    assert not any("W_P_0" in name for name in expected_datasets(VARIANTS["no LSTM projection"]))
    assert not any("CNN_proj" in name for name in expected_datasets(VARIANTS["no CNN projection"]))
    assert not any("CNN_high" in name for name in expected_datasets(VARIANTS["no highways"]))
    assert not any("CNN" in name or "char" in name for name in expected_datasets(VARIANTS["word ids"], 20))
    assert expected_datasets(VARIANTS["word ids"], 20)["embedding"] == (20, 5)


def test_a_single_layer_is_read_under_the_name_that_bilm_tf_gives_it(tmp_path: Path) -> None:
    config = VARIANTS["one layer"]
    written = random_model(config, seed=1)
    write_weights(tmp_path / "short", {name.replace("MultiRNNCell/Cell0/", ""): a for name, a in written.items()})
    with h5py.File(tmp_path / "short") as file:
        assert "RNN_0/RNN/LSTMCell/W_0" in file
    read = read_weights(tmp_path / "short", config)
    assert read.keys() == written.keys()
    assert all(np.array_equal(read[name], written[name]) for name in written)


def test_a_single_layer_is_not_found_through_links(tmp_path: Path) -> None:
    config, path = VARIANTS["one layer"], tmp_path / "weights.hdf5"
    write_weights(path, random_model(config, seed=1))
    with h5py.File(path, "r+") as file:
        del file["RNN_0"]
        file["RNN_0"] = h5py.ExternalLink("elsewhere.hdf5", "/RNN_0")
    with pytest.raises(ModelError, match="RNN_0: expected a group in this file, found a link into another file"):
        read_weights(path, config)


def test_layers_that_the_options_do_not_mention_are_an_error(tmp_path: Path) -> None:
    write_weights(tmp_path / "weights.hdf5", random_model(VARIANTS["three layers"], seed=1))
    with pytest.raises(ModelError, match="RNN_0/RNN/MultiRNNCell/Cell2: superfluous: the options do not mention it"):
        read_weights(tmp_path / "weights.hdf5", VARIANTS["usual"])


def test_a_softmax_comes_back_bit_by_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    W_VD, b_V = rng.normal(size=(7, 5)).astype(np.float32), rng.normal(size=7).astype(np.float32)
    path = tmp_path / "softmax.hdf5"
    write_softmax(path, W_VD, b_V)
    for size in (7, None):
        read = read_softmax(path, size, 5)
        assert [array.tobytes() for array in read] == [W_VD.tobytes(), b_V.tobytes()]
    with h5py.File(path) as file:
        assert sorted(file["softmax"]) == ["W", "b"]


def test_a_softmax_of_another_vocabulary_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "softmax.hdf5"
    write_softmax(path, np.zeros((7, 5), np.float32), np.zeros(7, np.float32))
    with pytest.raises(ModelError, match=r"softmax/W: expected float32 \(8, 5\), found float32 \(7, 5\)"):
        read_softmax(path, 8, 5)
    with pytest.raises(ModelError, match=r"softmax/W: expected float32 \(any, 4\), found float32 \(7, 5\)"):
        read_softmax(path, None, 4)


def test_a_softmax_whose_halves_differ_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "softmax.hdf5"
    write_softmax(path, np.zeros((7, 5), np.float32), np.zeros(6, np.float32))
    with pytest.raises(ModelError, match=r"softmax/b: expected float32 \(7\), as many as softmax/W has rows, found"):
        read_softmax(path, None, 5)


def test_a_softmax_inside_the_weights_file_comes_back_bit_by_bit(tmp_path: Path) -> None:
    config, path = VARIANTS["one layer"], tmp_path / "weights.hdf5"
    rng = np.random.default_rng(1)
    weights = random_model(config, seed=1)
    softmax = rng.normal(size=(7, 5)).astype(np.float32), rng.normal(size=7).astype(np.float32)
    write_weights(path, weights)
    read, nothing = read_weights_and_softmax(path, config)
    assert (read.keys(), nothing) == (weights.keys(), None)
    write_weights(path, {**weights, "softmax/W": softmax[0], "softmax/b": softmax[1]})
    for size in (7, None):
        read, found = read_weights_and_softmax(path, config, size)
        assert all(read[name].tobytes() == weights[name].tobytes() for name in weights)
        assert read.keys() == weights.keys()
        assert found is not None
        assert [array.tobytes() for array in found] == [array.tobytes() for array in softmax]
    with pytest.raises(ModelError, match=r"softmax/W: expected float32 \(8, 5\), found float32 \(7, 5\)"):
        read_weights_and_softmax(path, config, 8)
    with pytest.raises(ModelError, match="softmax: superfluous"):
        read_weights(path, config)


def test_a_softmax_inside_is_not_taken_from_another_file(tmp_path: Path) -> None:
    config, path = VARIANTS["usual"], tmp_path / "weights.hdf5"
    write_weights(path, random_model(config, seed=1))
    with h5py.File(path, "r+") as file:
        file["softmax"] = h5py.ExternalLink("elsewhere.hdf5", "/softmax")
    with pytest.raises(ModelError, match="softmax: expected a group in this file, found a link into another file"):
        read_weights_and_softmax(path, config)


def test_a_softmax_inside_whose_halves_differ_is_an_error(tmp_path: Path) -> None:
    config, path = VARIANTS["usual"], tmp_path / "weights.hdf5"
    halves = {"softmax/W": np.zeros((7, 5), np.float32), "softmax/b": np.zeros(6, np.float32)}
    write_weights(path, {**random_model(config, seed=1), **halves})
    with pytest.raises(ModelError, match=r"softmax/b: expected float32 \(7\), as many as softmax/W has rows, found"):
        read_weights_and_softmax(path, config)
