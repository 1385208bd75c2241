"""How near int8 is: measured against vectors computed twice, and refused where it is far."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from elmo_cli.errors import ConfigError
from elmo_cli.flows.models.loaded import LoadedModel, load_model, start_state
from elmo_cli.flows.vectors import agreement
from elmo_cli.flows.vectors.agreement import Agreement, measure_agreement, spread_sample
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from tests.flows.small_model import SmallModel

SENTENCES = [["the", "bank", "."], ["a", "bank"], [], ["the", "river", "by", "the", "bank"]]


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    return load_model(SmallModel(tmp_path / "model").folder, precision="int8")


def test_the_worst_and_the_mean_are_those_of_all_tokens_and_lstm_layers(model: LoadedModel) -> None:
    start = start_state(model, "model")[0]
    found = measure_agreement(model, start, SENTENCES)
    assert found is not None
    pairs = zip(
        SentenceEmbedder(model, start).embed(SENTENCES, 100),
        SentenceEmbedder(replace(model, precision="fp32"), start).embed(SENTENCES, 100),
        strict=True,
    )
    cosines = [
        float(one @ other / np.sqrt((one @ one) * (other @ other)))
        for low, exact in pairs
        for layer in (1, 2)
        for one, other in zip(low[layer].astype(np.float64), exact[layer].astype(np.float64), strict=True)
    ]
    assert len(cosines) == 20
    assert found.tokens == 10
    assert found.worst == pytest.approx(min(cosines), abs=1e-6)
    assert found.mean == pytest.approx(np.mean(cosines), abs=1e-6)
    assert min(cosines) < 1 - 1e-7, "nothing was rounded"
    found.check()


def test_a_text_without_words_has_nothing_to_compare(model: LoadedModel) -> None:
    assert measure_agreement(model, start_state(model, "zero")[0], [[], []]) is None


def test_vectors_that_are_too_far_are_refused(model: LoadedModel) -> None:
    for layer in model.bilm.layers:  # one weight of a column so large that the steps of the others are lost
        layer.kernel[:, 0] *= 500
    found = measure_agreement(model, start_state(model, "zero")[0], SENTENCES)
    assert found is not None
    assert found.worst < 0.99
    with pytest.raises(
        ConfigError, match=re.escape(f"int8: the worst cosine to float32 is {found.worst:.4f}")
    ) as error:
        found.check()
    assert "at least 0.99 was expected" in str(error.value)
    assert error.value.hint is not None and "--precision fp32" in error.value.hint


def test_the_statistic_is_said() -> None:
    said = str(Agreement("int8", 1234, 0.99514, 0.99991))
    assert said == (
        "int8: the worst cosine to float32 is 0.9951, the mean 0.9999 "
        "(1,234 words of this text, every layer of the LSTMs)"
    )


def test_a_sample_is_spread_over_the_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "SAMPLE_TOKENS", 6)
    sentences = [[str(number)] * 3 for number in range(10)]
    assert spread_sample(sentences) == [["0"] * 3, ["5"] * 3]
    assert spread_sample([["long"] * 50, [], ["b"]]) == [["long"] * 6, ["b"]]


def test_comparing_does_not_change_the_vectors_that_follow(model: LoadedModel) -> None:
    start = start_state(model, "zero")[0]
    expected = SentenceEmbedder(model, start).embed(SENTENCES, 100)
    measure_agreement(model, start, SENTENCES)
    for one, other in zip(SentenceEmbedder(model, start).embed(SENTENCES, 100), expected, strict=True):
        assert np.array_equal(one, other)
    assert torch.get_float32_matmul_precision() == "highest"
