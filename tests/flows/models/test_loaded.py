"""Models out of every container compute what the NumPy network computes."""

import gzip
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from elmo_cli.config import ModelConfig, TextConfig, to_dict
from elmo_cli.errors import ModelError, TextError
from elmo_cli.flows.models import loaded as models
from elmo_cli.flows.models.loaded import LoadedModel, load_model, other_libraries, start_state
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.formats.model_source import open_model
from elmo_cli.formats.safetensors_file import write_safetensors_model
from elmo_cli.formats.weights import write_softmax
from tests import numpy_elmo as reference
from tests.formats import containers

SENTENCES = [["the", "zwölf", "."], ["<UNK>", "the", "the", "."], ["."]]


def require_same_vectors(
    model: LoadedModel, weights: reference.Weights, config: ModelConfig, tolerance: float = 1e-6
) -> None:
    """Both from zeros; in float64, so that only what was read can differ."""
    model.bilm.double()
    got = SentenceEmbedder(model, start_state(model, "zero")[0]).embed(SENTENCES, 100)
    if config.char_cnn is not None:
        width = config.char_cnn.max_characters
        ids = [reference.sentence_characters(sentence, width) for sentence in SENTENCES]
    else:
        ids = [np.array([0, *(containers.WORDS.index(word) for word in words), 1]) for words in SENTENCES]
    state = reference.zero_state(config, rows=len(SENTENCES))
    expected, _ = reference.embed(weights, config, ids, state)
    for vectors, wanted in zip(got, expected, strict=True):
        np.testing.assert_allclose(vectors, wanted, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", containers.VARIANTS)
def test_every_variant_of_the_published_files_loads(tmp_path: Path, name: str) -> None:
    config = containers.VARIANTS[name]
    weights = containers.write_published(tmp_path, config)
    model = load_model(str(tmp_path))
    assert model.bilm.config == config
    assert model.text.tokenizer == "whitespace"
    require_same_vectors(model, weights, config)


def test_absent_and_null_clips_are_no_clips(tmp_path: Path) -> None:
    config = containers.VARIANTS["no clips"]
    for folder, absent in ((tmp_path / "null", False), (tmp_path / "absent", True)):
        weights = containers.write_published(folder, config)
        options = json.loads((folder / "options.json").read_text())
        assert options["lstm"]["cell_clip"] is None
        if absent:
            del options["lstm"]["cell_clip"], options["lstm"]["proj_clip"]
            (folder / "options.json").write_text(json.dumps(options))
        require_same_vectors(load_model(folder), weights, config)


def test_one_layer_loads_under_the_names_that_bilm_tf_gives_it(tmp_path: Path) -> None:
    config = containers.VARIANTS["one layer"]
    weights = containers.write_published(tmp_path, config)
    short = {name.replace("MultiRNNCell/Cell0/", ""): array for name, array in weights.items()}
    (tmp_path / "weights.hdf5").write_bytes(containers.hdf5_bytes(short))
    require_same_vectors(load_model(tmp_path), weights, config)


@pytest.mark.parametrize("place", ["in the weights file", "beside it"])
def test_a_softmax_is_found_in_either_place(tmp_path: Path, place: str) -> None:
    stem = "elmo_2x9_5_12cnn_2xhighway_"
    weights = containers.write_published(tmp_path, stem=stem)
    (tmp_path / "vocab-2016-09-10.txt").write_text("\n".join(containers.WORDS) + "\n", encoding="utf-8")
    W_VD, b_V = containers.random_softmax()
    if place == "beside it":
        write_softmax(tmp_path / f"{stem}softmax_weights.hdf5", W_VD, b_V)
    else:
        with h5py.File(tmp_path / f"{stem}weights.hdf5", "r+") as file:
            file["softmax/W"], file["softmax/b"] = W_VD, b_V
    model = load_model(tmp_path)
    assert model.softmax is not None
    assert model.softmax.weight_VD.numpy().tobytes() == W_VD.tobytes()
    assert model.softmax.bias_V.numpy().tobytes() == b_V.tobytes()
    require_same_vectors(model, weights, containers.CONFIG)


def test_without_its_softmax_a_model_has_vectors_still(tmp_path: Path) -> None:
    weights = containers.write_published(tmp_path)
    model = load_model(tmp_path)
    assert model.softmax is None
    require_same_vectors(model, weights, containers.CONFIG)


@pytest.mark.parametrize("folder", ["", "159/"])
@pytest.mark.parametrize("packed_words", [False, True])
def test_an_nlpl_pack_loads_as_it_is(tmp_path: Path, folder: str, packed_words: bool) -> None:
    members, weights = containers.pack_members(packed_words=packed_words)
    containers.write_zip(tmp_path / "159.zip", members, folder=folder)
    model = load_model(tmp_path / "159.zip")
    assert model.path == tmp_path / "159.zip"
    assert model.vocabulary is not None and model.vocabulary.words == containers.WORDS
    require_same_vectors(model, weights, containers.CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["159.zip"]


@pytest.mark.parametrize("packed_words", [False, True])
def test_an_unpacked_nlpl_folder_loads(tmp_path: Path, packed_words: bool) -> None:
    members, weights = containers.pack_members(packed_words=packed_words)
    for name, data in members.items():
        (tmp_path / name).write_bytes(data)
    model = load_model(tmp_path)
    assert model.vocabulary is not None and model.vocabulary.words == containers.WORDS
    require_same_vectors(model, weights, containers.CONFIG)


def test_a_published_pair_loads_from_the_address_of_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELMO_CACHE", str(tmp_path / "cache"))
    weights = containers.write_published(tmp_path / "site", stem="elmo_tiny_")
    with containers.serving() as server:
        server.files = {f"/{path.name}": path.read_bytes() for path in (tmp_path / "site").iterdir()}
        address = f"{server.address}/elmo_tiny_options.json"
        model = load_model(address)
        # A path that went through pathlib has one slash less.
        again = load_model(Path(address))
        pair = load_model(address, weights=f"{server.address}/elmo_tiny_weights.hdf5")
        assert len(server.asked) == 2
    assert model.fingerprint == again.fingerprint == pair.fingerprint
    require_same_vectors(model, weights, containers.CONFIG)


@pytest.mark.parametrize("form", ["state dict", "old state dict", "archive"])
def test_an_allennlp_checkpoint_loads(tmp_path: Path, form: str) -> None:
    weights = reference.random_model(containers.CONFIG, seed=1)
    prefix = "text_field_embedder.token_embedder_elmo._elmo."
    state = containers.allennlp_state(weights, containers.CONFIG, prefix=prefix)
    state["tag_projection_layer.weight"] = torch.ones(3, 10)
    path = tmp_path / "best.th"
    if form == "archive":
        path = tmp_path / "model.tar.gz"
        containers.write_tar(path, {"config.json": b"{}", "weights.th": containers.torch_bytes(state)})
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "state dict")
    model = load_model(path)
    assert model.info["module"] == prefix.removesuffix(".")
    require_same_vectors(model, weights, containers.CONFIG)


def test_a_folder_of_safetensors_loads(tmp_path: Path) -> None:
    weights = containers.write_published(tmp_path / "published")
    write_safetensors_model(tmp_path / "hub", open_model(tmp_path / "published"))
    model = load_model(tmp_path / "hub")
    assert model.path == tmp_path / "hub"
    require_same_vectors(model, weights, containers.CONFIG)


SPOILT = [
    (b"\xff\n", "vocab.txt: expected UTF-8: .*0xff"),
    (b"<S>\n\nthe\n", "vocab.txt:2: blank line; expected one word\nHint: delete the line"),
    (b"<S>\r\nthe\r\nthe\r\n", "vocab.txt:3: 'the' stands already in line 2\nHint: delete one of them"),
]


@pytest.mark.parametrize(("words", "message"), SPOILT)
def test_a_spoilt_vocabulary_in_an_archive_is_an_error(tmp_path: Path, words: bytes, message: str) -> None:
    members, _ = containers.pack_members()
    containers.write_zip(tmp_path / "model.zip", {**members, "vocab.txt": words})
    with pytest.raises(TextError, match=rf"model\.zip/{message}"):
        load_model(tmp_path / "model.zip")


def test_a_packed_vocabulary_takes_no_id_for_the_line_that_has_none(tmp_path: Path) -> None:
    members, _ = containers.pack_members()
    packed = gzip.compress(b"\xef\xbb\xbf<S>\n!!!MAXTERMID\nthe")
    del members["vocab.txt"]
    containers.write_zip(tmp_path / "model.zip", {**members, "vocab.txt.gz": packed})
    vocabulary = load_model(tmp_path / "model.zip").vocabulary
    assert vocabulary is not None and vocabulary.words == ["<S>", "the"]


def test_a_softmax_in_an_archive_needs_a_whole_vocabulary(tmp_path: Path) -> None:
    members, _ = containers.pack_members()
    W_VD, b_V = containers.random_softmax()
    members["softmax.hdf5"] = containers.hdf5_bytes({"softmax/W": W_VD, "softmax/b": b_V})
    containers.write_zip(tmp_path / "good.zip", members)
    assert load_model(tmp_path / "good.zip").softmax is not None
    containers.write_zip(tmp_path / "short.zip", {**members, "vocab.txt": b"<S>\n</S>\n<UNK>\n"})
    with pytest.raises(ModelError, match="the softmax has 6 classes, the vocabulary 3 words"):
        load_model(tmp_path / "short.zip")
    containers.write_zip(tmp_path / "no-unk.zip", {**members, "vocab.txt": b"<S>\n</S>\na\nb\nc\nd\n"})
    with pytest.raises(TextError, match=r"<UNK> missing; a vocabulary needs the lines <S>, </S>, <UNK>"):
        load_model(tmp_path / "no-unk.zip")


def test_a_model_from_elsewhere_and_an_older_one_of_ours_normalise_nothing(tmp_path: Path) -> None:
    containers.write_published(tmp_path, containers.VARIANTS["no clips"])
    assert load_model(tmp_path).text == TextConfig(tokenizer="whitespace", normalization="none")
    (tmp_path / "model.json").write_text(json.dumps({"text": {"tokenizer": "words", "decode_errors": "strict"}}))
    model = load_model(tmp_path)
    assert model.text == TextConfig(tokenizer="words", normalization="none")
    tokenizer = model.make_tokenizer(model.text_settings(tokenizer=None))
    assert tokenizer.tokens("na\u0308.") == ["na\u0308", "."]


def test_what_was_done_to_the_training_text_is_done_again_by_whatever_tokenizer(tmp_path: Path) -> None:
    containers.write_published(tmp_path, containers.VARIANTS["no clips"])
    settings = to_dict(TextConfig(lowercase=True).settled())
    libraries = {"unicodedata": "1.0"}
    (tmp_path / "model.json").write_text(json.dumps({"text": settings, "libraries": libraries}))
    model = load_model(tmp_path)
    text = model.text_settings(tokenizer="whitespace")
    assert model.make_tokenizer(text).tokens("Na\u0308 x.") == ["nä", "x."]
    assert other_libraries(model, text) is None, "other versions of Unicode leave known characters as they are"


def test_a_sentencepiece_model_beyond_all_bounds_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    containers.write_published(tmp_path, containers.VARIANTS["no clips"])
    (tmp_path / "tokenizer.model").write_bytes(bytes(100))
    monkeypatch.setattr(models, "LARGEST_PIECES", 99)
    with pytest.raises(ModelError, match=r"tokenizer.model: expected at most 99 bytes, found 100"):
        load_model(tmp_path)
