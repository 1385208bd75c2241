"""Embedding on a GPU that is not there: the host waits where vectors are taken, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest

from elmo_cli.config import ModelConfig, TextConfig
from elmo_cli.flows.models.loaded import LoadedModel, start_state
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.text.store import EncodedText
from tests.fake_cuda import CUDA, fake_cuda
from tests.gpu.small import MODEL, TRAIN, encoded_documentation

SENTENCES = [["The", "assert", "statement"], [], ["an", "unseen", "wörd", "of", "many"], ["."] * 60, ["one"]]
MODELS = {"characters": MODEL, "words": ModelConfig(char_cnn=None, lstm=MODEL.lstm)}


@pytest.fixture(scope="module")
def text() -> EncodedText:
    return encoded_documentation()


def load(text: EncodedText, architecture: str) -> LoadedModel:
    trainer = Trainer(MODELS[architecture], TRAIN, text, CUDA)
    return LoadedModel(
        path=Path("model"),
        bilm=trainer.bilm,
        softmax=trainer.softmax,
        vocabulary=text.vocabulary,
        text=TextConfig(tokenizer="whitespace"),
        own_start=None,
        info={},
    )


@pytest.mark.parametrize("architecture", MODELS)
@pytest.mark.parametrize("policy", ["zero", "warm"])
def test_a_batch_is_waited_for_once(policy: str, architecture: str, text: EncodedText) -> None:
    with fake_cuda() as watch:
        model = load(text, architecture)
        watch.clear()
        start, _ = start_state(model, policy)
        embedder = SentenceEmbedder(model, start)
        assert watch.waits == []
        vectors = embedder.embed(SENTENCES, budget=100)
        assert [wait.split(":")[0] for wait in watch.waits] == ["an event at host_copies.py"]
        embedder.embed(SENTENCES, budget=20)
        assert len(watch.waits) == 1 + 2, "the sentence of 60 words is longer than a batch"
    assert [(array.shape, array.dtype) for array in vectors] == [((3, len(s), 24), np.float32) for s in SENTENCES]


def test_states_that_are_carried_stay_on_the_device(text: EncodedText) -> None:
    with fake_cuda() as watch:
        embedder = SentenceEmbedder(model := load(text, "characters"), start_state(model, "zero")[0], carry=True)
        watch.clear()
        for batch in (SENTENCES[:2], SENTENCES[2:], SENTENCES):
            embedder.embed_batch(batch)
        assert len(watch.waits) == 3
        assert embedder.carried.cell.device == CUDA and embedder.carried.cell.shape[2] == len(SENTENCES)


def test_a_call_that_is_passed_over_computes_nothing_and_its_words_later_wait_for_nothing(text: EncodedText) -> None:
    with fake_cuda() as watch:
        embedder = SentenceEmbedder(model := load(text, "characters"), start_state(model, "zero")[0])
        watch.clear()
        embedder.pass_over(SENTENCES)
        assert sum(watch.launches.values()) == 0
        embedder.embed(SENTENCES, budget=100)
        assert len(watch.waits) == 1
