"""A GPU that is not the first one: streams, graphs, pinned memory and kernels have to follow the tensors."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from elmo_cli.device import pick_device
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.model.lstm import LstmState
from elmo_cli.text.store import EncodedText
from tests.gpu.devices import CPU, CUDA_MARKS
from tests.gpu.small import MODEL, TRAIN, paragraphs
from tests.gpu.test_flows import loaded, step_losses

TWO = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="torch finds no second CUDA device")


@pytest.fixture(params=[CPU, pytest.param("cuda:1", marks=(*CUDA_MARKS, TWO))])
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    """What ``--device`` is given; the current device is the first one again afterwards."""
    yield request.param
    if request.param != "cpu":
        torch.cuda.set_device(0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_there_is_training_anywhere(name: str, precision: str, text: EncodedText) -> None:
    config = replace(TRAIN, precision=precision)
    expected = step_losses(Trainer(MODEL, config, text, torch.device("cpu")), 8)
    device = pick_device(name)
    trainer = Trainer(MODEL, config, text, device)
    bound = 1e-4 if precision == "fp32" else 0.03
    assert step_losses(trainer, 8) == pytest.approx(expected, abs=bound)
    assert {value.device for value in trainer.parameters.values()} == {device}


def test_a_program_whose_current_gpu_is_another_gets_the_same_vectors(name: str, text: EncodedText) -> None:
    trainer = Trainer(MODEL, TRAIN, text, torch.device("cpu"))
    sentences = [paragraph.split()[:20] for paragraph in paragraphs()[:20]]

    def vectors() -> list[np.ndarray]:
        model = loaded(trainer)
        start = LstmState.zeros(MODEL.lstm, 1, like=next(model.bilm.parameters()))
        return SentenceEmbedder(model, start).embed(sentences)

    expected = vectors()
    trainer.bilm.to(name)
    for one, other in zip(vectors(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
