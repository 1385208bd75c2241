"""Every optimizer computes on a GPU what it computes on the CPU, and its checkpoints go from one to the other."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from elmo_cli.config import RATES, OptimizerConfig, ScheduleConfig, TrainConfig
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.text.store import EncodedText
from elmo_cli.train.checkpoint import load_newest, save_checkpoint
from tests.gpu.small import MODEL, TRAIN

CPU = torch.device("cpu")
# Near 0 Adam and RMSprop divide a rounding by a rounding; a larger epsilon keeps devices comparable.
RECIPES = {name: replace(TRAIN, optimizer=OptimizerConfig(name=name, epsilon=1e-3)) for name in RATES} | {
    "decay, cosine, parts": replace(
        TRAIN,
        optimizer=OptimizerConfig(name="adamw", weight_decay=0.5, epsilon=1e-3),
        schedule=ScheduleConfig(name="cosine", end=8),
        accumulate=2,
    ),
    "l1": replace(TRAIN, optimizer=OptimizerConfig(name="rmsprop", l1=0.1, epsilon=1e-3)),
}


def losses(trainer: Trainer, steps: int) -> list[float]:
    return [trainer.step().loss.item() for _ in range(steps)]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_optimizer_computes_what_it_computes_on_the_cpu(
    recipe: str, device: torch.device, text: EncodedText
) -> None:
    here, there = Trainer(MODEL, RECIPES[recipe], text, CPU), Trainer(MODEL, RECIPES[recipe], text, device)
    assert losses(there, 5) == pytest.approx(losses(here, 5), abs=1e-3)
    with there.up_to_date(), here.up_to_date():
        for name, value in here.parameters.items():
            torch.testing.assert_close(there.parameters[name].cpu(), value, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("recipe", RECIPES)
def test_its_checkpoint_goes_on_on_another_device(
    recipe: str, device: torch.device, text: EncodedText, tmp_path: Path
) -> None:
    config: TrainConfig = RECIPES[recipe]
    trainer = Trainer(MODEL, config, text, device)
    losses(trainer, 3)
    list(save_checkpoint(tmp_path, trainer.step_number, trainer.tensors(), {}))
    found, _ = load_newest(tmp_path, CPU)
    assert found is not None
    restored = Trainer(MODEL, config, text, CPU)
    restored.restore(found.tensors)
    assert losses(restored, 3) == pytest.approx(losses(trainer, 3), abs=1e-3)
