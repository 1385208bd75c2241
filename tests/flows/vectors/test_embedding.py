"""Vectors: TensorFlow's own, the NumPy network's, and their independence of everything but the sentence."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig, TextConfig
from elmo_cli.errors import ConfigError, ElmoError
from elmo_cli.flows.models.loaded import LoadedModel, load_model, start_state
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.published import from_published
from elmo_cli.text.vocabulary import Vocabulary
from tests import numpy_elmo as reference

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 3), (2, 4), (3, 5)), highways=1, max_characters=12),
    lstm=LstmConfig(cell_dim=9, projection_dim=5, cell_clip=0.9, projection_clip=0.7),
)


def make_model(config: ModelConfig = CONFIG) -> tuple[LoadedModel, reference.Weights]:
    weights = reference.random_model(config, seed=1)
    bilm = BiLM(config)
    from_published(bilm, weights)
    model = LoadedModel(
        path=Path("model"),
        bilm=bilm.requires_grad_(False),
        softmax=None,
        vocabulary=None,
        text=TextConfig(tokenizer="whitespace"),
        own_start=None,
        info={},
    )
    return model, weights


@cache
def warm_embedder() -> SentenceEmbedder:
    model, _ = make_model()
    return SentenceEmbedder(model, start_state(model, "warm")[0])


def zeros(model: LoadedModel) -> LstmState:
    return start_state(model, "zero")[0]


def test_carried_vectors_are_tensorflows(shared: Path) -> None:
    folder = shared / "fixtures/bilm"
    model = load_model(folder)
    lists = json.loads((folder / "lm_embeddings_sentences.json").read_text(encoding="utf-8"))
    embedder = SentenceEmbedder(model, zeros(model), carry=True)
    files = [h5py.File(folder / f"lm_embeddings_{number}.hdf5") for number in range(3)]
    for place in range(10):
        batch = [sentences[place].split() for sentences in lists]
        for file, vectors in zip(files, embedder.embed_batch(batch), strict=True):
            forward, backward = file[str(place)][...]
            np.testing.assert_allclose(vectors[-1], np.concatenate([forward, backward], axis=1), rtol=0, atol=2e-6)


@pytest.mark.parametrize("residual", [True, False])
def test_carried_vectors_are_the_numpy_networks_for_growing_and_shrinking_batches(residual: bool) -> None:
    config = replace(CONFIG, lstm=replace(CONFIG.lstm, residual=residual))
    model, weights = make_model(config)
    embedder = SentenceEmbedder(model, zeros(model), carry=True)
    state = reference.zero_state(config, 4)
    batches = [[["a", "bank"], ["b"]], [["c"], [], ["d", "e", "f"], ["g", "<S>"]], [["h", "i"]], [["j"], ["k", "l"]]]
    for batch in batches:
        ids = [reference.sentence_characters(sentence, 12) for sentence in batch]
        expected, state = reference.embed(weights, config, ids, state)
        for got, vectors in zip(embedder.embed_batch(batch), expected, strict=True):
            np.testing.assert_allclose(got, vectors, rtol=0, atol=1e-5)


@pytest.mark.parametrize("policy", ["warm", "zero"])
def test_fixed_start_vectors_are_the_numpy_networks(policy: str) -> None:
    model, weights = make_model()
    start = start_state(model, policy)[0]
    sentence = ["The", "bank", "."]
    got = SentenceEmbedder(model, start).embed([sentence], 100)[0]
    state = reference.State(start.cell.double().numpy(), start.output.double().numpy())
    expected = reference.embed(weights, CONFIG, [reference.sentence_characters(sentence, 12)], state)[0][0]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


words = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=15)
sentence_lists = st.lists(st.lists(words, max_size=8), min_size=1, max_size=9)


@given(sentence_lists, st.randoms(use_true_random=False), st.integers(1, 60))
@settings(deadline=None, max_examples=60)
def test_a_sentence_has_the_same_vectors_in_any_batch_order_and_company(
    sentences: list[list[str]], random: object, budget: int
) -> None:
    embedder = warm_embedder()
    alone = [embedder.embed([sentence], 10_000)[0] for sentence in sentences]
    order = list(range(len(sentences)))
    random.shuffle(order)  # type: ignore[attr-defined]
    together = embedder.embed([sentences[number] for number in order], budget)
    for number, vectors in zip(order, together, strict=True):
        assert vectors.shape == (3, len(sentences[number]), 10)
        np.testing.assert_allclose(vectors, alone[number], rtol=0, atol=1e-5)


def test_a_long_sentence_in_chunks_equals_the_whole() -> None:
    embedder = warm_embedder()
    sentences = [["word", "by", "word"] * 40, ["short"], ["a", "b"] * 15]
    whole = embedder.embed(sentences, 10_000)
    embedder.together = replace(embedder.together, chunk=7)
    for one, other in zip(embedder.embed(sentences, 10_000), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_the_token_layer_is_twice_the_token_vector() -> None:
    vectors = warm_embedder().embed([["bank", "of", "bank"]], 100)[0]
    assert np.array_equal(vectors[0, :, :5], vectors[0, :, 5:])
    assert np.array_equal(vectors[0, 0], vectors[0, 2])
    assert not np.array_equal(vectors[1, 0], vectors[1, 2])


def test_the_warm_state_is_a_function_of_the_weights_alone() -> None:
    model, _ = make_model()
    one, name = start_state(model, "warm")
    other, _ = start_state(replace(model, vocabulary=Vocabulary(["<S>", "</S>", "<UNK>", "word"])), "model")
    assert torch.equal(one.cell, other.cell)
    assert torch.equal(one.output, other.output)
    assert name == "warm (16 x 64 positions of neutral text)"
    assert one.cell.abs().max() > 0.1


def test_vectors_from_the_warm_state_are_nearer_to_carried_ones_than_those_from_zeros(shared: Path) -> None:
    folder = shared / "fixtures/bilm"
    model = load_model(folder)
    sentences = json.loads((folder / "lm_embeddings_sentences.json").read_text(encoding="utf-8"))[0]
    file = h5py.File(folder / "lm_embeddings_0.hdf5")
    distances = {}
    for policy in ("warm", "zero"):
        embedder = SentenceEmbedder(model, start_state(model, policy)[0])
        total = 0.0
        for place in range(1, 10):  # the first sentence of all did begin from zeros
            forward, backward = file[str(place)][...]
            vectors = embedder.embed([sentences[place].split()], 4096)[0][-1]
            total += float(np.abs(vectors - np.concatenate([forward, backward], axis=1)).mean())
        distances[policy] = total / 9
    assert distances["warm"] < distances["zero"]


def test_word_models_are_warmed_with_words_of_their_own() -> None:
    config = ModelConfig(char_cnn=None, lstm=CONFIG.lstm)
    bilm = BiLM(config, 6)
    from_published(bilm, reference.random_model(config, seed=1, vocabulary_size=6))
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "a", "b", "."])
    model = replace(make_model()[0], bilm=bilm.requires_grad_(False), vocabulary=vocabulary)
    state, _ = start_state(model, "warm")
    assert state.cell.shape == (2, 2, 1, 9)
    assert bool(state.cell.isfinite().all())


def test_an_unknown_start_is_refused() -> None:
    with pytest.raises(ConfigError, match="start state 'hot': expected model, warm or zero"):
        start_state(make_model()[0], "hot")


def test_a_sentence_longer_than_any_chunk_equals_the_numpy_networks_in_both_directions() -> None:
    model, weights = make_model()
    start = start_state(model, "warm")[0]
    sentence = [f"w{number % 50}" for number in range(300)]
    embedder = SentenceEmbedder(model, start)
    embedder.together = replace(embedder.together, chunk=64)
    got = embedder.embed([sentence], 4096)[0]
    state = reference.State(start.cell.double().numpy(), start.output.double().numpy())
    expected = reference.embed(weights, CONFIG, [reference.sentence_characters(sentence, 12)], state)[0][0]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_sentence_of_100_000_tokens_is_that_of_one_piece() -> None:
    embedder = warm_embedder()
    sentence = [f"w{number % 977}" for number in range(100_000)]
    chunked = embedder.embed([sentence, ["one"]], 4096)
    assert [array.shape for array in chunked] == [(3, 100_000, 10), (3, 1, 10)]
    whole = SentenceEmbedder(embedder.model, embedder.start)
    whole.together = replace(whole.together, chunk=200_000)
    np.testing.assert_allclose(whole.embed([sentence], 200_000)[0], chunked[0], rtol=0, atol=1e-6)


def test_carried_state_survives_running_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = make_model()
    batches = [[["a", "b", "c"] * 40, ["d"]], [["e"], ["f", "g"] * 50]]
    usual = SentenceEmbedder(model, zeros(model), carry=True)
    expected = [array for batch in batches for array in usual.embed_batch(batch)]
    real = BiLM.forward

    def small(self: BiLM, tokens: torch.Tensor, sizes: list[int], state: LstmState) -> object:
        if sum(sizes) > 40:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, tokens, sizes, state)

    monkeypatch.setattr(BiLM, "forward", small)
    short = SentenceEmbedder(model, zeros(model), carry=True)
    found = [array for batch in batches for array in short.embed_batch(batch)]
    assert short.room == 32
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


def test_memory_that_is_never_enough_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = make_model()

    def none(*arguments: object) -> object:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(BiLM, "forward", none)
    with pytest.raises(ElmoError, match="memory ran out with 32 positions computed at once: DefaultCPU") as caught:
        SentenceEmbedder(model, zeros(model)).embed([["a"]], 4096)
    assert "--device cpu" in caught.value.hint


def test_another_error_of_the_network_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = make_model()

    def broken(*arguments: object) -> object:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(BiLM, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        SentenceEmbedder(model, zeros(model)).embed([["a"]], 4096)


def test_what_is_embedded_after_passing_over_is_the_same_to_the_bit() -> None:
    model, _ = make_model()
    windows = [[["the", "bank"], ["a", "river"]], [["by", "the", "sea"]], [["a", "bank", "by", "the", "lake"]]]
    whole, resumed = SentenceEmbedder(model, zeros(model)), SentenceEmbedder(model, zeros(model))
    for window in windows[:2]:
        whole.embed(window, 100)
        resumed.pass_over(window)
    for one, other in zip(whole.embed(windows[2], 100), resumed.embed(windows[2], 100), strict=True):
        assert np.array_equal(one, other)
