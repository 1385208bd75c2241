"""Layers, mixes, sentence vectors and lengths, against sums written out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from elmo_cli.config import VectorConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.models.loaded import LoadedModel, load_model
from elmo_cli.flows.vectors.chosen_vectors import ChosenVectors, learned_mixes
from tests.flows.small_model import SmallModel

LAYERS = np.random.default_rng(3).normal(size=(3, 4, 10)).astype(np.float32)
MIX = {"gamma": 2.0, "scalar_parameters": [0.0, 1.0, -1.0]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(SmallModel(tmp_path_factory.mktemp("chosen") / "model").folder)


def chosen(model: LoadedModel, **settings: Any) -> ChosenVectors:
    return ChosenVectors(VectorConfig(**settings), model)


def test_given_weights_are_multiplied_as_they_are(model: LoadedModel) -> None:
    choice = chosen(model, layers="weighted", weights=(0.2, 0.5, 0.3), gamma=1.5)
    expected = 1.5 * (0.2 * LAYERS[0] + 0.5 * LAYERS[1] + 0.3 * LAYERS[2])
    np.testing.assert_allclose(choice(LAYERS), expected, rtol=1e-5, atol=1e-6)
    assert choice.attributes == {"weights": "0.2,0.5,0.3", "gamma": "1.5"}
    assert (choice.layers, choice.width, choice.shape) == (None, 10, "(n, 10)")
    without = chosen(model, layers="weighted", weights=(0.2, 0.5, 0.3))
    np.testing.assert_allclose(without(LAYERS) * 1.5, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("key", ["scalar_mixes", "scalar_mix"])
def test_a_learned_mix_is_that_of_the_models_record(model: LoadedModel, key: str) -> None:
    learned = replace(model, info={key: [MIX, {"gamma": 1.0, "scalar_parameters": [9.0, 9.0, 9.0]}]})
    weights = np.exp([0.0, 1.0, -1.0]) / np.exp([0.0, 1.0, -1.0]).sum()
    expected = 2.0 * np.einsum("l,lte->te", weights, LAYERS)
    np.testing.assert_allclose(chosen(learned, layers="weighted")(LAYERS), expected, rtol=1e-5, atol=1e-6)
    half = chosen(learned, layers="weighted", gamma=1.0)(LAYERS)
    np.testing.assert_allclose(half * 2, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "record", [None, [], "mix", [3], [{"gamma": 1.0}], [{**MIX, "gamma": "2"}], [{**MIX, "scalar_parameters": [1.0]}]]
)
def test_a_record_that_is_no_mix_of_these_layers_is_none(record: Any) -> None:
    assert learned_mixes({"scalar_mixes": record}, 3) == []


def test_a_model_without_a_learned_mix_needs_weights(model: LoadedModel) -> None:
    with pytest.raises(ConfigError, match="expected a mix of layers that was learned, found none") as caught:
        chosen(model, layers="weighted")
    assert "--weights 0.2,0.5,0.3" in caught.value.hint
    with pytest.raises(ConfigError, match="--weights: expected 3 numbers, one per layer, found 2"):
        chosen(model, layers="weighted", weights=(1.0, 2.0))


def test_sentence_vectors_are_means_maxima_and_the_ends_of_both_directions(model: LoadedModel) -> None:
    mean = chosen(model, sentence_vectors="mean")
    np.testing.assert_allclose(mean(LAYERS), LAYERS.mean(axis=1, keepdims=True), atol=1e-6)
    assert mean.shape == "(3, 1, 10)"
    assert np.array_equal(chosen(model, sentence_vectors="max")(LAYERS), LAYERS.max(axis=1, keepdims=True))
    ends = chosen(model, sentence_vectors="first-last", layers="top")(LAYERS)
    assert ends.shape == (1, 10)
    assert np.array_equal(ends[0, :5], LAYERS[2, -1, :5])
    assert np.array_equal(ends[0, 5:], LAYERS[2, 0, 5:])
    assert mean(LAYERS[:, :0]).shape == (3, 0, 10)


def test_normalised_vectors_have_length_1_and_zeros_stay(model: LoadedModel) -> None:
    layers = LAYERS.copy()
    layers[1, 2] = 0
    found = chosen(model, normalize=True)(layers)
    lengths = np.linalg.norm(found, axis=-1)
    assert lengths[1, 2] == 0
    lengths[1, 2] = 1
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
    np.testing.assert_allclose(found[0, 0] * np.linalg.norm(layers[0, 0]), layers[0, 0], atol=1e-5)


def test_word_types_and_the_token_layer_need_no_context(model: LoadedModel) -> None:
    types, layer, every = chosen(model, word_types=True), chosen(model, layers="0"), chosen(model)
    assert (types.in_context, layer.in_context, every.in_context) == (False, False, True)
    assert (types.width, layer.width) == (5, 10)
    words = LAYERS[0, :, :5]
    assert np.array_equal(types(words), words)
    assert np.array_equal(layer(words), np.concatenate([words, words], axis=1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": (1.0,)}, "vectors.weights and gamma belong to layers weighted, not all"),
        ({"gamma": 2.0, "layers": "top"}, "vectors.weights and gamma belong to layers weighted, not top"),
        ({"word_types": True, "layers": "top"}, "vectors.word_types has one layer, and layers top is given"),
        (
            {"word_types": True, "sentence_vectors": "first-last"},
            "vectors.sentence_vectors of word_types must be one of mean, max: 'first-last'",
        ),
        ({"sentence_vectors": "sum"}, "vectors.sentence_vectors must be one of mean, max, first-last: 'sum'"),
        ({"sentence_vectors": "first-last", "word_types": True}, "must be one of mean, max: 'first-last'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VectorConfig(**settings)
