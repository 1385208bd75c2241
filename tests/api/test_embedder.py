"""AllenNLP 0.9's ``ElmoEmbedder``: signatures, shapes, files (reference/allennlp.md, 5 and 7.2)."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmo_cli import Elmo, ElmoEmbedder, batch_to_ids
from elmo_cli.errors import ConfigError, TextError

Files = tuple[Path, Path]
SENTENCES = [["The", "sentence", "."], ["a", "bank"], []]


def test_signatures_are_allennlps() -> None:
    names = list(inspect.signature(ElmoEmbedder).parameters)
    assert names[:3] == ["options_file", "weight_file", "cuda_device"]
    assert list(inspect.signature(ElmoEmbedder.embed_file).parameters)[1:] == [
        "input_file",
        "output_file_path",
        "output_format",
        "batch_size",
        "forget_sentences",
        "use_sentence_keys",
    ]


@pytest.mark.parametrize("state", ["warm", "zero", "carry"])
def test_every_method_gives_the_module_s_layers(files: Files, state: str) -> None:
    embedder = ElmoEmbedder(*files, state=state)
    vectors, mask = embedder.batch_to_embeddings(SENTENCES)
    assert vectors.shape == (3, 3, 3, 10)
    assert mask.tolist() == [[True] * 3, [True, True, False], [False] * 3]
    assert vectors.transpose(1, 2)[~mask].abs().max() == 0
    for layer in range(3):
        picked = [1.0 if number == layer else -9e10 for number in range(3)]
        elmo = Elmo(*files, 1, dropout=0.0, scalar_mix_parameters=picked, state=state)
        expected = elmo(batch_to_ids(SENTENCES))["elmo_representations"][0]
        torch.testing.assert_close(vectors[:, layer], expected, rtol=0, atol=2e-6)
    embedder.reset_states()
    for one, array in zip(embedder.embed_sentences(SENTENCES, batch_size=3), vectors.numpy(), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(array[:, : one.shape[1]], one, rtol=0, atol=1e-6)


def test_carried_batches_of_three_are_tensorflows(shared: Path) -> None:
    folder = shared / "fixtures/bilm"
    embedder = ElmoEmbedder(folder / "options.json", folder / "lm_weights.hdf5", state="carry")
    lists = json.loads((folder / "lm_embeddings_sentences.json").read_text(encoding="utf-8"))
    in_order = [sentences[place].split() for place in range(10) for sentences in lists]
    files = [h5py.File(folder / f"lm_embeddings_{number}.hdf5") for number in range(3)]
    for number, vectors in enumerate(embedder.embed_sentences(in_order, batch_size=3)):
        forward, backward = files[number % 3][str(number // 3)][...]
        np.testing.assert_allclose(vectors[2], np.concatenate([forward, backward], axis=1), rtol=0, atol=2e-6)


def test_empty_sentences_and_batches_have_the_model_s_own_sizes(folder: Path) -> None:
    embedder = ElmoEmbedder(model_dir=folder)
    empty = embedder.embed_sentence([])
    assert (empty.shape, empty.dtype) == ((3, 0, 10), np.float32)
    assert embedder.embed_batch([]) == []
    assert [array.shape for array in embedder.embed_batch([["a"], []])] == [(3, 1, 10), (3, 0, 10)]
    assert embedder.batch_to_embeddings([[], []])[0].shape == (2, 3, 0, 10)


def test_sentences_and_tokens_may_come_from_generators_and_are_taken_as_they_are_needed(folder: Path) -> None:
    embedder = ElmoEmbedder(model_dir=folder)
    expected = embedder.embed_batch(SENTENCES)
    taken = []

    def sentences() -> Iterator[Iterator[str]]:
        for sentence in SENTENCES:
            taken.append(len(sentence))
            yield iter(sentence)

    for got in (embedder.embed_batch(sentences()), list(embedder.embed_sentences(sentences(), batch_size=2))):
        assert all(np.allclose(one, other, rtol=0, atol=1e-6) for one, other in zip(got, expected, strict=True))
    assert embedder.batch_to_embeddings(sentences())[1].sum() == 5
    taken.clear()
    next(embedder.embed_sentences(sentences(), batch_size=1))
    assert taken == [3]


@pytest.mark.parametrize("state", ["warm", "carry"])
def test_a_very_long_sentence_is_computed_beside_short_ones(files: Files, state: str) -> None:
    embedder = ElmoEmbedder(*files, state=state)
    long, short = ["word", "other", "."] * 2_000, ["a"]
    vectors = embedder.embed_batch([short, long, short])
    assert [array.shape for array in vectors] == [(3, 1, 10), (3, 6_000, 10), (3, 1, 10)]
    assert all(np.isfinite(array).all() for array in vectors)
    assert np.array_equal(vectors[0], vectors[2])


def test_vectors_of_length_one_on_request(folder: Path, tmp_path: Path) -> None:
    plain, scaled = ElmoEmbedder(model_dir=folder), ElmoEmbedder(model_dir=folder, normalize=True)
    vectors = plain.embed_sentence(SENTENCES[0])
    expected = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    np.testing.assert_allclose(scaled.embed_sentence(SENTENCES[0]), expected, rtol=0, atol=1e-6)
    padded, mask = scaled.batch_to_embeddings(SENTENCES)
    np.testing.assert_allclose(padded.norm(dim=-1), mask[:, None].expand(-1, 3, -1), rtol=0, atol=1e-6)
    (tmp_path / "in.txt").write_text("The sentence .")
    scaled.embed_file((tmp_path / "in.txt").open(), tmp_path / "out.hdf5", "average")
    with h5py.File(tmp_path / "out.hdf5") as file:
        mean = vectors.mean(0)
        np.testing.assert_allclose(file["0"], mean / np.linalg.norm(mean, axis=1, keepdims=True), rtol=0, atol=1e-6)
        assert file.attrs["normalized"] == "every vector has length 1"


def test_inside_of_autocast_vectors_are_the_same(folder: Path) -> None:
    expected = ElmoEmbedder(model_dir=folder).embed_sentence(SENTENCES[0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert np.array_equal(ElmoEmbedder(model_dir=folder).embed_sentence(SENTENCES[0]), expected)


@pytest.mark.parametrize("text", ["", "\n", "a\n \n", "a\n\u3000\n"])
def test_files_of_nothing_and_of_blank_lines(folder: Path, tmp_path: Path, text: str) -> None:
    embedder = ElmoEmbedder(model_dir=folder)
    (tmp_path / "in.txt").write_text(text, encoding="utf-8")
    source = (tmp_path / "in.txt").open(encoding="utf-8")
    if text:
        with pytest.raises(TextError, match=r"line \d: blank, where a sentence was expected\nHint: remove blank lines"):
            embedder.embed_file(source, tmp_path / "out.hdf5")
        assert not (tmp_path / "out.hdf5").exists()
    else:
        embedder.embed_file(source, tmp_path / "out.hdf5")
        with h5py.File(tmp_path / "out.hdf5") as file:
            assert list(file) == []
    assert source.closed


def test_a_very_long_line_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("short\n" + "word " * 5_000 + "\n")
    ElmoEmbedder(model_dir=folder).embed_file((tmp_path / "in.txt").open(), tmp_path / "out.hdf5", "top")
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert (file["0"].shape, file["1"].shape) == ((1, 10), (5_000, 10))


LINES = ["The bank .", "a / b", "The bank ."]


@pytest.mark.parametrize(("output_format", "shape"), [("all", (3, 3, 10)), ("top", (3, 10)), ("average", (3, 10))])
def test_a_file_has_a_dataset_for_every_line(
    folder: Path, tmp_path: Path, output_format: str, shape: tuple[int, ...]
) -> None:
    embedder = ElmoEmbedder(model_dir=folder)
    (tmp_path / "in.txt").write_text("\n".join(LINES) + "\n")
    source = (tmp_path / "in.txt").open()
    embedder.embed_file(source, str(tmp_path / "out.hdf5"), output_format, batch_size=2)
    assert source.closed
    layers = embedder.embed_sentence(LINES[0].split())
    expected = {"all": layers, "top": layers[2], "average": layers.mean(0)}[output_format]
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert set(file) == {"0", "1", "2", "sentence_to_index"}
        assert json.loads(file["sentence_to_index"][0]) == {"The bank .": "2", "a / b": "1"}
        assert file["0"].shape == shape
        np.testing.assert_allclose(file["2"][...], expected, rtol=0, atol=1e-6)


def test_a_file_without_sentences_or_with_sentences_as_keys(folder: Path, tmp_path: Path) -> None:
    embedder = ElmoEmbedder(model_dir=folder)
    (tmp_path / "in.txt").write_text("\n".join(LINES[:2]))
    embedder.embed_file((tmp_path / "in.txt").open(), tmp_path / "out.hdf5", forget_sentences=True)
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert set(file) == {"0", "1"}
    embedder.embed_file((tmp_path / "in.txt").open(), tmp_path / "keys.hdf5", use_sentence_keys=True)
    with h5py.File(tmp_path / "keys.hdf5") as file:
        assert file["The bank ."].shape == file["a / b"].shape == (3, 3, 10)


def test_errors_say_what_was_expected(files: Files, folder: Path, tmp_path: Path) -> None:
    embedder = ElmoEmbedder(model_dir=folder)
    (tmp_path / "in.txt").write_text("a\n\nb\n")
    with pytest.raises(TextError, match="line 2: blank, where a sentence was expected"):
        embedder.embed_file((tmp_path / "in.txt").open(), tmp_path / "out.hdf5")
    (tmp_path / "in.txt").write_text("a\na\n")
    with pytest.raises(
        TextError, match=r"line 2: expected a sentence that is no key yet, .*\nHint: leave use_sentence_keys"
    ):
        embedder.embed_file((tmp_path / "in.txt").open(), tmp_path / "out.hdf5", use_sentence_keys=True)
    assert not (tmp_path / "out.hdf5").exists()
    with (tmp_path / "in.txt").open() as file, pytest.raises(ConfigError, match="output_format='best': expected all"):
        embedder.embed_file(file, tmp_path / "out.hdf5", "best")
    with pytest.raises(ConfigError, match="options_file and weight_file: expected a path, found None"):
        ElmoEmbedder()
    with pytest.raises(ConfigError, match="expected one or the other, found both"):
        ElmoEmbedder(*files, model_dir=folder)
    with pytest.raises(ConfigError, match="state='hot': expected warm, zero, carry"):
        ElmoEmbedder(*files, state="hot")
    with pytest.raises(ConfigError, match="batch_size=0: expected at least 1"):
        list(embedder.embed_sentences([["a"]], batch_size=0))
    with pytest.raises(ValueError, match="found a string in the place of one"):
        embedder.embed_batch(["a", "sentence"])


def test_what_stops_a_file_leaves_nothing_and_does_not_hinder_the_next(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = ElmoEmbedder(model_dir=folder, state="carry")
    (tmp_path / "in.txt").write_text("a b\nc\nd\n")
    real, calls = embedder._embed, []

    def failing(batch: object) -> list[np.ndarray]:
        calls.append(batch)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(batch)

    monkeypatch.setattr(embedder, "_embed", failing)
    with pytest.raises(KeyboardInterrupt):
        embedder.embed_file((tmp_path / "in.txt").open(), tmp_path / "out.hdf5", batch_size=1)
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]
    embedder.reset_states()
    embedder.embed_file((tmp_path / "in.txt").open(), tmp_path / "out.hdf5", batch_size=1)
    embedder.reset_states()
    expected = [real([line.split()])[0] for line in ("a b", "c", "d")]
    with h5py.File(tmp_path / "out.hdf5") as file:
        for number, array in enumerate(expected):
            assert np.array_equal(file[str(number)][...], array)
        assert file.attrs["layout"] == "allennlp"


def test_a_batch_has_a_sentence_at_least(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n")
    with (tmp_path / "in.txt").open() as file, pytest.raises(ConfigError, match="batch_size=0: expected at least 1"):
        ElmoEmbedder(model_dir=folder).embed_file(file, tmp_path / "out.hdf5", batch_size=0)
