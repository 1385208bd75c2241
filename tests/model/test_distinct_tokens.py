"""Token vectors by word type: what a BiLM makes of them is what it makes of a vector for every position."""

import pytest
import torch

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.model.lstm import LstmState

SIZES = [5, 5, 4, 2, 1]


@pytest.fixture
def bilm() -> BiLM:
    cnn = CharCnnConfig(filters=((1, 4), (2, 4)), highways=1, embedding_dim=4, max_characters=10)
    model = BiLM(ModelConfig(char_cnn=cnn, lstm=LstmConfig(cell_dim=24, projection_dim=8, layers=2))).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.4, generator=torch.Generator().manual_seed(parameter.numel()))
    return model


@pytest.fixture
def tokens() -> DistinctTokens:
    generator = torch.Generator().manual_seed(1)
    ids_GN = torch.randint(0, 4, (2, sum(SIZES)), generator=generator)
    return DistinctTokens(torch.randn(4, 8, generator=generator, dtype=torch.float64), ids_GN)


def test_spread_has_a_vector_for_every_position(tokens: DistinctTokens) -> None:
    spread_GND = tokens.spread()
    assert spread_GND.shape == (2, sum(SIZES), 8)
    assert torch.equal(spread_GND[1, 3], tokens.vectors_UD[tokens.ids_GN[1, 3]])


def test_a_model_reads_either(bilm: BiLM, tokens: DistinctTokens) -> None:
    state = LstmState.zeros(bilm.config.lstm, SIZES[0], like=tokens.vectors_UD)
    with torch.no_grad():
        by_type, after = bilm(tokens, SIZES, state)
        by_position, expected = bilm(tokens.spread(), SIZES, state)
    for one, other in zip([*by_type, *after], [*by_position, *expected], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


def test_gradients_and_dropout_reach_every_position(bilm: BiLM, tokens: DistinctTokens) -> None:
    state = LstmState.zeros(bilm.config.lstm, SIZES[0], like=tokens.vectors_UD)
    slopes = []
    for form in ("type", "position"):
        vectors_UD = tokens.vectors_UD.clone().requires_grad_()
        read = DistinctTokens(vectors_UD, tokens.ids_GN)
        generator = torch.Generator().manual_seed(2)

        def drop(values: torch.Tensor, generator: torch.Generator = generator) -> torch.Tensor:
            return values * torch.randint(0, 2, values.shape, generator=generator)

        outputs, _ = bilm(read if form == "type" else read.spread(), SIZES, state, dropout=drop)
        slopes.append(torch.autograd.grad(outputs[-1].square().sum(), vectors_UD)[0])
    assert slopes[0].abs().max() > 0
    torch.testing.assert_close(slopes[0], slopes[1], rtol=0, atol=1e-13)
