"""Text files to HDF5: layout, layers, blank lines, and nothing half-written."""

import io
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ConfigError, OutputError, TextError
from elmo_cli.flows import embed as embed_module
from elmo_cli.flows.embed import embed
from elmo_cli.flows.embedding import SentenceEmbedder
from elmo_cli.flows.models import load_model, start_state
from elmo_cli.flows.reports import EmbedResult, Notice
from elmo_cli.formats.features import read_features
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from tests import numpy_elmo as reference

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 3), (2, 4), (3, 5)), highways=1, max_characters=12),
    lstm=LstmConfig(cell_dim=9, projection_dim=5),
)
LINES = ["The bank of the river .", "Hello", "A bank , with money", "Ärger über Ö", "Hello", "x " * 30 + "y"]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embed") / "model"
    write_model_folder(folder, ModelFiles(config=CONFIG, weights=reference.random_model(CONFIG, seed=3)))
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def run(model_dir: Path, text: Path | str, out: Path, **options: Any) -> EmbedResult:
    *_, result = embed(model_dir, str(text), out, device="cpu", threads=1, **options)
    assert isinstance(result, EmbedResult)
    return result


def test_the_file_is_in_allennlps_layout(model_dir: Path, text: Path, tmp_path: Path) -> None:
    result = run(model_dir, text, tmp_path / "out.hdf5")
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert set(file) == {"0", "1", "2", "3", "4", "5", "sentence_to_index"}
        for number, line in enumerate(LINES):
            assert file[str(number)].shape == (3, len(line.split()), 10)
            assert file[str(number)].dtype == np.float32
        index = json.loads(file["sentence_to_index"][0])
        assert index == {line.strip(): str(number) for number, line in enumerate(LINES)}
        assert index["Hello"] == "4"
        assert file.attrs["state"] == "warm"
        assert file.attrs["layers"] == "all"
        assert file.attrs["model"] == load_model(model_dir).fingerprint
    assert (result.sentences, result.tokens, result.shape) == (
        6,
        sum(len(line.split()) for line in LINES),
        "(3, n, 10)",
    )


def test_layers_are_those_of_the_full_array(model_dir: Path, text: Path, tmp_path: Path) -> None:
    arrays = {}
    for layers in ("all", "top", "average", "0", "1", "2"):
        run(model_dir, text, tmp_path / f"{layers}.hdf5", layers=layers)
        with read_features(tmp_path / f"{layers}.hdf5") as features:
            arrays[layers] = dict(iter(features))
    for number in range(len(LINES)):
        every = arrays["all"][number]
        assert np.array_equal(arrays["top"][number], every[2])
        np.testing.assert_allclose(arrays["average"][number], every.mean(axis=0), atol=1e-6)
        for layer in range(3):
            assert np.array_equal(arrays[str(layer)][number], every[layer])


@pytest.mark.parametrize("policy", ["warm", "zero"])
def test_vectors_do_not_depend_on_windows_batches_or_order(
    model_dir: Path, text: Path, tmp_path: Path, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(model_dir, text, tmp_path / "usual.hdf5", state=policy)
    backwards = tmp_path / "backwards.txt"
    backwards.write_text("\n".join(LINES[::-1]), encoding="utf-8")
    monkeypatch.setattr(embed_module, "WINDOW_TOKENS", 5)
    run(model_dir, backwards, tmp_path / "other.hdf5", state=policy, batch_tokens=3)
    with read_features(tmp_path / "usual.hdf5") as usual, read_features(tmp_path / "other.hdf5") as other:
        for number in range(len(LINES)):
            np.testing.assert_allclose(usual[number], other[len(LINES) - 1 - number], rtol=0, atol=1e-5)
        assert np.array_equal(usual[1], usual[4])


def test_carried_state_goes_on_from_batch_to_batch(model_dir: Path, text: Path, tmp_path: Path) -> None:
    run(model_dir, text, tmp_path / "out.hdf5", state="carry", batch_sentences=2)
    model = load_model(model_dir)
    embedder = SentenceEmbedder(model, start_state(model, "zero")[0], carry=True)
    with read_features(tmp_path / "out.hdf5") as features:
        for first in (0, 2, 4):
            batch = [line.split() for line in LINES[first : first + 2]]
            for place, vectors in enumerate(embedder.embed_batch(batch)):
                assert np.array_equal(features[first + place], vectors)
        assert not np.allclose(features[1], features[4], atol=1e-3)


def test_blank_lines_are_an_error_unless_chosen_otherwise(model_dir: Path, tmp_path: Path) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "out.hdf5"
    text.write_text("One\n\nTwo\n \t\nThree\n", encoding="utf-8")
    with pytest.raises(TextError, match=r"text\.txt:2: blank line, .* \(first such lines: 2, 4\)") as caught:
        run(model_dir, text, out)
    assert "--blank-lines skip" in caught.value.hint
    assert not out.exists()

    skipped = run(model_dir, text, out, blank_lines="skip")
    with read_features(out) as features:
        assert features.indexes.tolist() == [0, 2, 4]
    assert (skipped.sentences, skipped.blank_lines) == (3, 2)

    run(model_dir, text, out, blank_lines="empty", overwrite=True)
    with read_features(out) as features:
        assert features.indexes.tolist() == [0, 1, 2, 3, 4]
        assert features[1].shape == (3, 0, 10)
        assert features[1].dtype == np.float32
        assert features[4].shape == (3, 1, 10)


def test_standard_input_is_read(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Grüße an alle\nund du\n".encode())))
    result = run(model_dir, "-", tmp_path / "out.hdf5")
    assert (result.sentences, result.tokens) == (2, 5)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one\n\ntwo\n")))
    with pytest.raises(TextError, match=r"-:2: blank line"):
        run(model_dir, "-", tmp_path / "none.hdf5")
    assert not (tmp_path / "none.hdf5").exists()


def test_the_models_own_tokenizer_is_used_unless_another_is_named(tmp_path: Path, model_dir: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Hello, world!\n", encoding="utf-8")
    assert run(model_dir, text, tmp_path / "published.hdf5").tokens == 2
    assert run(model_dir, text, tmp_path / "words.hdf5", tokenizer="words").tokens == 4
    raw = tmp_path / "raw"
    files = ModelFiles(
        config=CONFIG, weights=reference.random_model(CONFIG, seed=3), info={"text": {"tokenizer": "words"}}
    )
    write_model_folder(raw, files)
    assert run(raw, text, tmp_path / "own.hdf5").tokens == 4


def test_other_versions_of_the_libraries_that_cut_text_are_warned_of(tmp_path: Path) -> None:
    info = {"text": {"tokenizer": "words"}, "libraries": {"sentencex": "0.1"}}
    weights = reference.random_model(CONFIG, seed=3)
    write_model_folder(tmp_path / "model", ModelFiles(config=CONFIG, weights=weights, info=info))
    (tmp_path / "text.txt").write_text("Hello\n")
    reports = list(
        embed(tmp_path / "model", str(tmp_path / "text.txt"), tmp_path / "out.hdf5", device="cpu", threads=1)
    )
    warnings = [report.text for report in reports if isinstance(report, Notice) and report.warning]
    assert len(warnings) == 1
    assert "(the model's text: 0.1); it may be cut elsewhere" in warnings[0]


def test_an_existing_file_stays_unless_overwriting_is_asked_for(model_dir: Path, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.hdf5"
    out.write_text("precious")
    with pytest.raises(OutputError, match=r"out\.hdf5: there is such a file already"):
        run(model_dir, text, out)
    assert out.read_text() == "precious"
    run(model_dir, text, out, overwrite=True)
    with read_features(out) as features:
        assert len(features) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "3"}, r"--layers 3: this model has all, top, average and the layers 0 to 2"),
        ({"layers": "bottom"}, r"--layers bottom: this model has"),
        ({"state": "hot"}, r"--state hot: expected warm, zero, carry"),
        ({"blank_lines": "ignore"}, r"--blank-lines ignore: expected error, skip, empty"),
        ({"batch_tokens": 0}, r"batches of 0 tokens, 64 sentences: expected at least 1"),
    ],
)
def test_options_that_do_not_exist_are_refused(
    model_dir: Path, text: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(model_dir, text, tmp_path / "out.hdf5", **options)
    assert not (tmp_path / "out.hdf5").exists()


def test_a_text_without_sentences_and_several_texts_are_refused(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(TextError, match=r"empty\.txt: no sentence to embed"):
        run(model_dir, tmp_path / "empty.txt", tmp_path / "out.hdf5", blank_lines="skip")
    assert not (tmp_path / "out.hdf5").exists()
    (tmp_path / "full.txt").write_text("word\n")
    with pytest.raises(TextError, match="2 files, and one file of vectors has one text's lines"):
        run(model_dir, tmp_path, tmp_path / "out.hdf5")
