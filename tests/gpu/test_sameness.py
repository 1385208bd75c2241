"""A sentence has the same vectors and losses whatever it is computed with, to the rounding of the precision."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from elmo_cli.config import LstmConfig
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scoring import score, sentence_sequences
from elmo_cli.flows.models.loaded import LoadedModel
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.vectors.embedding import SentenceEmbedder, Vectors
from elmo_cli.model.lstm import LstmState
from elmo_cli.text.store import EncodedText
from elmo_cli.text.windows import Line
from tests.gpu.small import MODEL, TRAIN, encoded_documentation, paragraphs
from tests.gpu.test_flows import loaded

WIDER = replace(MODEL, lstm=LstmConfig(cell_dim=256, projection_dim=32))
"""Sizes for which a GPU's libraries choose among ways to multiply."""
BUDGETS = [1, 37, 500, 4096]
"""Positions computed together."""


@cache
def trainer(device: torch.device) -> Trainer:
    """A model with fresh weights."""
    return Trainer(WIDER, TRAIN, encoded_documentation(), device)


@cache
def sentences() -> list[list[str]]:
    """300 of 1 to 24 words."""
    words = [word for paragraph in paragraphs() for word in paragraph.split()]
    lengths = [1 + 5 * number % 24 for number in range(300)]
    ends = np.cumsum(lengths) % (len(words) - 24)
    return [words[end : end + length] for end, length in zip(ends, lengths, strict=True)]


def vectors(model: LoadedModel, some: list[list[str]], budget: int) -> list[Vectors]:
    """Those of a fresh embedder, so that words are computed with other words each time."""
    start = LstmState.zeros(model.bilm.config.lstm, 1, like=next(model.bilm.parameters()))
    return SentenceEmbedder(model, start).embed(some, budget)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_sentence_has_the_same_vectors_alone_and_among_300(device: torch.device, precision: str) -> None:
    model = replace(loaded(trainer(device)), precision=precision)
    together = vectors(model, sentences(), 4096)
    for number in (0, 23, 150, 299):
        (alone,) = vectors(model, [sentences()[number]], 4096)
        assert_same(alone, together[number], precision)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("budget", BUDGETS)
def test_the_number_of_positions_computed_together_changes_no_vector(
    device: torch.device, budget: int, precision: str
) -> None:
    model = replace(loaded(trainer(device)), precision=precision)
    some = sentences()[:60]
    for one, other in zip(vectors(model, some, budget), vectors(model, some, 4096), strict=True):
        assert_same(one, other, precision)


def test_the_same_call_gives_the_same_bits(device: torch.device) -> None:
    model = loaded(trainer(device))
    for one, other in zip(vectors(model, sentences(), 4096), vectors(model, sentences(), 4096), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("budget", BUDGETS[1:])
def test_the_number_of_positions_scored_together_changes_no_loss(
    device: torch.device, budget: int, text: EncodedText
) -> None:
    model = trainer(device)
    line = Line(text, np.arange(40, dtype=np.int64))

    def losses(together: int) -> np.ndarray:
        found = LineLosses(line)
        for _ in score(model.bilm, model.softmax, sentence_sequences(line), model.start_state(), found, together):
            pass
        return found.losses_GP

    np.testing.assert_allclose(losses(budget), losses(4096), rtol=0, atol=1e-5)


def assert_same(one: Vectors, other: Vectors, precision: str) -> None:
    """Within 1e-5 in float32; in bf16 within a share of what they are."""
    if precision == "fp32":
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    else:
        assert np.linalg.norm(one - other) <= 0.02 * np.linalg.norm(other)
