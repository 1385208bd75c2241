"""Text files to HDF5: layout, layers, blank lines, and nothing half-written."""

import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, InputConfig, LstmConfig, ModelConfig, VectorConfig
from elmo_cli.errors import ConfigError, OutputError, TextError
from elmo_cli.flows.model_results import EmbedResult
from elmo_cli.flows.models.loaded import load_model, start_state
from elmo_cli.flows.reports import Notice
from elmo_cli.flows.vectors import agreement, line_windows
from elmo_cli.flows.vectors.embed import embed
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.formats.feature_reader import read_any
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from elmo_cli.model import precision
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
    chosen = {name: options.pop(name) for name in list(options) if name in VectorConfig.__dataclass_fields__}
    *_, result = embed(model_dir, str(text), out, vectors=VectorConfig(**chosen), device="cpu", threads=1, **options)
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
        with read_any(tmp_path / f"{layers}.hdf5") as features:
            arrays[layers] = list(features)
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
    monkeypatch.setattr(line_windows, "WINDOW_TOKENS", 5)
    run(model_dir, backwards, tmp_path / "other.hdf5", state=policy, batch_tokens=3)
    with read_any(tmp_path / "usual.hdf5") as usual, read_any(tmp_path / "other.hdf5") as other:
        for number in range(len(LINES)):
            np.testing.assert_allclose(usual[number], other[len(LINES) - 1 - number], rtol=0, atol=1e-5)
        assert np.array_equal(usual[1], usual[4])


def test_carried_state_goes_on_from_batch_to_batch(model_dir: Path, text: Path, tmp_path: Path) -> None:
    run(model_dir, text, tmp_path / "out.hdf5", state="carry", batch_sentences=2)
    model = load_model(model_dir)
    embedder = SentenceEmbedder(model, start_state(model, "zero")[0], carry=True)
    with read_any(tmp_path / "out.hdf5") as features:
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
    with read_any(out) as features:
        assert features.lines.tolist() == [0, 2, 4]
    assert (skipped.sentences, skipped.blank_lines) == (3, 2)

    run(model_dir, text, out, blank_lines="empty", overwrite=True)
    with read_any(out) as features:
        assert features.lines.tolist() == [0, 1, 2, 3, 4]
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
    with read_any(out) as features:
        assert len(features) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "3"}, r"--layers 3: this model has all, top, average, weighted and the layers 0 to 2"),
        ({"layers": "bottom"}, r"--layers bottom: this model has"),
        ({"state": "hot"}, r"--state hot: expected warm, zero, carry"),
        ({"blank_lines": "ignore"}, r"--blank-lines ignore: expected error, skip, empty"),
        ({"batch_tokens": 0}, r"--batch-tokens 0: expected at least 1"),
        ({"batch_sentences": 0}, r"--batch-sentences 0: expected at least 1"),
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


def test_records_and_compressed_text_get_the_vectors_of_their_lines(
    model_dir: Path, text: Path, tmp_path: Path
) -> None:
    run(model_dir, text, tmp_path / "plain.hdf5")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text.read_bytes()))
    records = "\n".join(json.dumps({"body": {"text": line}}) for line in LINES)
    (tmp_path / "b.jsonl").write_text(records)
    (tmp_path / "c.tagged").write_text("\n\n".join("\n".join(f"{word}\tX" for word in line.split()) for line in LINES))
    for name, field in (("a.txt.gz", "text"), ("b.jsonl", "body.text"), ("c.tagged", "text")):
        run(model_dir, tmp_path / name, tmp_path / "out.hdf5", reading=InputConfig(field=field), overwrite=True)
        with read_any(tmp_path / "plain.hdf5") as expected, read_any(tmp_path / "out.hdf5") as found:
            assert found.lines.tolist() == expected.lines.tolist()
            for vectors, same in zip(found, expected, strict=True):
                np.testing.assert_allclose(vectors, same, atol=1e-6)


def test_what_was_lost_in_reading_is_said(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a \xff\nb\n")
    warnings = {
        "replace": "bytes that were not utf-8 became U+FFFD in 1 places",
        "skip": "1 lines or records could not be read and have no vectors",
    }
    for errors, warning in warnings.items():
        reports = embed(
            model_dir,
            str(tmp_path / "a.txt"),
            tmp_path / "out.hdf5",
            reading=InputConfig(decode_errors=errors),
            device="cpu",
            overwrite=True,
        )
        assert Notice(text=warning, warning=True) in list(reports)
    with read_any(tmp_path / "out.hdf5") as features:
        assert features.lines.tolist() == [1]


def read_all(path: Path) -> list[np.ndarray]:
    with read_any(path) as features:
        return [np.asarray(features[position]) for position in range(len(features))]


@pytest.mark.parametrize("format", ["hdf5", "npy", "safetensors", "parquet"])
def test_layout_flat_has_the_same_vectors_in_every_container(
    model_dir: Path, text: Path, tmp_path: Path, format: str
) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    run(model_dir, text, tmp_path / "plain.hdf5")
    out = tmp_path / f"flat.{format}"
    result = run(model_dir, text, out, layout="flat", format=format)
    assert (result.sentences, result.layout, result.format) == (6, "flat", format)
    assert result.file_bytes > 4 * 30 * result.tokens
    for found, expected in zip(read_all(out), read_all(tmp_path / "plain.hdf5"), strict=True):
        assert np.array_equal(found, expected)
    with read_any(out) as features:
        assert features.tokens(2) == LINES[2].split()
        assert features.sentence(1) == "Hello"


def test_numbers_may_be_shorter_and_compressed(model_dir: Path, text: Path, tmp_path: Path) -> None:
    run(model_dir, text, tmp_path / "plain.hdf5")
    for dtype, compression in (("float16", "gzip"), ("bfloat16-rounded", "lzf")):
        out = tmp_path / f"{dtype}.hdf5"
        run(model_dir, text, out, dtype=dtype, compression=compression)
        with h5py.File(out) as file:
            assert (file["0"].compression, file.attrs["dtype"]) == (compression, dtype)
        for found, expected in zip(read_all(out), read_all(tmp_path / "plain.hdf5"), strict=True):
            np.testing.assert_allclose(found, expected, rtol=2**-8, atol=1e-3)


def test_elmoformanylangs_layout_has_a_file_for_each_layer(model_dir: Path, text: Path, tmp_path: Path) -> None:
    result = run(model_dir, text, tmp_path / "m.hdf5", layout="manylangs")
    assert result.path == ", ".join(str(tmp_path / f"m.ly{number}.hdf5") for number in range(3))
    assert (result.sentences, result.left_out) == (5, 1)  # "Hello" stands there twice
    with h5py.File(tmp_path / "m.ly2.hdf5") as file:
        assert file["A\tbank\t,\twith\tmoney"].shape == (5, 10)


def test_sentences_may_be_keys_and_may_be_forgotten(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("one two\nthree\n")
    run(model_dir, tmp_path / "text.txt", tmp_path / "keys.hdf5", sentence_keys=True)
    run(model_dir, tmp_path / "text.txt", tmp_path / "none.hdf5", forget_sentences=True)
    with h5py.File(tmp_path / "keys.hdf5") as keys, h5py.File(tmp_path / "none.hdf5") as none:
        assert set(keys) == {"one two", "three"}
        assert set(none) == {"0", "1"}
        assert np.array_equal(keys["one two"][...], none["0"][...])


def test_word_types_and_the_token_layer_are_those_of_the_full_array(
    model_dir: Path, text: Path, tmp_path: Path
) -> None:
    run(model_dir, text, tmp_path / "all.hdf5")
    result = run(model_dir, text, tmp_path / "types.hdf5", word_types=True)
    assert result.shape == "(n, 5)"
    for found, expected in zip(read_all(tmp_path / "types.hdf5"), read_all(tmp_path / "all.hdf5"), strict=True):
        assert np.array_equal(found, expected[0, :, :5])
    run(model_dir, text, tmp_path / "carried.hdf5", layers="0", state="carry", batch_sentences=2)
    for found, expected in zip(read_all(tmp_path / "carried.hdf5"), read_all(tmp_path / "all.hdf5"), strict=True):
        assert np.array_equal(found, expected[0])


def test_a_sentence_may_get_one_vector(model_dir: Path, text: Path, tmp_path: Path) -> None:
    run(model_dir, text, tmp_path / "all.hdf5")
    for layout in ("allennlp", "flat"):
        out = tmp_path / f"{layout}.hdf5"
        result = run(model_dir, text, out, sentence_vectors="mean", normalize=True, layout=layout)
        assert result.shape == "(3, 1, 10)"
        for found, expected in zip(read_all(out), read_all(tmp_path / "all.hdf5"), strict=True):
            mean = expected.mean(axis=1, keepdims=True)
            np.testing.assert_allclose(found, mean / np.linalg.norm(mean, axis=2, keepdims=True), atol=1e-5)
    with h5py.File(out) as file:
        assert file.attrs["vectors"] == "one per sentence: mean"
        assert file.attrs["normalized"] == "every vector has length 1"
        assert len(file["vectors"]) == len(LINES)


def test_pairs_are_two_lines_each(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("one two\tthree\nfour\tone two\n")
    run(model_dir, tmp_path / "pairs.tsv", tmp_path / "flat.hdf5", pairs=True, layout="flat")
    with read_any(tmp_path / "flat.hdf5") as features:
        assert features.lines.tolist() == [0, 1, 2, 3]
        assert [features.key(position) for position in range(4)] == ["0:a", "0:b", "1:a", "1:b"]
        assert features.attributes["pairs"] == "of line i text_a is 2 i and text_b 2 i + 1"
        np.testing.assert_allclose(features[0], features[3], atol=1e-6)


def test_sentences_of_a_document_know_nothing_of_each_other(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("One dog barks. Two cats sleep.\n")
    (tmp_path / "lines.txt").write_text("One dog barks.\nTwo cats sleep.\n")
    options = {"tokenizer": "words"}
    run(model_dir, tmp_path / "text.txt", tmp_path / "split.hdf5", split_sentences=True, **options)
    run(model_dir, tmp_path / "text.txt", tmp_path / "whole.hdf5", **options)
    run(model_dir, tmp_path / "lines.txt", tmp_path / "lines.hdf5", **options)
    (split,), (whole,), lines = (read_all(tmp_path / f"{name}.hdf5") for name in ("split", "whole", "lines"))
    np.testing.assert_allclose(split, np.concatenate(lines, axis=1), atol=1e-6)
    assert whole.shape == split.shape
    assert not np.allclose(whole, split, atol=1e-3)


def test_a_file_says_how_its_vectors_were_made(model_dir: Path, text: Path, tmp_path: Path) -> None:
    run(model_dir, text, tmp_path / "out.hdf5", layers="weighted", weights=(0.5, 0.25, 0.25), state="zero")
    with h5py.File(tmp_path / "out.hdf5") as file:
        attributes = dict(file.attrs)
    assert attributes["model"] == load_model(model_dir).fingerprint
    expected = {"layers": "weighted", "weights": "0.5,0.25,0.25", "gamma": "1", "state": "zero", "dtype": "float32"}
    expected |= {"layout": "allennlp", "format_version": 1, "sentences": 6, "tokenizer": "whitespace"}
    assert {name: attributes[name] for name in expected} == expected
    assert attributes["tool"].startswith("elmo ")
    assert "batch_sentences" not in attributes
    run(model_dir, text, tmp_path / "carried.hdf5", state="carry", batch_sentences=3)
    (tmp_path / "text.tagged").write_text("Hello\tX\n")
    run(model_dir, tmp_path / "text.tagged", tmp_path / "tagged.hdf5", tokenizer="words")
    with h5py.File(tmp_path / "carried.hdf5") as carried, h5py.File(tmp_path / "tagged.hdf5") as tagged:
        assert carried.attrs["batch_sentences"] == "3"
        assert tagged.attrs["tokenizer"] == "as given"


def test_it_says_where_a_layout_without_tokens_hides_how_the_text_was_cut(model_dir: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The bank of H. gammarus .\nThe bank .\nIt's open.\n", encoding="utf-8")

    def said(number: int, tokenizer: str = "words", **chosen: Any) -> list[str]:
        options = {"vectors": VectorConfig(**chosen), "tokenizer": tokenizer, "device": "cpu", "threads": 1}
        flow = embed(model_dir, str(text), tmp_path / f"{number}.hdf5", **options)  # type: ignore[arg-type]
        return [one.text for one in flow if isinstance(one, Notice) and "tokens" in one.text]

    what = "2 of 3 lines looked at have tokens other than what is between spaces, and layout allennlp keeps no tokens: "
    assert said(0) == [what + "--layout flat keeps them, --tokenizer whitespace cuts at spaces"]
    assert said(1, layout="bilm") == [said(2)[0].replace("allennlp", "bilm")]
    assert said(3, tokenizer="whitespace") == said(4, layout="flat") == said(5, sentence_vectors="mean") == []


def test_int8_is_compared_with_float32_first_and_recorded(model_dir: Path, text: Path, tmp_path: Path) -> None:
    options = {"device": "cpu", "threads": 1, "precision": "int8"}
    *reports, result = embed(model_dir, str(text), tmp_path / "out.hdf5", **options)
    said = [report.text for report in reports if isinstance(report, Notice) and report.text.startswith("int8: ")]
    tokens = sum(len(line.split()) for line in LINES)
    assert len(said) == 1
    assert re.fullmatch(
        rf"int8: the worst cosine to float32 is (0\.99\d\d|1\.0000), the mean (0\.99\d\d|1\.0000) "
        rf"\({tokens} words of this text, "
        r"every layer of the LSTMs\)",
        said[0],
    ), said
    assert isinstance(result, EmbedResult)
    assert result.precision == "int8"
    exact = run(model_dir, text, tmp_path / "exact.hdf5")
    assert exact.precision == "fp32"
    with h5py.File(tmp_path / "out.hdf5") as file, h5py.File(tmp_path / "exact.hdf5") as other:
        assert (file.attrs["precision"], other.attrs["precision"]) == ("int8", "fp32")
        assert np.array_equal(file["0"][0], other["0"][0]), "the token layer is float32"
        assert not np.array_equal(file["0"][1], other["0"][1])
        assert np.abs(file["0"][1] - other["0"][1]).max() < 0.05


def test_a_model_that_does_not_bear_int8_is_refused(
    model_dir: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "LEAST_COSINE", 1.1)
    with pytest.raises(ConfigError, match=r"precision int8: the worst cosine to float32 is .*at least 1\.1 was"):
        run(model_dir, text, tmp_path / "out.hdf5", precision="int8")
    assert not (tmp_path / "out.hdf5").exists()


def test_precisions_that_cannot_be_are_named(model_dir: Path, text: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="precision tf32: CPUs have no such products") as error:
        run(model_dir, text, tmp_path / "out.hdf5", precision="tf32")
    assert error.value.hint is not None and "--precision bf16" in error.value.hint
    with pytest.raises(ConfigError, match="precision fp8: expected fp32, tf32, bf16, int8"):
        run(model_dir, text, tmp_path / "out.hdf5", precision="fp8")


def test_a_processor_without_units_for_bf16_is_warned_of(
    model_dir: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_fast_bf16", lambda device: False)
    reports = list(embed(model_dir, str(text), tmp_path / "out.hdf5", device="cpu", threads=1, precision="bf16"))
    warnings = [report.text for report in reports if isinstance(report, Notice) and report.warning]
    assert "precision bf16: this processor has no units for it, so it is slower than --precision fp32" in warnings
    assert reports[-1].precision == "bf16"


def test_who_else_uses_the_cores_is_said(
    model_dir: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmo_cli.cores.CoreWatch.note", lambda _: "others are at work")
    reports = list(embed(model_dir, str(text), tmp_path / "out.hdf5", vectors=VectorConfig(), device="cpu", threads=1))
    assert ("others are at work", True) in [(one.text, one.warning) for one in reports if isinstance(one, Notice)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"state": "carry", "split_sentences": True},
            "--state carry and --split-sentences: expected one sentence a line",
        ),
        ({"blank_lines": "empty", "sentence_keys": True}, "--blank-lines empty: a line without tokens cannot be a key"),
        ({"blank_lines": "empty", "layout": "manylangs"}, "--blank-lines empty: a line without tokens cannot be a key"),
        ({"format": "npy"}, "format npy holds layout flat, and not allennlp"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    model_dir: Path, text: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(model_dir, text, tmp_path / "out.hdf5", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


RECORDS = {
    "a.jsonl": "".join(json.dumps({"id": f"doc/{n}", "text": line}) + "\n" for n, line in enumerate(LINES)),
    "a.csv": "id,text\n" + "".join(f'doc/{n},"{line}"\n' for n, line in enumerate(LINES)),
    "a.conllu": "".join(
        f"# id = doc/{n}\n" + "".join(f"{place}\t{word}\n" for place, word in enumerate(line.split(), 1)) + "\n"
        for n, line in enumerate(LINES)
    ),
}


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize(
    "form",
    [{}, {"layout": "flat"}, {"layout": "flat", "format": "npy"}, {"layout": "flat", "format": "parquet"}],
    ids=str,
)
def test_records_keep_their_identifiers(
    model_dir: Path, text: Path, tmp_path: Path, name: str, form: dict[str, str]
) -> None:
    if form.get("format") == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    (tmp_path / name).write_text(RECORDS[name], encoding="utf-8")
    run(model_dir, text, tmp_path / "plain.hdf5")
    run(model_dir, tmp_path / name, tmp_path / "out", reading=InputConfig(id_field="id"), **form)
    with read_any(tmp_path / "out") as found, read_any(tmp_path / "plain.hdf5") as expected:
        assert [found.key(position) for position in range(len(found))] == [f"doc/{number}" for number in range(6)]
        for number in range(6):
            np.testing.assert_allclose(found.by_key(f"doc/{number}"), expected[number], atol=1e-6)
        assert found.find("Hello") == 4
        assert found.sentence(2) == LINES[2]
        with pytest.raises(KeyError, match="doc/6"):
            found.by_key("doc/6")
        with pytest.raises(KeyError, match="no sentence 'nothing'"):
            found.find("nothing")


def test_identifiers_are_the_keys_that_allennlps_readers_find(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(RECORDS["a.jsonl"], encoding="utf-8")
    run(model_dir, tmp_path / "a.jsonl", tmp_path / "out.hdf5", reading=InputConfig(id_field="id"))
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert set(file) == {"doc", "sentence_to_index"}
        assert file["doc/3"].shape == (3, 3, 10)
        found = json.loads(file["sentence_to_index"][0])
        assert found["Hello"] == "doc/4"
        assert file[found["A bank , with money"]].shape == (3, 5, 10)
        assert file.attrs["keys"] == "identifiers"
    options = {"reading": InputConfig(id_field="id"), "forget_sentences": True, "overwrite": True}
    run(model_dir, tmp_path / "a.jsonl", tmp_path / "out.hdf5", **options)
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert set(file) == {"doc"}


def test_identifiers_of_pairs_have_the_side_behind_them(model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"n": 17, "text": "one\\ttwo three"}\n')
    run(model_dir, tmp_path / "a.jsonl", tmp_path / "out.hdf5", reading=InputConfig(id_field="n"), pairs=True)
    with read_any(tmp_path / "out.hdf5") as features:
        assert [features.key(position) for position in range(2)] == ["17:a", "17:b"]
        assert features.by_key("17:b").shape == (3, 2, 10)


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        (
            "a.jsonl",
            '{"id": 1, "text": "a"}\n{"id": "b", "text": "a"}\n{"id": "1", "text": "b"}\n',
            {},
            r"a\.jsonl:3: expected an identifier that no record before has, found '1', as in line 1\nHint: .*--id-",
        ),
        ("a.jsonl", '{"text": "a"}\n', {}, r"a\.jsonl:1: the JSON object has no field 'id'.*\nHint: .*--id-field"),
        (
            "a.jsonl",
            '{"id": "", "text": "a"}\n',
            {},
            r"a\.jsonl:1: expected an identifier in the field 'id', found",
        ),
        (
            "a.jsonl",
            '{"id": 1.5, "text": "a"}\n',
            {},
            "expected a string or a whole number in the field 'id', found a num",
        ),
        ("a.csv", "text\na\n", {}, r"a\.csv:1: no column is called 'id'; .*\nHint: name another one with --id-field"),
        ("a.csv", "id,text\n ,a\n", {}, r"a\.csv:2: expected an identifier in column 1, found nothing"),
        ("a.conllu", "1\ta\n\n", {}, r"a\.conllu:1: expected a comment '# id = \.\.\.' above the sentence, found none"),
        ("a.txt", "a\n", {}, "--id-field id: expected a format whose records have fields, found text"),
        ("a.jsonl", '{"id": "a", "text": "a"}\n', {"layout": "bilm"}, "layout bilm has no place for identifiers"),
        ("a.jsonl", '{"id": "a", "text": "a"}\n', {"sentence_keys": True}, "expected one of them as keys, found both"),
        (
            "a.jsonl",
            '{"id": "sentence_to_index", "text": "a"}\n',
            {},
            r"a\.jsonl:1: expected an identifier that is no key yet, nor part of one, found 'sentence_to_index'",
        ),
        (
            "a.jsonl",
            '{"id": "/", "text": "a"}\n',
            {},
            r"a\.jsonl:1: expected an identifier that can be a key in HDF5, found '/'",
        ),
    ],
)
def test_identifiers_that_cannot_be_are_named(
    model_dir: Path, tmp_path: Path, name: str, content: str, options: dict[str, Any], message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises((TextError, ConfigError), match=message):
        run(model_dir, tmp_path / name, tmp_path / "out.hdf5", reading=InputConfig(id_field="id"), **options)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_existing_file_is_refused_before_the_text_is_read(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.txt").write_text("\n")  # reading it would be another error
    for name, layout in (("out.hdf5", "flat"), ("out.ly1.hdf5", "manylangs")):
        (tmp_path / name).touch()
        with pytest.raises(OutputError, match=rf"{name}: there is such a file already"):
            run(model_dir, tmp_path / "text.txt", tmp_path / "out.hdf5", layout=layout)
        (tmp_path / name).unlink()
