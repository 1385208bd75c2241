import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.formats.feature_reader import read_any
from elmo_cli.formats.model_folder import read_model_folder
from elmo_cli.formats.weights import expected_datasets
from tests.numpy_elmo import (
    Weights,
    embed,
    expected_counts,
    finite_difference,
    full_losses,
    random_model,
    read_window,
    sampled_losses,
    sentence_characters,
    token_vectors,
    word_characters,
    zero_state,
)

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=3, filters=((1, 4), (2, 6), (3, 8)), highways=2),
    lstm=LstmConfig(cell_dim=12, projection_dim=6),
)
VARIANTS = {
    "usual": CONFIG,
    "no residual": replace(CONFIG, lstm=replace(CONFIG.lstm, residual=False, layers=3)),
    "no projection": replace(CONFIG, lstm=replace(CONFIG.lstm, cell_dim=6)),
    "no CNN projection": replace(CONFIG, lstm=replace(CONFIG.lstm, cell_dim=24, projection_dim=18)),
    "tanh": replace(CONFIG, char_cnn=CharCnnConfig(embedding_dim=3, filters=((2, 10),), activation="tanh", highways=1)),
    "no highways": replace(CONFIG, char_cnn=CharCnnConfig(embedding_dim=3, filters=((2, 10),), highways=0)),
    "no clips": replace(CONFIG, lstm=replace(CONFIG.lstm, cell_clip=None, projection_clip=None)),
    "word ids": replace(CONFIG, char_cnn=None),
}
SENTENCES = ["The cat sat on the mat .", "Who ?", "It was a dark and stormy night ; the rain fell in torrents"]


def sentence_ids(config: ModelConfig, sentence: str) -> np.ndarray:
    words = sentence.split()
    if config.char_cnn is None:
        return np.array([0, *(3 + len(word) for word in words), 1])
    return sentence_characters(words, config.char_cnn.max_characters)


def test_the_vectors_of_bilm_tf_come_out(shared: Path) -> None:
    folder = shared / "fixtures" / "bilm"
    files = read_model_folder(folder)
    sentences = json.loads((folder / "lm_embeddings_sentences.json").read_text(encoding="utf-8"))
    expected = [read_any(folder / f"lm_embeddings_{row}.hdf5") for row in range(3)]
    state, fresh = zero_state(files.config, rows=3), zero_state(files.config, rows=3)
    carried_error = reset_error = 0.0
    for number in range(10):
        ids = [sentence_ids(files.config, sentences[row][number]) for row in range(3)]
        carried, state = embed(files.weights, files.config, ids, state)
        reset, _ = embed(files.weights, files.config, ids, fresh)
        for row in range(3):
            top_TE = np.concatenate(expected[row][number], axis=1)
            assert carried[row].shape == (3, *top_TE.shape)
            carried_error = max(carried_error, np.abs(carried[row][2] - top_TE).max())
            reset_error = max(reset_error, np.abs(reset[row][2] - top_TE).max())
    assert carried_error < 2e-6
    assert reset_error > 0.5
    for features in expected:
        features.close()


@pytest.mark.parametrize(
    ("word", "ids"),
    [
        ("th", [258, 116, 104, 259, 260]),
        ("thhhhh", [258, 116, 104, 104, 259]),
        ("\u0100t", [258, 196, 128, 116, 259]),
        ("<S>", [258, 256, 259, 260, 260]),
        ("</S>", [258, 257, 259, 260, 260]),
        ("", [258, 259, 260, 260, 260]),
        ("\ud800a", [258, 97, 259, 260, 260]),
    ],
)
def test_words_are_spelled_as_bilm_tf_spells_them(word: str, ids: list[int]) -> None:
    assert word_characters(word, 5) == ids


@pytest.mark.parametrize("name", VARIANTS)
def test_random_models_have_the_published_datasets(name: str) -> None:
    weights = random_model(VARIANTS[name], seed=1, vocabulary_size=40)
    assert {key: array.shape for key, array in weights.items()} == expected_datasets(VARIANTS[name], 40)
    assert all(array.dtype == np.float32 for array in weights.values())


@pytest.mark.parametrize("name", ["usual", "no residual", "no CNN projection", "word ids"])
def test_random_models_reach_both_clips_now_and_then(name: str) -> None:
    config = VARIANTS[name]
    weights, state = random_model(config, 1, 40), zero_state(config, rows=3)
    at_clip = []
    for _ in range(10):
        _, state = embed(weights, config, [sentence_ids(config, sentence) for sentence in SENTENCES], state)
        at_clip.append([np.abs(part) == 3.0 for part in state])
    for clipped in zip(*at_clip, strict=True):
        assert 0.005 < np.mean(clipped) < 0.7


@pytest.mark.parametrize("name", VARIANTS)
def test_training_and_inference_agree(name: str) -> None:
    """A window that holds one sentence, begin and end included, is that sentence read by either direction."""
    config = VARIANTS[name]
    weights = random_model(config, 1, 40)
    ids = sentence_ids(config, SENTENCES[0])
    [vectors_LTE], after = embed(weights, config, [ids], zero_state(config, rows=1))
    tops_GBTD, end = read_window(weights, config, np.stack([ids[None], ids[None, ::-1]]), zero_state(config, rows=1))
    forward_TD, backward_TD = tops_GBTD[0, 0], tops_GBTD[1, 0, ::-1]
    np.testing.assert_allclose(np.concatenate([forward_TD, backward_TD], axis=1)[1:-1], vectors_LTE[-1], atol=1e-12)
    for one, other in zip(after, end, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_lowest_layer_is_the_token_vector_twice() -> None:
    weights = random_model(CONFIG, seed=1)
    ids = sentence_ids(CONFIG, SENTENCES[0])
    [vectors_LTE], _ = embed(weights, CONFIG, [ids], zero_state(CONFIG, rows=1))
    tokens_TD = token_vectors(weights, CONFIG, ids)[1:-1]
    np.testing.assert_array_equal(vectors_LTE[0], np.concatenate([tokens_TD, tokens_TD], axis=1))


def test_each_row_carries_a_state_of_its_own() -> None:
    weights = random_model(CONFIG, seed=1)
    together = zero_state(CONFIG, rows=4)
    ids = [sentence_ids(CONFIG, sentence) for sentence in SENTENCES]
    for _ in range(2):
        vectors, together = embed(weights, CONFIG, ids, together)
    for row in range(3):
        alone = zero_state(CONFIG, rows=1)
        for _ in range(2):
            [expected], alone = embed(weights, CONFIG, [ids[row]], alone)
        np.testing.assert_allclose(vectors[row], expected, atol=1e-12)
    assert not together.c[:, :, 3].any() and not together.m[:, :, 3].any()
    shorter, after = embed(weights, CONFIG, ids[:1], together)
    np.testing.assert_array_equal(after.c[:, :, 1:], together.c[:, :, 1:])
    assert np.abs(shorter[0] - vectors[0]).max() > 1e-6


@pytest.mark.parametrize("name", VARIANTS)
def test_two_windows_are_one_of_twice_the_length(name: str) -> None:
    config = VARIANTS[name]
    weights, rng = random_model(config, 1, 40), np.random.default_rng(1)
    inputs = rng.integers(0, 40, (2, 3, 8) if config.char_cnn is None else (2, 3, 8, 50))
    whole_GBTD, end = read_window(weights, config, inputs, zero_state(config, rows=3))
    first_GBTD, middle = read_window(weights, config, inputs[:, :, :5], zero_state(config, rows=3))
    second_GBTD, after = read_window(weights, config, inputs[:, :, 5:], middle)
    np.testing.assert_allclose(np.concatenate([first_GBTD, second_GBTD], axis=2), whole_GBTD, atol=1e-12)
    np.testing.assert_allclose(after.c, end.c, atol=1e-12)


def test_a_reset_is_a_start_from_zero() -> None:
    weights, rng = random_model(CONFIG, seed=1), np.random.default_rng(1)
    inputs = rng.integers(0, 261, (2, 2, 8, 50))
    resets_BT = np.zeros((2, 8), bool)
    resets_BT[1, 5] = True
    tops_GBTD, _ = read_window(weights, CONFIG, inputs, zero_state(CONFIG, rows=2), resets_BT=resets_BT)
    never_GBTD, _ = read_window(weights, CONFIG, inputs, zero_state(CONFIG, rows=2))
    fresh_GBTD, _ = read_window(weights, CONFIG, inputs[:, 1:, 5:], zero_state(CONFIG, rows=1))
    np.testing.assert_allclose(tops_GBTD[:, 1, 5:], fresh_GBTD[:, 0], atol=1e-12)
    np.testing.assert_allclose(tops_GBTD[:, 0], never_GBTD[:, 0], atol=1e-12)
    np.testing.assert_allclose(tops_GBTD[:, 1, :5], never_GBTD[:, 1, :5], atol=1e-12)


def test_dropout_stands_before_every_layer_in_the_residual_and_on_top() -> None:
    weights, rng = random_model(CONFIG, seed=1), np.random.default_rng(1)
    inputs, start = rng.integers(0, 261, (2, 2, 4, 50)), zero_state(CONFIG, rows=2)
    plain_GBTD, _ = read_window(weights, CONFIG, inputs, start)
    masks = np.ones((2, 3, 2, 4, 6))
    ones_GBTD, _ = read_window(weights, CONFIG, inputs, start, masks=masks)
    np.testing.assert_array_equal(ones_GBTD, plain_GBTD)
    masks[:, 2] = 2
    top_GBTD, _ = read_window(weights, CONFIG, inputs, start, masks=masks)
    np.testing.assert_allclose(top_GBTD, 2 * plain_GBTD)
    masks[:, 2], masks[:, 1] = 1, 0
    middle_GBTD, middle = read_window(weights, CONFIG, inputs, start, masks=masks)
    # With nothing coming in, the second layer puts out its recurring output and no residual.
    np.testing.assert_array_equal(middle_GBTD[:, :, -1], middle.m[1])


def test_all_classes_sampled_once_are_the_full_softmax() -> None:
    rng = np.random.default_rng(1)
    h_ND, W_VD, b_V = rng.normal(size=(5, 6)), rng.normal(size=(9, 6)), rng.normal(size=9)
    targets_N = np.array([0, 8, 3, 3, 1])
    full_N = full_losses(h_ND, targets_N, W_VD, b_V)
    p_NV = np.exp(h_ND @ W_VD.T + b_V)
    p_NV /= p_NV.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(full_N, -np.log(p_NV[np.arange(5), targets_N]))
    sampled_N = sampled_losses(h_ND, targets_N, W_VD, b_V, sampled_K=np.arange(9), expected_V=np.ones(9))
    np.testing.assert_allclose(sampled_N, full_N)


def test_a_sampled_loss_is_the_one_worked_out_by_hand() -> None:
    h_ND, W_VD, b_V = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([0.5, 0.0, -1.0])
    expected_V = np.array([0.8, 0.5, 0.1])
    # Target 0, sampled 0 (left out) and 2: logits 1.5 - ln 0.8 and 2 - ln 0.1.
    true, other = np.exp(1.5) / 0.8, np.exp(2.0) / 0.1
    [loss] = sampled_losses(h_ND, np.array([0]), W_VD, b_V, sampled_K=np.array([0, 2]), expected_V=expected_V)
    assert loss == pytest.approx(-np.log(true / (true + other)))


def test_expected_counts_are_those_of_the_log_uniform_law() -> None:
    V, tries = 6, 4
    p_V = np.array([np.log((k + 2) / (k + 1)) / np.log(V + 1) for k in range(V)])
    assert p_V.sum() == pytest.approx(1)
    np.testing.assert_allclose(expected_counts(V, tries), 1 - (1 - p_V) ** tries)


def test_finite_differences_find_a_known_gradient() -> None:
    rng = np.random.default_rng(1)
    h_ND, targets_N = rng.normal(size=(5, 6)), np.array([0, 2, 3, 3, 1])
    weights = {"W": rng.normal(size=(4, 6)).astype(np.float32), "b": rng.normal(size=4).astype(np.float32)}

    def loss(changed: Weights) -> float:
        return float(full_losses(h_ND, targets_N, changed["W"], changed["b"]).mean())

    p_NV = np.exp(h_ND @ weights["W"].T + weights["b"])
    p_NV /= p_NV.sum(axis=1, keepdims=True)
    error_NV = p_NV - np.eye(4)[targets_N]
    for k in range(4):
        assert finite_difference(loss, weights, "b", (k,)) == pytest.approx(error_NV[:, k].mean(), abs=1e-9)
    expected = (error_NV[:, 2] * h_ND[:, 5]).mean()
    assert finite_difference(loss, weights, "W", (2, 5)) == pytest.approx(expected, abs=1e-9)
    assert weights["W"].dtype == np.float32
