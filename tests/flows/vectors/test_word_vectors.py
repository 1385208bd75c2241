"""Word types are computed once, in bounded memory, and passing over a call changes nothing."""

import random

import numpy as np
import pytest
import torch

from elmo_cli.flows.models.loaded import LoadedModel, load_model
from elmo_cli.flows.vectors import word_vectors
from elmo_cli.flows.vectors.word_vectors import BESIDE_BYTES, WordVectors
from tests import numpy_elmo as reference
from tests.flows.small_model import CONFIG, SmallModel

WORDS = [f"{letter}{number}" for number in range(40) for letter in "abcde"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("words") / "model")


@pytest.fixture(scope="module")
def model(small: SmallModel) -> LoadedModel:
    return load_model(small.folder)


def room_for(model: LoadedModel, words: int) -> int:
    return words * (model.bilm.config.lstm.projection_dim * 4 + BESIDE_BYTES)


def test_vectors_are_the_numpy_networks(small: SmallModel, model: LoadedModel) -> None:
    words = ["<S>", "bank", "</S>", "Ärger", "a-word-that-is-longer-than-the-table"]
    chars = np.stack([reference.word_characters(word, 12) for word in words])
    expected = reference.token_vectors(small.weights, CONFIG, chars)
    np.testing.assert_allclose(WordVectors(model)(words).numpy(), expected, atol=1e-5)


def test_a_word_is_computed_once_however_often_it_is_asked_for(model: LoadedModel) -> None:
    vectors = WordVectors(model)
    first = vectors(WORDS[:100])
    assert vectors.computed == 100
    again = vectors(WORDS[50:150])
    assert vectors.computed == 150
    assert torch.equal(first[50:], again[:50])


def test_memory_is_bounded_and_what_was_asked_for_last_stays(model: LoadedModel) -> None:
    vectors = WordVectors(model, room_for(model, 100))
    assert vectors.capacity == 100
    vectors(WORDS[:60])
    vectors(WORDS[60:100])
    vectors(WORDS[:20])
    assert vectors.computed == 100
    vectors(WORDS[100:130])  # no room: half is forgotten, those of the first call that were not asked for again
    assert len(vectors._rows) <= 100
    vectors(WORDS[:20])
    assert vectors.computed == 130
    vectors(WORDS[20:60])
    assert vectors.computed == 170


def test_a_call_with_more_words_than_there_is_room_for_is_answered_all_the_same(model: LoadedModel) -> None:
    bounded, unbounded = WordVectors(model, room_for(model, 30)), WordVectors(model)
    for _ in range(3):
        np.testing.assert_allclose(bounded(WORDS).numpy(), unbounded(WORDS).numpy(), atol=1e-6)
        assert len(bounded._rows) <= 30


@pytest.mark.parametrize("room", [40, 90, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_what_comes_after_calls_that_were_passed_over_is_the_same_to_the_bit(
    model: LoadedModel, room: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_vectors, "TYPES_AT_ONCE", 7)
    numbers = random.Random(seed)
    calls = [numbers.sample(WORDS, numbers.randint(1, 60)) for _ in range(20)]
    whole, resumed = WordVectors(model, room_for(model, room)), WordVectors(model, room_for(model, room))
    whole.at_once = resumed.at_once = 7
    for words in calls:
        expected = whole(words)
        if numbers.random() < 0.5:
            resumed.pass_over(words)
        else:
            assert torch.equal(resumed(words), expected)
    assert len(resumed._groups) <= room
    assert resumed.computed < whole.computed or room == 1000


def test_where_memory_runs_out_fewer_words_are_computed_together(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = WordVectors(model)(WORDS)
    real = model.bilm.token_encoder.forward

    def small(chars_UW: torch.Tensor, **options: bool) -> torch.Tensor:
        if len(chars_UW) > 64:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return real(chars_UW, **options)

    monkeypatch.setattr(model.bilm.token_encoder, "forward", small)
    vectors = WordVectors(model)
    np.testing.assert_allclose(vectors(WORDS).numpy(), expected.numpy(), atol=1e-6)
    assert vectors.at_once == 64


def test_other_errors_pass_through(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(chars_UW: torch.Tensor, **_: bool) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(model.bilm.token_encoder, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        WordVectors(model)(WORDS)
