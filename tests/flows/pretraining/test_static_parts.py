"""Parts of steps in repeating shapes compute what parts in their own shapes compute."""

from dataclasses import replace

import pytest
import torch

from elmo_cli.config import TrainConfig
from elmo_cli.flows.pretraining.static_parts import StaticParts, can_be_static
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.model import lstm
from elmo_cli.text.store import EncodedText
from tests.gpu.small import MODEL, TRAIN, encoded_documentation

CPU = torch.device("cpu")
RECIPES = {
    "plain": TRAIN,
    "dropout": replace(TRAIN, dropout=0.1, recurrent_dropout=0.2),
    "parts": replace(TRAIN, dropout=0.1, accumulate=2),
    "no resets": replace(TRAIN, reset_probability=0.0),
    "bf16": replace(TRAIN, precision="bf16"),
}


@pytest.fixture(scope="module")
def text() -> EncodedText:
    return encoded_documentation()


def trainers(text: EncodedText, config: TrainConfig, multiples: tuple[int, int, int] | None) -> tuple[Trainer, Trainer]:
    """One that computes plainly, and one in shapes filled up to multiples."""
    plain, static = (Trainer(MODEL, config, text, CPU) for _ in range(2))
    static.static = StaticParts(static, multiples) if multiples else StaticParts(static)
    return plain, static


@pytest.mark.parametrize("recipe", RECIPES)
def test_with_nothing_to_fill_every_bit_is_that_of_the_plain_step(recipe: str, text: EncodedText) -> None:
    plain, static = trainers(text, RECIPES[recipe], (1, 1, 1))
    for _ in range(4):
        one, other = plain.step(), static.step()
        assert one.loss.item() == other.loss.item()
        assert one.gradient_norm.item() == other.gradient_norm.item()
    for name, value in plain.parameters.items():
        assert torch.equal(value, static.parameters[name]), name
    assert all(torch.equal(one, other) for one, other in zip(plain.state, static.state, strict=True))


def test_what_fills_up_changes_no_more_than_roundings(text: EncodedText) -> None:
    plain, static = trainers(text, RECIPES["dropout"], None)
    for _ in range(4):
        assert plain.step().loss.item() == pytest.approx(static.step().loss.item(), abs=1e-5)
    for name, value in plain.parameters.items():
        torch.testing.assert_close(static.parameters[name], value, rtol=0, atol=1e-5)


def test_the_whole_order_of_a_gpu_learns_the_same_on_a_cpu(text: EncodedText, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, static = trainers(text, RECIPES["dropout"], None)
    expected = [plain.step().loss.item() for _ in range(6)]
    monkeypatch.setattr(lstm, "steps_are_fused", lambda _: True)
    assert [static.step().loss.item() for _ in range(6)] == pytest.approx(expected, abs=1e-5)


def test_shapes_repeat_where_they_are_filled_up(text: EncodedText) -> None:
    _, exact = trainers(text, TRAIN, (1, 1, 1))
    _, filled = trainers(text, TRAIN, None)
    for _ in range(6):
        exact.step()
        filled.step()
    assert exact.static is not None and filled.static is not None
    assert filled.static.program.num_shapes < exact.static.program.num_shapes
    assert filled.static.program.num_shapes <= 2


def test_a_frozen_layer_stays_frozen(text: EncodedText) -> None:
    config = replace(TRAIN, freeze="token-encoder,softmax")
    plain, static = trainers(text, config, (1, 1, 1))
    before = static.softmax.weight_VD.detach().clone()
    for _ in range(2):
        assert plain.step().loss.item() == static.step().loss.item()
    assert torch.equal(before, static.softmax.weight_VD)


def test_a_run_goes_on_from_its_checkpoint_bit_for_bit(text: EncodedText) -> None:
    _, static = trainers(text, RECIPES["dropout"], None)
    static.step()
    tensors = {
        name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in static.tensors().items()
    }
    _, restored = trainers(text, RECIPES["dropout"], None)
    restored.restore(tensors)
    assert restored.step().loss.item() == static.step().loss.item()


def test_only_models_of_characters_with_a_sampled_softmax_have_the_form() -> None:
    assert can_be_static(MODEL, sampled=True)
    assert not can_be_static(MODEL, sampled=False)
    assert not can_be_static(replace(MODEL, char_cnn=None), sampled=True)
