"""Steps that a GPU replays and never waits in; on the CPU the same bodies go through the same places."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from elmo_cli.config import ModelConfig, OptimizerConfig, TrainConfig
from elmo_cli.flows.pretraining.static_parts import StaticParts
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.text.store import EncodedText
from tests.gpu.small import FULL_SOFTMAX, MODEL, TRAIN

CPU = torch.device("cpu")
ONE_SHAPE = (256, 1024, 64)
"""Multiples by which every step of the small text has the same shapes."""
RECIPES = {
    "plain": (MODEL, TRAIN),
    "dropout": (MODEL, replace(TRAIN, dropout=0.1, recurrent_dropout=0.2)),
    "adamw": (MODEL, replace(TRAIN, optimizer=OptimizerConfig(name="adamw", weight_decay=0.5, epsilon=1e-3))),
    "bf16": (MODEL, replace(TRAIN, precision="bf16")),
    "no projection": (replace(MODEL, lstm=replace(MODEL.lstm, cell_dim=MODEL.lstm.projection_dim)), TRAIN),
}
LOOSE = {
    "full softmax": (MODEL, FULL_SOFTMAX),
    "words": (ModelConfig(char_cnn=None, lstm=MODEL.lstm), TRAIN),
}
"""Steps without a static form; they do not wait either."""


def make(model: ModelConfig, config: TrainConfig, text: EncodedText, device: torch.device) -> Trainer:
    trainer = Trainer(model, config, text, device)
    if trainer.static is not None or (device.type == "cpu" and model.char_cnn and trainer.sampled):
        trainer.static = StaticParts(trainer, ONE_SHAPE)
    return trainer


def step_losses(trainer: Trainer, steps: int) -> list[float]:
    return [loss.item() for loss in [trainer.step().loss for _ in range(steps)]]


@contextmanager
def no_waiting(device: torch.device) -> Iterator[None]:
    """On CUDA, what waits for the device is an error."""
    if device.type == "cpu":
        yield
        return
    _set_sync_debug_mode("error")
    try:
        yield
    finally:
        _set_sync_debug_mode("default")


def _set_sync_debug_mode(mode: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the mode does not see every wait
        torch.cuda.set_sync_debug_mode(mode)


def test_asking_for_no_waiting_is_no_error_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []

    def warn(mode: str) -> None:
        modes.append(mode)
        warnings.warn("Synchronization debug mode is a prototype feature", UserWarning, stacklevel=2)

    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", warn)
    with pytest.raises(RuntimeError, match="waited"), no_waiting(torch.device("cuda")):
        raise RuntimeError("waited")
    assert modes == ["error", "default"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_replayed_steps_compute_what_steps_in_their_own_shapes_compute(
    recipe: str, device: torch.device, text: EncodedText
) -> None:
    model, config = RECIPES[recipe]
    replayed, plain = make(model, config, text, device), Trainer(model, config, text, device)
    plain.static = None
    bound = 0.03 if recipe == "bf16" else 1e-4
    assert step_losses(replayed, 10) == pytest.approx(step_losses(plain, 10), abs=bound)
    for name, value in plain.parameters.items():
        torch.testing.assert_close(replayed.parameters[name], value, rtol=10 * bound, atol=bound)


@pytest.mark.parametrize("recipe", RECIPES)
def test_all_steps_are_one_graph(recipe: str, device: torch.device, text: EncodedText) -> None:
    trainer = make(*RECIPES[recipe], text, device)
    step_losses(trainer, 4)
    assert trainer.static is not None
    assert trainer.static.program.num_shapes == 1
    assert trainer.static.program.num_graphs == (1 if device.type == "cuda" else 0)


@pytest.mark.parametrize("recipe", [*RECIPES, *LOOSE])
def test_a_step_does_not_wait_for_the_device(recipe: str, device: torch.device, text: EncodedText) -> None:
    trainer = make(*(RECIPES | LOOSE)[recipe], text, device)
    losses = [trainer.step().loss for _ in range(4)]
    with no_waiting(device):
        losses += [trainer.step().loss for _ in range(3)]
    assert torch.stack(losses).isfinite().all()


@pytest.mark.parametrize("recipe", ["dropout", "bf16"])
def test_two_runs_of_the_same_seed_end_in_the_same_bits(recipe: str, device: torch.device, text: EncodedText) -> None:
    one, other = (make(*RECIPES[recipe], text, device) for _ in range(2))
    assert step_losses(one, 6) == step_losses(other, 6)
    for name, value in one.parameters.items():
        assert torch.equal(other.parameters[name], value), name


def test_bf16_learns_as_float32_does(device: torch.device, text: EncodedText) -> None:
    exact, narrow = (make(MODEL, replace(TRAIN, precision=name), text, device) for name in ("fp32", "bf16"))
    losses, narrow_losses = step_losses(exact, 60), step_losses(narrow, 60)
    assert sum(losses[-20:]) < sum(losses[:20])
    assert sum(narrow_losses[-20:]) == pytest.approx(sum(losses[-20:]), rel=0.01)
