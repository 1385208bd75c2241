"""Models written for other programs come back to the bit, and say what is known of them."""

import json
import os
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ConfigError, ModelError, OutputError, TextError
from elmo_cli.flows.model_results import ExportResult
from elmo_cli.flows.models import export as export_module
from elmo_cli.flows.models.export import export
from elmo_cli.flows.models.loaded import load_model
from elmo_cli.flows.reports import Notice, Progress
from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.model_folder import write_model_folder
from elmo_cli.formats.model_source import open_model
from tests import numpy_elmo as reference

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 3), (2, 4)), highways=1, max_characters=50),
    lstm=LstmConfig(cell_dim=9, projection_dim=5),
)
WORDS = ["<S>", "</S>", "<UNK>", "the", "bank", "Über", "naïve"]
INFO = {
    "training": {"words": 12345, "sentences": 678, "steps": 90, "epochs": 1.5},
    "held_out": {"perplexity": 184.9, "forward": 190.1, "backward": 180.0, "definition": "exp of the mean loss"},
    "note": "größer",
}


def made_up(folder: Path, config: ModelConfig = CONFIG, **changes: Any) -> ModelFiles:
    """A model with every part there is."""
    rng = np.random.default_rng(7)
    V, lstm = len(WORDS), config.lstm
    vocabulary = folder / "words.txt"
    vocabulary.write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    files = ModelFiles(
        config=config,
        weights=reference.random_model(config, seed=3, vocabulary_size=V),
        softmax=(rng.normal(size=(V, lstm.projection_dim)).astype("f4"), rng.normal(size=V).astype("f4")),
        start_state=(
            rng.normal(size=(lstm.layers, 2, lstm.cell_dim)).astype("f4"),
            rng.normal(size=(lstm.layers, 2, lstm.projection_dim)).astype("f4"),
        ),
        vocabulary_path=vocabulary,
        info=INFO,
    )
    return replace(files, **changes)


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    write_model_folder(tmp_path / "model", made_up(tmp_path))
    return tmp_path / "model"


def run(model_dir: Path, out: Path, **options: Any) -> ExportResult:
    *_, result = export(model_dir, out, device="cpu", threads=1, **options)
    assert isinstance(result, ExportResult)
    return result


def bits(files: ModelFiles) -> dict[str, bytes]:
    arrays = dict(files.weights)
    for name, pair in (("softmax", files.softmax), ("start_state", files.start_state)):
        arrays |= {f"{name} {number}": array for number, array in enumerate(pair or ())}
    return {name: array.tobytes() for name, array in arrays.items()}


OUTS = {"hdf5": "out", "nlpl": "out.zip", "safetensors": "out"}
CONFIGS = {
    "characters": CONFIG,
    "word ids": replace(CONFIG, char_cnn=None),
    "one layer, no projection": replace(
        CONFIG, lstm=LstmConfig(layers=1, cell_dim=5, projection_dim=5, residual=False)
    ),
}


@pytest.mark.parametrize("to", OUTS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_model_comes_back_to_the_bit(tmp_path: Path, to: str, config: ModelConfig) -> None:
    files = made_up(tmp_path, config)
    files.weights[next(iter(files.weights))].flat[:2] = [-0.0, 1e-42]  # what a detour through text or halves would lose
    write_model_folder(tmp_path / "model", files)
    result = run(tmp_path / "model", tmp_path / OUTS[to], to=to)
    read = open_model(tmp_path / OUTS[to])
    assert bits(read) == bits(files)
    assert (read.config, read.info) == (files.config, INFO)
    assert result.parameters == sum(array.size for array in files.weights.values())
    assert result.softmax
    run(tmp_path / OUTS[to], tmp_path / "again", to="hdf5")
    for name in ("options.json", "weights.hdf5", "softmax.hdf5", "start_state.hdf5", "vocab.txt", "model.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "model" / name).read_bytes(), name


@pytest.mark.parametrize("to", OUTS)
def test_the_counts_of_the_words_go_along_and_come_back(tmp_path: Path, to: str) -> None:
    files = made_up(tmp_path)
    counts = "".join(f"{word}\t{90 - number}\n" for number, word in enumerate(WORDS))
    (tmp_path / "words.counts.tsv").write_text(counts, encoding="utf-8")
    write_model_folder(tmp_path / "model", files)
    run(tmp_path / "model", tmp_path / OUTS[to], to=to)
    vocabulary = load_model(tmp_path / OUTS[to]).vocabulary
    assert vocabulary is not None and vocabulary.counts_V is not None
    assert vocabulary.counts_V.tolist() == [90 - number for number in range(len(WORDS))]
    run(tmp_path / OUTS[to], tmp_path / "again", to="hdf5")
    assert (tmp_path / "again" / "vocab.counts.tsv").read_text(encoding="utf-8") == counts


@pytest.mark.parametrize("to", OUTS)
def test_the_softmax_stays_behind_when_it_should(model_dir: Path, tmp_path: Path, to: str) -> None:
    result = run(model_dir, tmp_path / OUTS[to], to=to, softmax=False, card=False)
    assert not result.softmax
    read = open_model(tmp_path / OUTS[to])
    assert read.softmax is None
    assert read.weights.keys() == open_model(model_dir).weights.keys()


def test_the_folder_is_as_other_programs_read_it(model_dir: Path, tmp_path: Path) -> None:
    result = run(model_dir, tmp_path / "out", to="hdf5")
    names = ["README.md", "model.json", "options.json", "softmax.hdf5", "start_state.hdf5", "vocab.txt", "weights.hdf5"]
    assert result.files == names == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert result.bytes == sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    options = json.loads((tmp_path / "out" / "options.json").read_text())
    assert options["char_cnn"]["n_characters"] == 262
    with h5py.File(tmp_path / "out" / "weights.hdf5") as file:
        assert file["RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_0"].shape == (10, 36)
        assert "softmax" not in file


def test_the_same_model_gives_the_same_archive(model_dir: Path, tmp_path: Path) -> None:
    run(model_dir, tmp_path / "first.zip", to="nlpl", card=False)
    for file in model_dir.iterdir():
        os.utime(file, (0, 0))
    run(model_dir, tmp_path / "second.zip", to="nlpl", card=False)
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        assert {"options.json", "model.hdf5", "vocab.txt"} <= set(archive.namelist())
        assert archive.testzip() is None
        assert archive.read("vocab.txt").decode().split() == WORDS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.zip", "model", "second.zip", "words.txt"]


def test_a_model_that_allennlp_cannot_read_is_exported_with_a_warning(tmp_path: Path) -> None:
    cnn = CharCnnConfig(embedding_dim=4, filters=((1, 5),), max_characters=20)
    config = ModelConfig(char_cnn=cnn, lstm=LstmConfig(cell_dim=5, projection_dim=5, residual=False))
    write_model_folder(tmp_path / "model", made_up(tmp_path, config))
    reports = list(export(tmp_path / "model", tmp_path / "out", to="hdf5"))
    (warning,) = [report.text for report in reports if isinstance(report, Notice) and report.warning]
    assert warning == (
        "AllenNLP cannot read this model: it has no residual connections; its LSTM has no projection; "
        "its character CNN has no projection; it reads 20 characters of a word, and AllenNLP always gives 50"
    )


def test_a_model_that_everybody_reads_has_no_warning(model_dir: Path, tmp_path: Path) -> None:
    assert len(list(export(model_dir, tmp_path / "out", to="hdf5"))) == 1


@pytest.mark.parametrize(("to", "name"), [("hdf5", "out"), ("nlpl", "out.zip"), ("safetensors", "out")])
def test_the_python_of_the_card_runs(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, name: str
) -> None:
    run(model_dir, tmp_path / name, to=to, language="no", license_name="mit", corpus="Old books")
    if to == "nlpl":
        with zipfile.ZipFile(tmp_path / name) as archive:
            card = archive.read("README.md").decode()
    else:
        card = (tmp_path / name / "README.md").read_text(encoding="utf-8")
    assert card.startswith('---\nlanguage: "no"\nlicense: "mit"\nlibrary_name: elmo-cli\ntags:\n- elmo\n')
    assert "| Corpus | Old books |" in card
    assert "| Tokens | 12,345 |" in card
    monkeypatch.chdir(tmp_path)
    code, *others = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["model"].fingerprint == load_model(model_dir).fingerprint
    assert len(others) == (to == "safetensors")
    for program in others:
        monkeypatch.chdir(tmp_path / name)
        exec(program, names)
        assert names["tensors"].keys() >= open_model(model_dir).weights.keys()


def read_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """As gensim reads them: a header, then words and numbers between single spaces."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    V, D = map(int, header.split())
    rows = [line.split(" ") for line in lines]
    assert [len(row) for row in rows] == [D + 1] * V
    return [row[0] for row in rows], np.array([row[1:] for row in rows], np.float32)


def test_vectors_are_those_of_the_token_layer(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "TYPES_AT_ONCE", 2)
    (tmp_path / "list.txt").write_text("bank\nriver\nÜber\n<S>\nx\n", encoding="utf-8")
    reports = list(
        export(model_dir, tmp_path / "v.txt", to="word2vec", vectors=tmp_path / "list.txt", device="cpu", threads=1)
    )
    words, vectors = read_vectors(tmp_path / "v.txt")
    assert words == ["bank", "river", "Über", "<S>", "x"]
    ids = np.array([reference.word_characters(word, 50) for word in words])
    np.testing.assert_allclose(vectors, reference.token_vectors(open_model(model_dir).weights, CONFIG, ids), atol=1e-6)
    assert [report.done for report in reports if isinstance(report, Progress)] == [2, 4, 5]
    result = reports[-1]
    assert isinstance(result, ExportResult)
    assert (result.words, result.width, result.parameters) == (5, 5, None)
    assert result.bytes == (tmp_path / "v.txt").stat().st_size


def test_without_a_list_the_words_are_the_vocabulary(model_dir: Path, tmp_path: Path) -> None:
    assert run(model_dir, tmp_path / "v.txt", to="word2vec").words == len(WORDS)
    assert read_vectors(tmp_path / "v.txt")[0] == WORDS


def test_a_model_of_word_ids_gives_the_rows_of_its_table_to_the_bit(tmp_path: Path) -> None:
    files = made_up(tmp_path, replace(CONFIG, char_cnn=None))
    write_model_folder(tmp_path / "model", files)
    run(tmp_path / "model", tmp_path / "all.txt", to="word2vec")
    assert np.array_equal(read_vectors(tmp_path / "all.txt")[1], files.weights["embedding"])
    (tmp_path / "list.txt").write_text("bank\nriver\n")
    reports = list(export(tmp_path / "model", tmp_path / "v.txt", to="word2vec", vectors=tmp_path / "list.txt"))
    notices = [report.text for report in reports if isinstance(report, Notice)]
    assert notices == ["1 of 2 words are not in the model's vocabulary and get <UNK>'s vector"]
    assert np.array_equal(read_vectors(tmp_path / "v.txt")[1], files.weights["embedding"][[4, 2]])


def test_words_need_a_vocabulary_or_a_list(tmp_path: Path) -> None:
    write_model_folder(tmp_path / "model", made_up(tmp_path, softmax=None, vocabulary_path=None))
    assert load_model(tmp_path / "model").vocabulary is None
    with pytest.raises(ModelError, match="no vocabulary to take words from"):
        run(tmp_path / "model", tmp_path / "v.txt", to="word2vec")
    config = replace(CONFIG, char_cnn=None)
    write_model_folder(tmp_path / "ids", made_up(tmp_path, config, softmax=None, vocabulary_path=None))
    with pytest.raises(ModelError, match="a model of word ids without its vocabulary"):
        run(tmp_path / "ids", tmp_path / "v.txt", to="word2vec")


def test_a_word_with_whitespace_inside_is_refused_and_nothing_appears(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("bank\nNew York\n")
    with pytest.raises(TextError, match=r"list\.txt:2: expected one word, found whitespace inside 'New York'"):
        run(model_dir, tmp_path / "v.txt", to="word2vec", vectors=tmp_path / "list.txt")
    assert not (tmp_path / "v.txt").exists()


def test_what_is_there_stays_unless_overwriting_is_asked_for(model_dir: Path, tmp_path: Path) -> None:
    for to, name in {**OUTS, "word2vec": "v.txt"}.items():
        run(model_dir, tmp_path / name, to=to, overwrite=True)
        with pytest.raises(OutputError, match=f"{name}: there is something already"):
            run(model_dir, tmp_path / name, to=to)


@pytest.mark.parametrize("to", ["hdf5", "nlpl", "safetensors", "word2vec"])
def test_a_folder_that_is_no_model_is_never_replaced(model_dir: Path, tmp_path: Path, to: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="home: a folder that is no exported model; all in it would be deleted"):
        run(model_dir, tmp_path / "home", to=to, overwrite=True)
    assert (tmp_path / "home" / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "onnx"}, "--to onnx: expected hdf5, nlpl, safetensors, word2vec"),
        (
            {"to": "hdf5", "vectors": Path("w.txt")},
            r"--vectors w\.txt with --to hdf5: a word list is for --to word2vec",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(model_dir: Path, tmp_path: Path, options, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(model_dir, tmp_path / "out", **options)
