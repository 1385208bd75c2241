import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.config import SMALL, CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ModelError, OutputError
from elmo_cli.formats.content import read_bytes
from elmo_cli.formats.model_folder import (
    ModelFiles,
    describe_model,
    find_model,
    read_model_folder,
    write_model_folder,
)
from elmo_cli.formats.model_pack import read_model_pack
from elmo_cli.formats.pack_file import write_model_pack
from elmo_cli.formats.safetensors_file import read_safetensors_model, write_safetensors_model
from elmo_cli.formats.weights import count_parameters, expected_datasets
from tests.numpy_elmo import random_model

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=3, filters=((1, 4), (2, 6)), highways=1),
    lstm=LstmConfig(cell_dim=8, projection_dim=5),
)
V = 4


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    rng = np.random.default_rng(1)
    words = tmp_path / "source" / "my-words.txt"
    words.parent.mkdir()
    words.write_text("<S>\n</S>\n<UNK>\nzwölf\n", encoding="utf-8")
    words.with_suffix(".counts.tsv").write_text("counts\n")
    return ModelFiles(
        config=CONFIG,
        weights=random_model(CONFIG, seed=1),
        softmax=(rng.normal(size=(V, 5)).astype(np.float32), rng.normal(size=V).astype(np.float32)),
        start_state=(rng.normal(size=(2, 2, 8)).astype(np.float32), rng.normal(size=(2, 2, 5)).astype(np.float32)),
        vocabulary_path=words,
        info={"tokenizer": "words", "note": "größer"},
    )


def bits(files: ModelFiles) -> dict[str, bytes]:
    arrays = dict(files.weights)
    for name, pair in (("softmax", files.softmax), ("start_state", files.start_state)):
        arrays |= {f"{name} {number}": array for number, array in enumerate(pair or ())}
    return {name: array.tobytes() for name, array in arrays.items()}


def test_the_sentencepiece_model_travels_with_the_model(tmp_path: Path, files: ModelFiles) -> None:
    pieces = tmp_path / "learned.model"
    pieces.write_bytes(b"pieces")
    with_pieces = replace(files, pieces=pieces)
    write_model_folder(tmp_path / "model", with_pieces)
    read = read_model_folder(tmp_path / "model")
    assert read.pieces == tmp_path / "model" / "tokenizer.model"
    write_model_folder(tmp_path / "model", read)
    assert (tmp_path / "model" / "tokenizer.model").read_bytes() == b"pieces"
    write_model_pack(tmp_path / "model.zip", read)
    packed = read_model_pack(tmp_path / "model.zip").pieces
    assert packed is not None and read_bytes(packed) == b"pieces"
    write_safetensors_model(tmp_path / "tensors", read)
    assert read_safetensors_model(tmp_path / "tensors").pieces == tmp_path / "tensors" / "tokenizer.model"
    write_model_folder(tmp_path / "other", files)
    assert read_model_folder(tmp_path / "other").pieces is None


def test_a_model_comes_back_bit_by_bit(tmp_path: Path, files: ModelFiles) -> None:
    model_dir = tmp_path / "run" / "model"
    write_model_folder(model_dir, files)
    assert sorted(path.name for path in model_dir.iterdir()) == [
        "model.json",
        "options.json",
        "softmax.hdf5",
        "start_state.hdf5",
        "vocab.counts.tsv",
        "vocab.txt",
        "weights.hdf5",
    ]
    read = read_model_folder(model_dir)
    assert read.config == files.config
    assert read.info == files.info
    assert bits(read) == bits(files)
    assert read.vocabulary_path == model_dir / "vocab.txt"
    assert files.vocabulary_path is not None
    assert (model_dir / "vocab.txt").read_bytes() == files.vocabulary_path.read_bytes()
    assert json.loads((model_dir / "options.json").read_text())["n_tokens_vocab"] == V


def test_a_model_may_lack_all_but_options_and_weights(tmp_path: Path) -> None:
    bare = ModelFiles(config=CONFIG, weights=random_model(CONFIG, seed=1))
    write_model_folder(tmp_path / "model", bare)
    (tmp_path / "model" / "model.json").unlink()
    read = read_model_folder(tmp_path / "model")
    assert (read.softmax, read.start_state, read.vocabulary_path, read.info) == (None, None, None, {})
    assert read.vocabulary_size is None
    assert bits(read) == bits(bare)


def test_a_model_of_word_ids_knows_its_vocabulary_size(tmp_path: Path) -> None:
    config = ModelConfig(char_cnn=None, lstm=CONFIG.lstm)
    write_model_folder(tmp_path / "model", ModelFiles(config=config, weights=random_model(config, 1, V)))
    assert read_model_folder(tmp_path / "model").vocabulary_size == V


def test_writing_replaces_the_older_model_even_from_its_own_files(tmp_path: Path, files: ModelFiles) -> None:
    model_dir = tmp_path / "model"
    write_model_folder(model_dir, files)
    (model_dir / "left-over").touch()
    write_model_folder(model_dir, read_model_folder(model_dir))
    assert not (model_dir / "left-over").exists()
    assert bits(read_model_folder(model_dir)) == bits(files)
    assert (model_dir / "vocab.counts.tsv").read_text() == "counts\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "source"]


def test_a_run_folder_leads_to_its_model(tmp_path: Path, files: ModelFiles) -> None:
    write_model_folder(tmp_path / "run" / "model", files)
    assert find_model(tmp_path / "run") == find_model(tmp_path / "run" / "model") == tmp_path / "run" / "model"
    assert read_model_folder(tmp_path / "run").config == CONFIG


def test_the_published_file_names_are_found(tmp_path: Path, files: ModelFiles) -> None:
    write_model_folder(tmp_path, files)
    (tmp_path / "options.json").rename(tmp_path / "elmo_2x8_5_10cnn_1xhighway_options.json")
    (tmp_path / "weights.hdf5").rename(tmp_path / "elmo_2x8_5_10cnn_1xhighway_weights.hdf5")
    (tmp_path / "softmax.hdf5").rename(tmp_path / "elmo_2x8_5_10cnn_1xhighway_softmax_weights.hdf5")
    (tmp_path / "vocab.txt").rename(tmp_path / "vocab-2016-09-10.txt")
    read = read_model_folder(tmp_path)
    assert bits(read) == bits(files)
    assert read.vocabulary_path == tmp_path / "vocab-2016-09-10.txt"


def test_the_fixture_of_bilm_tf_is_a_model_folder(shared: Path) -> None:
    read = read_model_folder(shared / "fixtures" / "bilm")
    assert sum(array.size for array in read.weights.values()) == 105_120
    assert read.config.lstm.residual is False
    assert read.vocabulary_path == shared / "fixtures" / "bilm" / "vocab_test.txt"
    assert (read.softmax, read.start_state, read.info) == (None, None, {})


def test_a_folder_that_is_no_model_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such model folder\nHint: elmo pretrain corpus.txt --out run makes one"):
        find_model(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"expected options.json and weights.hdf5, found nothing"):
        find_model(tmp_path)
    (tmp_path / "corpus.txt").touch()
    with pytest.raises(ModelError, match=r"expected options.json and weights.hdf5, found corpus.txt\nHint: "):
        find_model(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ModelError, match=r"this run has no model yet\nHint: .*elmo pretrain --resume"):
        find_model(tmp_path)


def test_a_file_of_a_model_is_no_model_but_leads_to_it(tmp_path: Path, files: ModelFiles) -> None:
    write_model_folder(tmp_path / "model", files)
    with pytest.raises(ModelError, match=f"expected a model folder, found a file\nHint: give the folder: {tmp_path}"):
        find_model(tmp_path / "model" / "weights.hdf5")


def test_weights_must_be_there_once(tmp_path: Path, files: ModelFiles) -> None:
    write_model_folder(tmp_path, files)
    shutil.copy(tmp_path / "weights.hdf5", tmp_path / "model.hdf5")
    assert bits(read_model_folder(tmp_path)) == bits(files)
    (tmp_path / "weights.hdf5").rename(tmp_path / "lm_weights.hdf5")
    with pytest.raises(ModelError, match=r"expected one weights.hdf5, found lm_weights.hdf5, model.hdf5\nHint: name"):
        read_model_folder(tmp_path)
    (tmp_path / "lm_weights.hdf5").unlink()
    (tmp_path / "model.hdf5").unlink()
    with pytest.raises(ModelError, match=r"expected weights.hdf5, found model.json, options.json, softmax.hdf5, start"):
        read_model_folder(tmp_path)


def test_a_softmax_must_fit_the_options(tmp_path: Path, files: ModelFiles) -> None:
    write_model_folder(tmp_path, files)
    options = json.loads((tmp_path / "options.json").read_text())
    (tmp_path / "options.json").write_text(json.dumps(options | {"n_tokens_vocab": 99}))
    with pytest.raises(ModelError, match=r"softmax.hdf5: 2 problems\n  softmax/W: expected float32 \(99, 5\), found"):
        read_model_folder(tmp_path)


def test_a_start_state_must_fit_the_options(tmp_path: Path, files: ModelFiles) -> None:
    write_model_folder(tmp_path / "one", files)
    other = ModelConfig(char_cnn=CONFIG.char_cnn, lstm=LstmConfig(cell_dim=9, projection_dim=5))
    write_model_folder(tmp_path / "two", ModelFiles(config=other, weights=random_model(other, seed=1)))
    shutil.copy(tmp_path / "one" / "start_state.hdf5", tmp_path / "two")
    with pytest.raises(ModelError, match=r"c: expected float32 \(2, 2, 9\), found float32 \(2, 2, 8\)\nHint: without"):
        read_model_folder(tmp_path / "two")


def test_a_spoilt_model_json_is_an_error(tmp_path: Path, files: ModelFiles) -> None:
    write_model_folder(tmp_path, files)
    (tmp_path / "model.json").write_text("[1, 2]")
    with pytest.raises(ModelError, match=r"model.json: expected a JSON object, found \[1, 2\]"):
        read_model_folder(tmp_path)


def test_a_place_that_cannot_be_written_to_is_an_error(tmp_path: Path, files: ModelFiles) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_model_folder(tmp_path / "file" / "model", files)


def test_the_figures_of_a_model_are_its_own(tmp_path: Path, files: ModelFiles) -> None:
    figures = describe_model(files)
    assert list(figures)[:3] == ["input", "character_embedding_dim", "filters"]
    assert figures["vector_dim"] == 10
    assert figures["vector_layers"] == 3
    assert figures["parameters"] == sum(array.size for array in files.weights.values())
    assert figures["parameters_with_softmax"] == figures["parameters"] + V * 5 + V
    assert figures["softmax_classes"] == V
    assert figures["start_state"] is True
    assert figures["note"] == "größer"
    json.dumps(figures)


def test_the_figures_of_the_small_preset_are_the_published_ones() -> None:
    shapes = expected_datasets(SMALL.model)
    nothing = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    figures = describe_model(ModelFiles(config=SMALL.model, weights=nothing))
    assert figures["parameters"] == 13_593_296 == count_parameters(SMALL.model)
    assert figures["parameters_with_softmax"] is None
    assert figures["softmax_classes"] is None


def test_what_a_model_says_of_itself_cannot_change_its_figures() -> None:
    files = ModelFiles(config=CONFIG, weights=random_model(CONFIG, seed=1), info={"parameters": 1, "corpus": "books"})
    assert describe_model(files)["parameters"] == count_parameters(CONFIG)
    assert describe_model(files)["corpus"] == "books"


def test_word_ids_have_no_figures_of_characters() -> None:
    config = ModelConfig(char_cnn=None, lstm=CONFIG.lstm)
    figures = describe_model(ModelFiles(config=config, weights=random_model(config, 1, V)))
    assert figures["input"] == "word ids"
    assert "filters" not in figures
    assert figures["parameters"] == count_parameters(config, V)
