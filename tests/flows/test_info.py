"""What ``elmo info`` sees at a path."""

from pathlib import Path

import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig, SplitConfig, TextConfig
from elmo_cli.errors import ElmoError, TextError
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.info import info
from elmo_cli.flows.model_results import InfoResult
from elmo_cli.flows.models.export import export
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_writer import open_writer
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from elmo_cli.text.count_files import write_counts
from elmo_cli.text.counting import WordCounts, count_sentences
from elmo_cli.text.store_building import build_store
from elmo_cli.text.vocabulary import Vocabulary
from tests import numpy_elmo as reference
from tests.formats import containers, feature_cases


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


def test_a_model_shows_the_norms_of_its_layers_and_the_sizes_of_its_files(tmp_path: Path) -> None:
    cnn = CharCnnConfig(filters=((1, 8),), highways=2)
    config = ModelConfig(char_cnn=cnn, lstm=LstmConfig(cell_dim=6, projection_dim=4))
    weights = reference.random_model(config, seed=1)
    softmax = (np.full((5, 4), 2, np.float32), np.full(5, 4, np.float32))
    write_model_folder(tmp_path / "model", ModelFiles(config=config, weights=weights, softmax=softmax))
    figures = look(tmp_path / "model").figures
    cells = "RNN_{}/RNN/MultiRNNCell/Cell{}"
    beginnings = {
        "character embedding": "char_embed",
        "convolutions": "CNN/",
        "highway 1": "CNN_high_0",
        "highway 2": "CNN_high_1",
        "token projection": "CNN_proj",
        "forward LSTM layer 1": cells.format(0, 0),
        "forward LSTM layer 2": cells.format(0, 1),
        "backward LSTM layer 1": cells.format(1, 0),
        "backward LSTM layer 2": cells.format(1, 1),
    }
    expected = {
        layer: np.linalg.norm(
            np.concatenate([array.ravel() for name, array in weights.items() if name.startswith(begin)])
        )
        for layer, begin in beginnings.items()
    }
    assert figures["weight_norms"] == pytest.approx({**expected, "softmax": np.sqrt(20 * 4 + 5 * 16)}, rel=1e-5)
    assert list(figures["weight_norms"]) == [*beginnings, "softmax"]
    assert figures["file_bytes"] == {file.name: file.stat().st_size for file in (tmp_path / "model").iterdir()}


def test_a_model_of_word_ids_has_the_norm_of_its_table(tmp_path: Path) -> None:
    config = ModelConfig(char_cnn=None, lstm=LstmConfig(layers=1, cell_dim=6, projection_dim=4))
    write_model_folder(tmp_path / "model", ModelFiles(config=config, weights=reference.random_model(config, seed=1)))
    norms = look(tmp_path / "model").figures["weight_norms"]
    assert list(norms) == ["word table", "forward LSTM layer 1", "backward LSTM layer 1"]


@pytest.mark.parametrize(("to", "name"), [("nlpl", "out.zip"), ("safetensors", "out")])
def test_an_exported_model_shows_what_the_model_shows(tmp_path: Path, to: str, name: str) -> None:
    config = ModelConfig(char_cnn=CharCnnConfig(filters=((1, 8),)), lstm=LstmConfig(cell_dim=6, projection_dim=4))
    write_model_folder(tmp_path / "model", ModelFiles(config=config, weights=reference.random_model(config, seed=1)))
    list(export(tmp_path / "model", tmp_path / name, to=to))
    folder, exported = look(tmp_path / "model"), look(tmp_path / name)
    assert exported.kind == "model"
    sizes = exported.figures.pop("file_bytes")
    assert "options.json" in folder.figures.pop("file_bytes")
    assert exported.figures == folder.figures
    assert all(size > 0 for size in sizes.values())


@pytest.mark.parametrize("form", containers.FORMS)
def test_every_container_shows_the_same_architecture(tmp_path: Path, form: str) -> None:
    path = containers.write_form(tmp_path, form)
    result = look(path)
    assert result.kind == "model"
    shown = {name: result.figures[name] for name in ("filters", "cell_dim", "parameters", "vector_dim", "highways")}
    weights = reference.random_model(containers.CONFIG, seed=1)
    assert shown == {
        "filters": [[1, 3], [2, 4], [3, 5]],
        "cell_dim": 9,
        "parameters": sum(array.size for array in weights.values()),
        "vector_dim": 10,
        "highways": 2,
    }
    norm = float(np.linalg.norm(weights["char_embed"]))
    assert result.figures["weight_norms"]["character embedding"] == pytest.approx(norm, rel=1e-5)
    assert sum(result.figures["file_bytes"].values()) > 0


@pytest.mark.parametrize("form", ["model.zip", "best.th", "model.tar.gz"])
def test_a_model_at_an_address_shows_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("ELMO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SSL_CERT_FILE", str(containers.TLS / "certificate.pem"))
    path = containers.write_form(tmp_path, form)
    expected = look(path).figures
    del expected["file_bytes"]
    with containers.serving(tls=True) as server:
        server.files[f"/{form}"] = path.read_bytes()
        address = f"{server.address}/{form}"
        (result,) = info(Path(address))  # as the command line hands it over, with one slash less
    assert isinstance(result, InfoResult)
    assert (result.path, result.kind) == (address, "model")
    for figures in (expected, result.figures):
        figures.pop("vocabulary")  # its place differs
    assert result.figures == expected


def test_corpora_stores_and_vocabularies_show_their_counts(tmp_path: Path) -> None:
    raw = tmp_path / "raw.txt"
    raw.write_text("the end .\nthe start .\n" * 10, encoding="utf-8")
    list(
        prepare(
            [str(raw)], tmp_path / "corpus", text=TextConfig(tokenizer="whitespace"), split=SplitConfig(held_out=0.1)
        )
    )
    corpus = look(tmp_path / "corpus")
    assert corpus.kind == "prepared corpus"
    assert corpus.figures["sentences"] + corpus.figures["held_out_sentences"] == 20
    assert (corpus.figures["source_files"], corpus.figures["source_bytes"]) == (1, raw.stat().st_size)
    assert corpus.figures["documents"] == 1
    assert corpus.figures["scripts"] == {"Latin": 60 + 80, "punctuation and symbols": 20}
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "the", "."], np.array([20, 20, 20, 20, 20]))
    vocabulary.write(tmp_path / "vocab.txt")
    seen = look(tmp_path / "vocab.txt")
    assert seen.kind == "vocabulary"
    assert (seen.figures["words"], seen.figures["order"]) == (5, "by falling count")
    counts = WordCounts(max_types=9)
    counts.add(count_sentences([["the", "."]] * 20))
    for name in ("counts.tsv", "counts.tsv.gz"):
        write_counts(tmp_path / name, counts, TextConfig(language="fi"))
        counted = look(tmp_path / name)
        assert counted.kind == "count file"
        assert (counted.figures["word_types"], counted.figures["tokens"]) == (2, 40)
        assert counted.figures["text"]["language"] == "fi"
    with pytest.raises(TextError, match=r"raw\.txt:\d+: .*\nHint: .*vocab --check FILE; for a text: elmo prepare TEXT"):
        look(raw)
    list(build_store([raw], vocabulary, tmp_path / "store", 50))
    store = look(tmp_path / "store")
    assert store.kind == "corpus store"
    assert (store.figures["tokens"], store.figures["word_types"]) == (60, 7)


def test_features_show_what_they_were_made_with(tmp_path: Path) -> None:
    with open_writer(tmp_path / "out.hdf5", form=FeatureForm(width=4), attributes={"state": "warm"}) as features:
        features.write(0, np.zeros((3, 2, 4), np.float32))
        features.finish()
    result = look(tmp_path / "out.hdf5")
    assert result.kind == "features"
    assert (result.figures["sentences"], result.figures["state"]) == (1, "warm")


@pytest.mark.parametrize(
    "form", [form for form in feature_cases.forms() if form.dtype == "float32" and form.layers], ids=feature_cases.shown
)
def test_features_of_every_layout_show_what_they_are(tmp_path: Path, form: FeatureForm) -> None:
    for path in feature_cases.write_all(tmp_path, form).paths:
        result = look(path)
        assert result.kind == "features"
        figures = result.figures
        assert (figures["sentences"], figures["tokens"]) == (len(feature_cases.LENGTHS), sum(feature_cases.LENGTHS))
        assert (figures["layout"], figures["state"], figures["width"]) == (form.layout, "warm", feature_cases.WIDTH)
        files = path.iterdir() if path.is_dir() else [path]
        assert figures["file_bytes"] == {file.name: file.stat().st_size for file in files}


def test_nothing_and_something_else_are_named(tmp_path: Path) -> None:
    with pytest.raises(ElmoError, match="nowhere: no such file or folder"):
        look(tmp_path / "nowhere")
    with pytest.raises(ElmoError, match=r"expected options\.json and weights\.hdf5, found nothing"):
        look(tmp_path)
