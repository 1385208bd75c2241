"""Models of ELMoForManyLangs through the commands: vectors are those of its formulas, and what cannot be is refused."""

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from elmo_cli.api.elmo import Elmo
from elmo_cli.api.embedder import ElmoEmbedder
from elmo_cli.config import ModelConfig, OwnListsConfig, RunConfig
from elmo_cli.errors import ConfigError, ElmoError, ModelError
from elmo_cli.flows.evaluation.evaluate import evaluate
from elmo_cli.flows.info import info
from elmo_cli.flows.model_results import InfoResult, VerifyResult
from elmo_cli.flows.models.export import export
from elmo_cli.flows.models.loaded import load_model, start_state
from elmo_cli.flows.models.verify import verify
from elmo_cli.flows.vectors.embed import embed
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.published import to_published
from tests import numpy_manylangs as reference
from tests.formats.containers import ARCHITECTURE_FILE, manylangs_config, write_manylangs, write_zip

SENTENCES = [
    ["the", "zwölf", "猫", "longestOfAll", "unheard", "longest", "👍猫", "<S>", "</S>", "क्ष"],
    ["яя"],
    ["<bos>", "the", "<eos>", "<oov>", "<pad>"],
    [],
    ["語語語語語語語語語語語語", "The", "e\u0301"],
]
VARIANTS: dict[str, dict[str, Any]] = {
    "as published": {},
    "characters alone": {"word_dim": 0},
    "words alone": {"char_dim": 0},
    "tanh": {"activation": "tanh"},
    "no highways": {"n_highway": 0},
    "one layer": {"n_layers": 1},
    "three layers": {"n_layers": 3},
    "no clips": {"cell_clip": 0, "proj_clip": None},
    "tight clips": {"cell_clip": 0.9, "proj_clip": 0.7},
    "more characters": {"max_characters_per_token": 50},
    "characters of the projection's width": {"word_dim": 0, "filters": [[1, 2], [9, 3]]},
    "fewer filters than the projection": {"word_dim": 0, "filters": [[2, 3]]},
}


def vectors(path: Path, sentences: list[list[str]]) -> list[np.ndarray]:
    """In double precision, so that only the formulas and the files' own rounding count."""
    model = load_model(path)
    model.bilm.double()
    start, _ = start_state(model, "model")
    return SentenceEmbedder(model, LstmState(*(part.double() for part in start))).embed(sentences, 100)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_vectors_are_those_of_the_formulas(tmp_path: Path, changes: dict[str, Any]) -> None:
    model = write_manylangs(tmp_path, manylangs_config(**changes))
    for sentence, found in zip(SENTENCES, vectors(tmp_path, SENTENCES), strict=True):
        expected, _ = reference.embed(model, sentence)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_an_architecture_told_by_the_tensors_gives_the_same_vectors(tmp_path: Path) -> None:
    model = write_manylangs(tmp_path, manylangs_config(max_characters_per_token=50))
    (tmp_path / ARCHITECTURE_FILE).unlink()
    for sentence, found in zip(SENTENCES, vectors(tmp_path, SENTENCES), strict=True):
        np.testing.assert_allclose(found, reference.embed(model, sentence)[0], rtol=1e-6, atol=1e-6)


def test_real_text_in_many_scripts_has_the_vectors_of_the_formulas(shared: Path, tmp_path: Path) -> None:
    model = write_manylangs(tmp_path, manylangs_config(max_characters_per_token=12))
    sentences = []
    for language in ("hin", "cmn_hans", "jpn", "arb", "rus", "kor", "tha"):
        words = (shared / f"data/udhr/{language}.txt").read_text(encoding="utf-8").split()
        sentences += [words[:5], words[-4:]]
    for sentence, found in zip(sentences, vectors(tmp_path, sentences), strict=True):
        np.testing.assert_allclose(found, reference.embed(model, sentence)[0], rtol=1e-6, atol=1e-6)


def test_carried_state_goes_on_row_by_row(tmp_path: Path) -> None:
    model = write_manylangs(tmp_path)
    loaded = load_model(tmp_path)
    embedder = SentenceEmbedder(loaded, start_state(loaded, "zero")[0], carry=True)
    states: list[reference.State | None] = [None, None]
    for batch in (SENTENCES[:2], SENTENCES[2:3], [SENTENCES[4], SENTENCES[0]]):
        for row, found in enumerate(embedder.embed_batch(batch)):
            expected, states[row] = reference.embed(model, batch[row], states[row])
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_sentences_start_from_zeros_unless_a_neutral_text_is_asked_for(tmp_path: Path) -> None:
    for settings in ({}, {"char_dim": 0}):
        write_manylangs(tmp_path, manylangs_config(**settings))
        model = load_model(tmp_path)
        own, _ = start_state(model, "model")
        warm, _ = start_state(model, "warm")
        assert not any(part.any() for part in own)
        assert all(part.any() and part.isfinite().all() for part in warm)


@pytest.mark.parametrize("packed", [False, True])
def test_embed_writes_the_vectors_of_tokens_between_spaces(tmp_path: Path, packed: bool) -> None:
    model = write_manylangs(tmp_path / "m")
    path = tmp_path / "m"
    if packed:
        path = tmp_path / "m.zip"
        pack(path, tmp_path / "m")
    (tmp_path / "text.txt").write_text("the 猫.\nяя unheard\n", encoding="utf-8")
    *_, result = embed(path, str(tmp_path / "text.txt"), tmp_path / "v.hdf5")
    with h5py.File(tmp_path / "v.hdf5") as file:
        for number, sentence in enumerate((["the", "猫."], ["яя", "unheard"])):
            found, expected = file[str(number)][:], reference.embed(model, sentence)[0]
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert result.tokens == 4


def pack(path: Path, folder: Path) -> None:
    write_zip(path, {file.name: file.read_bytes() for file in folder.iterdir()}, folder="143/")


def test_the_embedder_takes_such_a_model_and_the_trainable_module_says_why_not(tmp_path: Path) -> None:
    model = write_manylangs(tmp_path)
    found = ElmoEmbedder(model_dir=tmp_path).embed_sentence(SENTENCES[0])
    np.testing.assert_allclose(found, reference.embed(model, SENTENCES[0])[0], rtol=1e-5, atol=1e-5)
    with pytest.raises(ModelError, match=r"expected a model whose characters are bytes, .*\nHint: ElmoEmbedder"):
        Elmo.from_pretrained(tmp_path)


def test_weights_are_had_back_as_they_were_read(tmp_path: Path) -> None:
    model = write_manylangs(tmp_path)
    loaded = load_model(tmp_path)
    arrays = to_published(loaded.bilm)
    assert np.array_equal(arrays["word_embed"], model.tokens["word_emb_layer.embedding.weight"])
    assert np.array_equal(arrays["CNN_proj/W_proj"].T, model.tokens["projection.weight"])
    assert re.fullmatch("[0-9a-f]{64}", loaded.fingerprint)


def test_info_says_what_the_model_is(tmp_path: Path) -> None:
    write_manylangs(tmp_path)
    (result,) = info(tmp_path)
    assert isinstance(result, InfoResult)
    expected = {
        "input": "Unicode characters and listed words",
        "listed_characters": 25,
        "listed_words": 10,
        "word_dim": 6,
        "max_characters": 9,
        "vector_dim": 10,
        "start_state": True,
        "container": "ELMoForManyLangs",
        "sentences_start": "zeros, as in a fresh Embedder of ELMoForManyLangs",
        "architecture": ARCHITECTURE_FILE,
    }
    assert {name: result.figures[name] for name in expected} == expected
    assert list(result.figures["weight_norms"])[:2] == ["word embedding", "character embedding"]
    # Tables, convolutions, two highways, projection; 4 gates of 9 cells, twice two layers.
    tokens = 10 * 6 + 25 * 4 + (12 + 32 + 60 + 12) + 2 * 2 * (12 * 12 + 12) + 18 * 5 + 5
    assert result.figures["parameters"] == tokens + 4 * (10 * 36 + 36 + 9 * 5)


def test_verify_lists_all_that_is_wrong(tmp_path: Path) -> None:
    write_manylangs(tmp_path / "m")
    *_, sound = verify(tmp_path / "m")
    assert isinstance(sound, VerifyResult)
    assert sound.sound
    (tmp_path / "m" / "char.dic").unlink()
    (tmp_path / "m" / "word.dic").write_text("one\ttwo\n")
    *_, result = verify(tmp_path / "m")
    assert isinstance(result, VerifyResult)
    assert not result.sound
    assert [problem.problem for problem in result.problems] == [
        "char.dic: missing",
        "word.dic: expected token, tab, id: line 1 'one\\ttwo'",
        "word.dic: <oov> and <pad> missing; the model cannot do without",
    ]
    pack(tmp_path / "m.zip", tmp_path / "m")
    *_, packed = verify(tmp_path / "m.zip")
    assert isinstance(packed, VerifyResult)
    assert [problem.problem for problem in packed.problems] == [problem.problem for problem in result.problems]


@pytest.mark.parametrize("to", ["hdf5", "nlpl", "safetensors"])
def test_containers_that_cannot_hold_it_are_refused(tmp_path: Path, to: str) -> None:
    write_manylangs(tmp_path / "m")
    with pytest.raises(ModelError, match=rf"--to {to} has no place for its lists .*\nHint: .* --to word2vec --vectors"):
        list(export(tmp_path / "m", tmp_path / "out", to=to))
    assert not (tmp_path / "out").exists()


def test_word_vectors_are_layer_0_of_a_word(tmp_path: Path) -> None:
    model = write_manylangs(tmp_path / "m")
    (tmp_path / "words.txt").write_text("the\n猫語\n", encoding="utf-8")
    list(export(tmp_path / "m", tmp_path / "out.txt", to="word2vec", vectors=tmp_path / "words.txt"))
    header, *lines = (tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()
    assert header == "2 5"
    for line, word in zip(lines, ("the", "猫語"), strict=True):
        found = line.split()
        assert found[0] == word
        np.testing.assert_allclose(
            np.array(found[1:], float), reference.token_vector(model, word), rtol=1e-5, atol=1e-5
        )
    with pytest.raises(ModelError, match="no vocabulary to take words from\nHint: name a list: --vectors"):
        list(export(tmp_path / "m", tmp_path / "all.txt", to="word2vec"))


def test_perplexity_needs_a_softmax_which_such_a_model_has_not(tmp_path: Path) -> None:
    write_manylangs(tmp_path / "m")
    with pytest.raises(ElmoError, match=r"has no softmax, and probabilities need one\nHint: .*elmo embed"):
        list(evaluate(tmp_path / "m", ["nothing.txt"]))


def test_no_run_trains_such_a_model() -> None:
    with pytest.raises(ConfigError, match=r"model\.own_lists must be null: such models are read, not trained"):
        RunConfig(model=ModelConfig(own_lists=OwnListsConfig(characters=10)))
