"""The character CNN against a dense convolution over all columns."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from elmo_cli.config import CharCnnConfig
from elmo_cli.model import char_cnn
from elmo_cli.model.char_cnn import PADDING, CharCnn, Highway, trim_columns
from elmo_cli.text.characters import character_table


def dense(encoder: CharCnn, chars_UW: Tensor) -> Tensor:
    """Every window of every column, through torch's own convolution."""
    characters_UCW = encoder.embedding[chars_UW].transpose(1, 2)
    pooled = [
        functional.conv1d(characters_UCW, kernel.permute(2, 1, 0), bias).amax(dim=2)
        for kernel, bias in zip(encoder.kernels, encoder.biases, strict=True)
    ]
    activation = torch.relu if encoder.config.activation == "relu" else torch.tanh
    vectors = activation(torch.cat(pooled, dim=1))
    for highway in encoder.highways:
        vectors = highway(vectors)
    return vectors if encoder.projection is None else encoder.projection(vectors)


def spell(lengths: list[int], width: int = 50) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    chars = torch.full((len(lengths), width), PADDING)
    for row, length in enumerate(lengths):
        chars[row, :length] = torch.randint(0, 260, (length,), generator=generator)
    return chars


def make_encoder(activation: str = "relu", highways: int = 2, output_dim: int = 5) -> CharCnn:
    config = CharCnnConfig(embedding_dim=3, filters=((1, 4), (3, 5), (7, 6)), highways=highways, activation=activation)
    encoder = CharCnn(config, output_dim).double()
    encoder.reset_parameters(torch.Generator().manual_seed(2))
    with torch.no_grad():
        for bias in encoder.biases:
            bias.uniform_(-0.3, 0.3, generator=torch.Generator().manual_seed(9))
    return encoder


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("lengths", [[3], [3, 12, 4], [50, 2, 44], [43, 43], list(range(2, 51))])
def test_trimmed_sparse_and_dense_agree_in_value_and_gradient(activation: str, lengths: list[int]) -> None:
    encoder = make_encoder(activation)
    chars = spell(lengths)
    fast, plain = encoder(chars), dense(encoder, chars)
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-12)
    weights = torch.linspace(-1, 1, fast.numel(), dtype=torch.float64).view_as(fast)
    leaves = list(encoder.parameters())
    for got, expected in zip(
        torch.autograd.grad((fast * weights).sum(), leaves),
        torch.autograd.grad((plain * weights).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-11)


@settings(max_examples=60, deadline=None)
@given(words=st.lists(st.text(max_size=70), min_size=1, max_size=9), group=st.integers(1, 5))
def test_any_words_have_the_dense_values_and_gradients(words: list[str], group: int) -> None:
    encoder = make_encoder()
    chars = torch.from_numpy(character_table(words, 50).astype(np.int64))
    with patch.object(char_cnn, "GROUP", group):
        fast = encoder(chars)
        with torch.no_grad():
            torch.testing.assert_close(encoder(chars), fast, rtol=0, atol=1e-12)
    plain = dense(encoder, chars)
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-12)
    weights = torch.linspace(-1, 1, fast.numel(), dtype=torch.float64).view_as(fast)
    leaves = list(encoder.parameters())
    gradients = [torch.autograd.grad((vectors * weights).sum(), leaves) for vectors in (fast, plain)]
    for got, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-11)


def test_weights_that_are_no_numbers_give_vectors_and_gradients_that_are_none() -> None:
    encoder = make_encoder()
    with torch.no_grad():
        encoder.kernels[1].fill_(float("nan"))
    vectors = encoder(spell([3, 9]))
    assert vectors.isnan().any()
    assert torch.autograd.grad(vectors.sum(), encoder.embedding)[0].isnan().any()


def test_columns_stay_where_they_can_matter() -> None:
    chars = spell([4, 9])
    assert trim_columns(chars, 7).shape == (2, 16)
    assert trim_columns(spell([48]), 7).shape == (1, 50)


def test_no_words_give_no_vectors() -> None:
    assert make_encoder()(torch.empty(0, 50, dtype=torch.long)).shape == (0, 5)


def test_without_projection_the_filters_are_the_vector() -> None:
    encoder = make_encoder(output_dim=15)
    assert encoder.projection is None
    assert encoder(spell([3, 4])).shape == (2, 15)


def test_the_highway_carries_as_the_reference_writes_it() -> None:
    highway = Highway(2)
    with torch.no_grad():
        highway.transform_weight.fill_(1)
        highway.transform_bias.fill_(0)
        highway.carry_weight.fill_(-1)  # AllenNLP's gate is the negative of ours
        highway.carry_bias.fill_(0)
    values = highway(torch.tensor([[-2.0, 1.0]]))
    gate = torch.sigmoid(torch.tensor(1.0))
    expected = gate * torch.zeros(2) + (1 - gate) * torch.tensor([-2.0, 1.0])
    torch.testing.assert_close(values[0], expected)


def test_two_highways_have_the_values_of_allennlps_own_test() -> None:
    # Its one matrix is ours for the transformed branch, and with the sign turned ours for the gate.
    vectors = torch.tensor([[-2.0, 1.0], [3.0, -2.0]])
    for weight, bias in ((1.0, 0.0), (2.0, -2.0)):
        highway = Highway(2)
        with torch.no_grad():
            highway.transform_weight.fill_(weight)
            highway.transform_bias.fill_(bias)
            highway.carry_weight.fill_(-weight)
            highway.carry_bias.fill_(-bias)
        vectors = highway(vectors)
    torch.testing.assert_close(vectors, torch.tensor([[-0.0394, 0.0197], [1.7527, -0.5550]]), rtol=0, atol=1e-4)
