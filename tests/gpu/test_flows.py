"""Training, checkpoints, scores and vectors: the same on every device."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from elmo_cli.config import ModelConfig, TextConfig, TrainConfig
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scoring import score, sentence_sequences, stream_sequences
from elmo_cli.flows.models.loaded import LoadedModel, start_state
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.text.store import EncodedText, open_store
from elmo_cli.text.store_building import build_store
from elmo_cli.text.windows import Line
from elmo_cli.train.checkpoint import load_newest, save_checkpoint
from tests.gpu.devices import CUDA_MARKS
from tests.gpu.small import FULL_SOFTMAX, MODEL, TRAIN

CPU = torch.device("cpu")
WORDS = ModelConfig(char_cnn=None, lstm=MODEL.lstm)
CASES = {
    "characters": (MODEL, TRAIN),
    "characters, full softmax": (MODEL, FULL_SOFTMAX),
    "words": (WORDS, TRAIN),
    "words, shared softmax": (replace(WORDS, share_embedding_softmax=True), TRAIN),
}
PAIRS = [
    ("cpu", "cpu"),
    *(pytest.param(*pair, marks=CUDA_MARKS) for pair in [("cuda", "cuda"), ("cuda", "cpu"), ("cpu", "cuda")]),
]


def train(model: ModelConfig, config: TrainConfig, text: EncodedText, device: torch.device, steps: int) -> Trainer:
    trainer = Trainer(model, config, text, device)
    for _ in range(steps):
        trainer.step()
    return trainer


def step_losses(trainer: Trainer, steps: int) -> list[float]:
    return [trainer.step().loss.item() for _ in range(steps)]


@pytest.mark.parametrize("name", CASES)
def test_twenty_steps_have_the_losses_of_the_cpu(device: torch.device, name: str, text: EncodedText) -> None:
    model, config = CASES[name]
    trainer = Trainer(model, config, text, device)
    assert {value.device.type for value in trainer.parameters.values()} == {device.type}
    assert trainer.sampled == (config is TRAIN)
    losses = step_losses(trainer, 20)
    assert losses == pytest.approx(step_losses(Trainer(model, config, text, CPU), 20), abs=1e-4)
    assert trainer.state.cell.device.type == device.type


def test_dropout_is_drawn_on_the_device_and_the_same_for_the_same_seed(device: torch.device, text: EncodedText) -> None:
    config = replace(TRAIN, dropout=0.3)
    losses = step_losses(Trainer(MODEL, config, text, device), 5)
    assert losses == pytest.approx(step_losses(Trainer(MODEL, config, text, device), 5), abs=1e-4)
    assert losses != pytest.approx(step_losses(Trainer(MODEL, TRAIN, text, device), 5), abs=1e-4)


def test_a_mapped_corpus_store_trains_as_text_in_memory_does(
    device: torch.device, text: EncodedText, tmp_path: Path
) -> None:
    lexicon = text.lexicon
    lines = [
        " ".join(lexicon[number] for number in text.tokens_N[begin:end])
        for begin, end in zip(text.starts[:-1], text.starts[1:], strict=True)
    ]
    (tmp_path / "text.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for _ in build_store([tmp_path / "text.txt"], text.vocabulary, tmp_path / "store", 50):
        pass
    mapped = open_store(tmp_path / "store")
    assert isinstance(mapped.chars_UW, np.memmap)
    losses = step_losses(Trainer(MODEL, TRAIN, mapped, device), 3)
    assert losses == pytest.approx(step_losses(Trainer(MODEL, TRAIN, text, CPU), 3), abs=1e-4)


@pytest.mark.parametrize(("written", "read"), PAIRS)
@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_goes_on_where_it_is_read(
    written: str, read: str, name: str, text: EncodedText, tmp_path: Path
) -> None:
    model, config = CASES[name]
    trainer = train(model, config, text, torch.device(written), 4)
    list(save_checkpoint(tmp_path, trainer.step_number, trainer.tensors(), {}))

    found, _ = load_newest(tmp_path, torch.device(read))
    assert found is not None
    restored = Trainer(model, replace(config), text, torch.device(read))
    restored.restore(found.tensors)
    assert restored.step_number == 4
    for key, value in trainer.parameters.items():
        assert restored.parameters[key].device.type == read
        assert torch.equal(restored.parameters[key].cpu(), value.cpu()), key
        assert torch.equal(restored.optimizer.accumulators[key].cpu(), trainer.optimizer.accumulators[key].cpu()), key
    for one, other in zip(restored.state, trainer.state, strict=True):
        assert torch.equal(one.cpu(), other.cpu())
    assert step_losses(restored, 5) == pytest.approx(step_losses(trainer, 5), abs=1e-4)


def moved(trainer: Trainer, text: EncodedText, device: torch.device) -> Trainer:
    """The same weights on another device."""
    other = Trainer(trainer.bilm.config, trainer.config, text, device)
    other.restore(trainer.tensors())
    return other


@pytest.mark.parametrize("context", ["sentence", "stream"])
@pytest.mark.parametrize("name", CASES)
def test_scores_are_those_of_the_cpu(device: torch.device, name: str, context: str, text: EncodedText) -> None:
    model, config = CASES[name]
    trained, line = train(model, config, text, CPU, 5), Line(text)
    sequences = sentence_sequences(line) if context == "sentence" else stream_sequences(line, 4)

    def measure(trainer: Trainer) -> LineLosses:
        losses = LineLosses(line)
        for _ in score(trainer.bilm, trainer.softmax, sequences, trainer.start_state(), losses, budget=300):
            pass
        return losses

    found, expected = measure(moved(trained, text, device)), measure(trained)
    assert found.targets == expected.targets == line.num_positions
    assert found.mean_losses_G.tolist() == pytest.approx(expected.mean_losses_G.tolist(), abs=1e-5)


def loaded(trainer: Trainer) -> LoadedModel:
    return LoadedModel(
        path=Path("model"),
        bilm=trainer.bilm,
        softmax=trainer.softmax,
        vocabulary=trainer.text.vocabulary,
        text=TextConfig(tokenizer="whitespace"),
        own_start=None,
        info={},
    )


@pytest.mark.parametrize("policy", ["zero", "warm", "carry"])
@pytest.mark.parametrize("name", ["characters", "words"])
def test_vectors_are_those_of_the_cpu(device: torch.device, name: str, policy: str, text: EncodedText) -> None:
    trained = train(*CASES[name], text, CPU, 5)
    sentences = [["The", "assert", "statement"], [], ["an", "unseen", "wörd", "of", "many"], ["."] * 60, ["one"]]

    def vectors(trainer: Trainer) -> list[np.ndarray]:
        model = loaded(trainer)
        start, _ = start_state(model, "warm" if policy == "warm" else "zero")
        if policy != "carry":
            return list(SentenceEmbedder(model, start).embed(sentences, 32))
        embedder = SentenceEmbedder(model, start, carry=True)
        return [array for batch in (sentences[:2], sentences[2:], sentences) for array in embedder.embed_batch(batch)]

    found, expected = vectors(moved(trained, text, device)), vectors(trained)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
