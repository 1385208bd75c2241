"""The whole network against tests/numpy_elmo.py, forward and gradient, in every architecture there is."""

import numpy as np
import pytest
import torch

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.formats.side_by_side import room_for
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.published import _joined, adopt_published, each_published, from_published, to_published
from elmo_cli.model.softmax import full_losses
from tests import numpy_elmo as reference

V, B, T = 20, 3, 6


def architecture(**changes: object) -> ModelConfig:
    cnn = {"embedding_dim": 4, "filters": ((1, 3), (2, 4), (3, 5)), "highways": 2, "max_characters": 12}
    lstm = {"cell_dim": 9, "projection_dim": 5, "cell_clip": 0.9, "projection_clip": 0.7}
    for key, value in changes.items():
        (cnn if key in CharCnnConfig.__dataclass_fields__ else lstm)[key] = value  # type: ignore[index]
    return ModelConfig(char_cnn=CharCnnConfig(**cnn), lstm=LstmConfig(**lstm))  # type: ignore[arg-type]


ARCHITECTURES = {
    "two highways, residual, clips": architecture(),
    "no residual": architecture(residual=False),
    "no projection": architecture(cell_dim=7, projection_dim=7),
    "tanh": architecture(activation="tanh"),
    "no highways": architecture(highways=0),
    "filters as wide as the vectors": architecture(cell_dim=15, projection_dim=12),
    "clips off": architecture(cell_clip=None, projection_clip=None),
    "one layer": architecture(layers=1),
    "three layers": architecture(layers=3),
    "word ids": ModelConfig(char_cnn=None, lstm=LstmConfig(cell_dim=9, projection_dim=5)),
}


class Case:
    """A random network in both forms, and what it reads."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype = torch.float64) -> None:
        self.config = config
        self.weights = reference.random_model(config, seed=1, vocabulary_size=V)
        self.bilm = BiLM(config, V)
        from_published(self.bilm, self.weights)
        self.bilm.to(dtype)
        self.dtype = dtype
        rng = np.random.default_rng(2)
        lstm = config.lstm
        if config.char_cnn is None:
            self.inputs = rng.integers(0, V, size=(2, B, T))
        else:
            words = ["a", "bank", "of", "Ä", "extraordinarily", "<S>", "</S>", ""]
            table = np.array([reference.word_characters(word, config.char_cnn.max_characters) for word in words])
            self.inputs = table[rng.integers(0, len(words), size=(2, B, T))]
        self.c = rng.normal(size=(lstm.layers, 2, B, lstm.cell_dim)) * 0.5
        self.m = rng.normal(size=(lstm.layers, 2, B, lstm.projection_dim)) * 0.5
        self.resets_BT = rng.random((B, T)) < 0.3
        self.masks = (rng.random((2, lstm.layers + 1, B, T, lstm.projection_dim)) < 0.8) / 0.8
        self.targets = rng.integers(0, V, size=2 * B * T)
        self.W_VD = rng.normal(size=(V, lstm.projection_dim))
        self.b_V = rng.normal(size=V)

    def torch_window(self) -> tuple[torch.Tensor, LstmState]:
        """Top outputs (G, N, D) in packed order, and the state after."""
        packed = np.moveaxis(self.inputs, 1, 2).reshape(2, T * B, *self.inputs.shape[3:])
        chars = packed.reshape(2 * T * B, -1) if self.config.char_cnn else packed.reshape(-1, 1)
        tokens_GND = self.bilm.token_encoder(torch.from_numpy(chars)).view(2, T * B, -1)
        masks = iter(torch.from_numpy(np.swapaxes(self.masks, 2, 3).copy()).to(self.dtype).unbind(1))
        keep_N = torch.from_numpy(~self.resets_BT.T.reshape(-1)).to(self.dtype)
        state = LstmState(torch.from_numpy(self.c).to(self.dtype), torch.from_numpy(self.m).to(self.dtype))
        outputs, after = self.bilm(
            tokens_GND, [B] * T, state, keep_N=keep_N, dropout=lambda x: x * next(masks).reshape(x.shape)
        )
        return outputs[-1], after

    def numpy_window(self, weights: reference.Weights) -> tuple[np.ndarray, reference.State]:
        top_GBTD, after = reference.read_window(
            weights,
            self.config,
            self.inputs,
            reference.State(self.c, self.m),
            resets_BT=self.resets_BT,
            masks=self.masks,
        )
        return np.swapaxes(top_GBTD, 1, 2).reshape(2, T * B, -1), after

    def numpy_loss(self, weights: reference.Weights) -> float:
        hidden = self.numpy_window(weights)[0].reshape(2 * T * B, -1)
        return float(reference.full_losses(hidden, self.targets, self.W_VD, self.b_V).mean())

    def torch_loss(self) -> torch.Tensor:
        hidden = self.torch_window()[0].reshape(2 * T * B, -1)
        W_VD, b_V = torch.from_numpy(self.W_VD), torch.from_numpy(self.b_V)
        return full_losses(hidden, W_VD, b_V, torch.from_numpy(self.targets)).mean()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_training_window_is_that_of_the_numpy_network(name: str) -> None:
    case = Case(ARCHITECTURES[name])
    top, after = case.torch_window()
    expected_top, expected_after = case.numpy_window(case.weights)
    np.testing.assert_allclose(top.detach().numpy(), expected_top, rtol=0, atol=1e-10)
    np.testing.assert_allclose(after.cell.detach().numpy(), expected_after.c, rtol=0, atol=1e-10)
    np.testing.assert_allclose(after.output.detach().numpy(), expected_after.m, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_float32_stays_within_rounding_of_it(name: str) -> None:
    case = Case(ARCHITECTURES[name], torch.float32)
    np.testing.assert_allclose(
        case.torch_window()[0].detach().numpy(), case.numpy_window(case.weights)[0], rtol=0, atol=2e-5
    )


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradients_are_the_slopes_of_the_numpy_loss(name: str) -> None:
    case = Case(ARCHITECTURES[name])
    loss = case.torch_loss()
    assert loss.item() == pytest.approx(case.numpy_loss(case.weights), abs=1e-12)
    loss.backward()
    # Gradients under their published names: the same views, taken of a network that holds gradients as weights.
    holder = BiLM(case.config, V).double()
    for own, theirs in zip(holder.parameters(), case.bilm.parameters(), strict=True):
        assert theirs.grad is not None
        own.data.copy_(theirs.grad)
    gradients = to_published(holder)
    rng = np.random.default_rng(3)
    compared = 0
    for dataset, gradient in gradients.items():
        places = np.argwhere(np.abs(gradient) > 1e-6)
        for place in rng.permutation(places)[:2]:
            slopes = [
                reference.finite_difference(case.numpy_loss, case.weights, dataset, tuple(place), step)
                for step in (1e-5, 1e-6)
            ]
            if abs(slopes[0] - slopes[1]) > 1e-7:
                continue  # a kink (maximum, ReLU or clip) lies between
            assert gradient[tuple(place)] == pytest.approx(slopes[0], abs=2e-7), (dataset, place)
            compared += 1
    assert compared >= len(gradients)


def test_published_names_round_trip_to_the_bit() -> None:
    for config in ARCHITECTURES.values():
        weights = reference.random_model(config, seed=5, vocabulary_size=V)
        bilm = BiLM(config, V)
        from_published(bilm, weights)
        back = to_published(bilm)
        assert back.keys() == weights.keys()
        assert all(np.array_equal(back[name], weights[name]) for name in weights)


def test_weights_of_another_architecture_are_refused() -> None:
    bilm = BiLM(ARCHITECTURES["one layer"])
    weights = reference.random_model(ARCHITECTURES["no highways"], seed=5)
    with pytest.raises(ValueError, match=r"names differ from the architecture: .*CNN_high_0"):
        from_published(bilm, weights)
    weights = reference.random_model(architecture(layers=1, cell_dim=8), seed=5)
    with pytest.raises(ValueError, match=r"W_0 is \(10, 32\), the architecture has \(10, 36\)"):
        from_published(bilm, weights)


def test_a_model_of_words_needs_to_know_how_many() -> None:
    with pytest.raises(ValueError, match="needs vocabulary_size"):
        BiLM(ARCHITECTURES["word ids"])


def test_fresh_weights_follow_the_reference() -> None:
    bilm = BiLM(architecture(filters=((1, 40), (2, 60))))
    bilm.reset_parameters(torch.Generator().manual_seed(1))
    weights = to_published(bilm)
    assert np.abs(weights["char_embed"]).max() == pytest.approx(1, abs=0.01)
    assert np.abs(weights["CNN/W_cnn_0"]).max() == pytest.approx(0.05, rel=0.05)
    assert weights["CNN_high_0/W_carry"].std() == pytest.approx(0.1, rel=0.05)
    assert (weights["CNN_high_1/b_carry"] == -2).all()
    assert (weights["CNN_high_1/b_transform"] == 0).all()
    assert weights["CNN_proj/W_proj"].std() == pytest.approx(0.1, rel=0.1)
    tanh = BiLM(architecture(activation="tanh", filters=((5, 400),)))
    tanh.reset_parameters(torch.Generator().manual_seed(1))
    assert to_published(tanh)["CNN/W_cnn_0"].std() == pytest.approx(20**-0.5, rel=0.05)


def test_adopted_weights_are_not_copied_and_their_names_are_let_go() -> None:
    for config in ARCHITECTURES.values():
        weights = reference.random_model(config, seed=5, vocabulary_size=V)
        room = room_for({name: array.shape for name, array in weights.items()})
        for name, array in weights.items():
            room[name][...] = array
        arrays, bilm = dict(room), BiLM(config, V)
        adopt_published(bilm, arrays)
        assert arrays == {}
        for name, array in each_published(bilm):
            assert np.shares_memory(array, room[name]), name
            assert np.array_equal(array, weights[name])


def test_weights_that_lie_otherwise_are_adopted_as_copies() -> None:
    config = ARCHITECTURES["two highways, residual, clips"]
    weights = reference.random_model(config, seed=5, vocabulary_size=V)
    scattered = {name: np.asfortranarray(array) for name, array in weights.items()}
    for array in scattered.values():
        array.flags.writeable = False
    bilm = BiLM(config, V)
    adopt_published(bilm, scattered)
    assert all(np.array_equal(array, weights[name]) for name, array in each_published(bilm))
    with pytest.raises(ValueError, match="names differ from the architecture"):
        adopt_published(bilm, {})


def test_halves_in_the_wrong_order_are_not_taken_for_a_pair() -> None:
    whole = np.arange(12, dtype=np.float32).reshape(2, 6).copy()
    assert _joined([whole[0], whole[1]]) is whole
    assert np.array_equal(_joined([whole[1], whole[0]]), whole[::-1])
    assert np.array_equal(_joined([whole[0], whole[0]]), whole[[0, 0]])
