"""Evaluation on a GPU that is not there: the host waits for the losses of a batch, and for nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from elmo_cli.config import ModelConfig
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scoring import score, sentence_sequences, stream_sequences
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.text.store import EncodedText
from elmo_cli.text.windows import Line
from tests.fake_cuda import CUDA, fake_cuda
from tests.gpu.small import MODEL, TRAIN, encoded_documentation

MODELS = {
    "characters": MODEL,
    "no projection": replace(MODEL, lstm=replace(MODEL.lstm, cell_dim=MODEL.lstm.projection_dim)),
    "words": ModelConfig(char_cnn=None, lstm=MODEL.lstm),
}


@pytest.fixture(scope="module")
def text() -> EncodedText:
    return encoded_documentation()


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("context", ["sentence", "stream"])
@pytest.mark.parametrize("name", MODELS)
def test_a_batch_is_waited_for_once(name: str, context: str, precision: str, text: EncodedText) -> None:
    line = Line(text)
    sequences = sentence_sequences(line) if context == "sentence" else stream_sequences(line, 16)
    begins, lengths = (array[:12] for array in sequences)
    lengths = np.minimum(lengths, 6)
    with fake_cuda() as watch:
        trainer = Trainer(MODELS[name], TRAIN, text, CUDA)
        watch.clear()
        start, losses = trainer.start_state(), LineLosses(line)
        done = list(score(trainer.bilm, trainer.softmax, (begins, lengths), start, losses, 30, precision=precision))
        assert done[-1] == lengths.sum()
        assert {wait.split(":")[0] for wait in watch.waits} == {"a copy to the host at scoring.py"}
        assert len(watch.waits) == len(done)
        assert {result for _, result, place in watch.products if place != "lstm_fused.py"} == {torch.float32}
