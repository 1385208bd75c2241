"""Training steps on a GPU that is not there: they wait for nothing, mix no devices, and have the types they should.

The recipes are those of ``tests/gpu``, which ask the same of a GPU.
"""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from elmo_cli.config import ModelConfig, TrainConfig
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.text.store import EncodedText
from tests.fake_cuda import CUDA, Watch, fake_cuda
from tests.gpu import test_optimizers, test_steps
from tests.gpu.small import MODEL, TRAIN, encoded_documentation

BF16, FLOAT = torch.bfloat16, torch.float32
RECIPES: dict[str, tuple[ModelConfig, TrainConfig]] = {
    **test_steps.RECIPES,
    **{name: (MODEL, recipe) for name, recipe in test_optimizers.RECIPES.items() if recipe.accumulate == 1},
    "tf32": (MODEL, replace(TRAIN, precision="tf32")),
    "no resets": (MODEL, replace(TRAIN, reset_probability=0.0)),
    "two highways, three layers": (
        replace(MODEL, char_cnn=replace(MODEL.char_cnn, highways=2), lstm=replace(MODEL.lstm, layers=3)),
        replace(TRAIN, precision="bf16", dropout=0.1, recurrent_dropout=0.1),
    ),
    "frozen": (MODEL, replace(TRAIN, freeze="token-encoder,softmax")),
}


@pytest.fixture(scope="module")
def text() -> EncodedText:
    return encoded_documentation()


def make(text: EncodedText, model: ModelConfig = MODEL, config: TrainConfig = TRAIN) -> Trainer:
    return Trainer(model, replace(config, window=min(3, config.window)), text, CUDA)


@pytest.mark.parametrize("name", [*RECIPES, *test_steps.LOOSE])
def test_a_step_waits_for_nothing_and_stays_on_the_device(name: str, text: EncodedText) -> None:
    with fake_cuda() as watch:
        trainer = make(text, *(RECIPES | test_steps.LOOSE)[name])
        watch.clear()
        results = [trainer.step() for _ in range(2)]
        assert watch.waits == []
        for tensor in (*trainer.parameters.values(), *trainer.state, results[-1].loss, results[-1].gradient_norm):
            assert (tensor.device, tensor.dtype) == (CUDA, FLOAT)


def test_steps_of_the_same_shapes_are_captured_once_and_replayed(text: EncodedText) -> None:
    with fake_cuda() as watch:
        trainer = make(text)
        assert trainer.static is not None
        for replays in (0, 1, 2):
            trainer.step_number = 0
            watch.launches.clear()
            trainer.step()
            assert watch.replays == replays
        assert trainer.static.program.num_graphs == 1
        assert watch.pool.allocated == 0, "what a graph leaves behind is overwritten by the next one"
        assert sum(watch.captured.values()) > 150
        assert sum(watch.launches.values()) < 60


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_of_the_lstm_more_is_eight_launches_in_each_layer(precision: str, text: EncodedText) -> None:
    """Two products and two kernels, forward and backward."""
    counts = []
    for window in (2, 3):
        with fake_cuda() as watch:
            trainer = make(text, MODEL, replace(TRAIN, precision=precision, window=window))
            watch.clear()
            trainer.step()
            counts.append(Counter({name: number for name, number in watch.launches.items() if ".py" in name}))
    more = counts[1] - counts[0]
    assert not counts[0] - counts[1]
    assert sum(more.values()) == 8 * MODEL.lstm.layers


def types_in(watch: Watch, kernel: str, *names: str) -> list[torch.dtype]:
    """At a row's first step."""
    call = watch.types[kernel][0 if kernel.endswith("forward") else -1]
    return [call[name] for name in names]


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_what_products_read_is_narrow_and_sums_are_wide(precision: str, text: EncodedText) -> None:
    narrow = BF16 if precision == "bf16" else FLOAT
    with fake_cuda() as watch:
        trainer = make(text, MODEL, replace(TRAIN, precision=precision))
        trainer.step()
    assert types_in(watch, "cell_forward", "gates", "old_cell", "cell", "hidden", "bias") == [
        *[narrow, FLOAT, FLOAT],
        *[narrow, FLOAT],
    ]
    assert types_in(watch, "output_forward", "projected", "output", "recurring") == [FLOAT, FLOAT, narrow]
    assert types_in(watch, "output_backward", "grad_output", "grad_recurring", "output", "grad_projected") == [
        *[FLOAT, FLOAT, FLOAT],
        narrow,
    ]
    assert types_in(watch, "cell_backward", "gates", "cell", "grad_hidden", "grad_cell", "grad_gates", "hidden") == [
        *[narrow, FLOAT, narrow],
        *[FLOAT, narrow, narrow],
    ]
    # The products of the tables of characters, 261 rows, stay in float32.
    assert {read for read, _, place in watch.products if place != "char_cnn.py"} == {narrow}


def test_dropout_s_masks_are_drawn_outside_of_the_graph(text: EncodedText) -> None:
    with fake_cuda() as watch:
        trainer = make(text, MODEL, replace(TRAIN, dropout=0.1, recurrent_dropout=0.1))
        for _ in range(2):
            trainer.step_number = 0
            watch.launches.clear()
            trainer.step()
    assert any(name.startswith("bernoulli_") for name in watch.launches)
    assert not any(name.startswith("bernoulli_") for name in watch.captured)
