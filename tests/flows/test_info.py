"""What ``elmo info`` sees at a path."""

from pathlib import Path

import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig, TextConfig
from elmo_cli.errors import ElmoError
from elmo_cli.flows.info import info
from elmo_cli.flows.prepare import prepare
from elmo_cli.flows.reports import InfoResult
from elmo_cli.formats.features import FeatureWriter
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from elmo_cli.text.store import build_store
from elmo_cli.text.vocabulary import Vocabulary
from tests import numpy_elmo as reference


def look(path: Path) -> InfoResult:
    (result,) = info(path)
    assert isinstance(result, InfoResult)
    assert result.path == str(path)
    return result


def test_a_model_shows_its_architecture_and_size(tmp_path: Path) -> None:
    config = ModelConfig(char_cnn=CharCnnConfig(filters=((1, 8),)), lstm=LstmConfig(cell_dim=6, projection_dim=4))
    weights = reference.random_model(config, seed=1)
    write_model_folder(tmp_path / "model", ModelFiles(config=config, weights=weights, info={"tool": "test"}))
    result = look(tmp_path / "model")
    assert result.kind == "model"
    assert result.figures["parameters"] == sum(array.size for array in weights.values())
    assert result.figures["vector_dim"] == 8
    assert result.figures["tool"] == "test"


def test_corpora_stores_and_vocabularies_show_their_counts(tmp_path: Path) -> None:
    raw = tmp_path / "raw.txt"
    raw.write_text("the end .\nthe start .\n" * 10, encoding="utf-8")
    list(prepare([str(raw)], tmp_path / "corpus", text=TextConfig(tokenizer="whitespace"), held_out=0.1))
    corpus = look(tmp_path / "corpus")
    assert corpus.kind == "prepared corpus"
    assert corpus.figures["sentences"] + corpus.figures["held_out_sentences"] == 20
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "the", "."], np.array([20, 20, 20, 20, 20]))
    vocabulary.write(tmp_path / "vocab.txt")
    seen = look(tmp_path / "vocab.txt")
    assert seen.kind == "vocabulary"
    assert (seen.figures["words"], seen.figures["order"]) == (5, "by falling count")
    list(build_store([raw], vocabulary, tmp_path / "store", 50))
    store = look(tmp_path / "store")
    assert store.kind == "corpus store"
    assert (store.figures["tokens"], store.figures["word_types"]) == (60, 7)


def test_features_show_what_they_were_made_with(tmp_path: Path) -> None:
    with FeatureWriter(tmp_path / "out.hdf5", attributes={"state": "warm"}) as features:
        features.write(0, np.zeros((3, 2, 4), np.float32))
    result = look(tmp_path / "out.hdf5")
    assert result.kind == "features"
    assert (result.figures["sentences"], result.figures["state"]) == (1, "warm")


def test_nothing_and_something_else_are_named(tmp_path: Path) -> None:
    with pytest.raises(ElmoError, match="nowhere: no such file or folder"):
        look(tmp_path / "nowhere")
    with pytest.raises(ElmoError, match=r"expected options\.json and weights\.hdf5, found nothing"):
        look(tmp_path)
