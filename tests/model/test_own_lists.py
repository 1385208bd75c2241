"""The token encoder of words and listed characters."""

import pytest
import torch

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig, OwnListsConfig
from elmo_cli.errors import ConfigError
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.own_lists import OwnListsEncoder

CNN = CharCnnConfig(embedding_dim=3, filters=((1, 4), (3, 6)), highways=1, max_characters=12)
LISTS = OwnListsConfig(characters=20, padding=7, words=5, word_dim=2)


def fresh() -> OwnListsEncoder:
    encoder = OwnListsEncoder(LISTS, CNN, 4)
    encoder.reset_parameters(torch.Generator().manual_seed(1))
    return encoder.double()


def test_cutting_columns_of_padding_changes_no_vector() -> None:
    encoder = fresh()
    words = [[1, 5, 6, 9], [2, 5, 8, 3, 3, 9], [4, 5, *range(8, 18), 9][:13]]
    rows = torch.tensor([row + [7] * (13 - len(row)) for row in words])
    alone = torch.cat([encoder(row[None]) for row in rows])
    torch.testing.assert_close(alone, encoder(rows), rtol=0, atol=1e-14)


def test_gradients_reach_both_tables_and_are_those_of_finite_differences() -> None:
    encoder = fresh()
    rows = torch.tensor([[1, 5, 6, 9, *[7] * 9], [2, 5, 8, 3, 3, 9, *[7] * 7]])
    tables = [encoder.word_table, encoder.char_cnn.embedding]

    def loss(*changed: torch.Tensor) -> torch.Tensor:
        names = {"word_table": changed[0], "char_cnn.embedding": changed[1]}
        return torch.func.functional_call(encoder, names, (rows,)).square().sum()

    assert torch.autograd.gradcheck(loss, [table.detach().clone().requires_grad_() for table in tables])


def test_a_projection_between_equal_widths_is_there_all_the_same() -> None:
    config = ModelConfig(
        char_cnn=CNN,
        own_lists=OwnListsConfig(characters=20, padding=7),
        lstm=LstmConfig(cell_dim=11, projection_dim=CNN.total_filters),
    )
    assert "token_encoder.projection.weight" in dict(BiLM(config).named_parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"characters": 0}, "characters and words are both 0: a token layer of nothing"),
        ({"characters": 3, "padding": 3}, r"padding must be from 0 to below characters \(3\), not 3"),
        ({"words": 3}, "words and word_dim must both be above 0, or both 0: 3 and 0"),
        ({"characters": -1, "words": 1, "word_dim": 1}, "characters must not be negative: -1"),
    ],
)
def test_lists_that_make_no_sense_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        OwnListsConfig(**settings)


def test_characters_and_their_network_come_together() -> None:
    with pytest.raises(ConfigError, match=r"own_lists\.characters must be above 0 with char_cnn, and 0 without"):
        ModelConfig(char_cnn=None, own_lists=LISTS)
