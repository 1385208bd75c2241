"""Counts of operations against the same counted by hand, for the published model."""

import pytest

from benchmarks import flops
from benchmarks.flops import Product, total_flops
from elmo_cli.config import ORIGINAL, CharCnnConfig, LstmConfig

CNN, LSTM = CharCnnConfig(), LstmConfig()
assert (ORIGINAL.model.char_cnn, ORIGINAL.model.lstm) == (CNN, LSTM)
WIDTH = LSTM.projection_dim


def test_a_token_takes_151_million_operations_in_the_lstms() -> None:
    gates, projection = 2 * (512 + 512) * 16_384, 2 * 4096 * 512
    by_hand = 2 * 2 * (gates + projection)  # directions, layers
    assert by_hand == 150_994_944
    assert total_flops(flops.lstm(LSTM, [1])) == by_hand
    assert total_flops(flops.lstm(LSTM, [16] * 20)) == 320 * by_hand


def test_ragged_batches_take_no_operation_for_padding() -> None:
    assert total_flops(flops.lstm(LSTM, [5, 3, 3, 1])) == 12 * 150_994_944


def test_without_a_projection_there_is_no_product_for_it() -> None:
    config = LstmConfig(cell_dim=8, projection_dim=8, layers=1)
    assert total_flops(flops.lstm(config, [1])) == 2 * 2 * (8 + 8) * 32


def test_a_word_type_takes_53_million_operations_at_full_columns() -> None:
    convolutions = sum(2 * (50 - width + 1) * width * 16 * count for width, count in CNN.filters)
    highways, projection = 2 * 2 * 2 * 2048 * 2048, 2 * 2048 * 512
    assert (convolutions, highways, projection) == (17_616_896, 33_554_432, 2_097_152)
    assert total_flops(flops.encoder(CNN, 1, 50, WIDTH)) == convolutions + highways + projection
    # DESIGN's round 55 million counts 50 windows for every width and one multiplication for the projection
    assert total_flops(flops.encoder(CNN, 1, 50, WIDTH)) == pytest.approx(55e6, rel=0.04)


def test_a_position_takes_17_million_operations_in_the_sampled_softmax() -> None:
    assert total_flops(flops.softmax(1, WIDTH, 8192)) == 2 * 2 * 512 * 8192 == 16_777_216


def test_training_takes_three_times_the_forward_pass() -> None:
    forward = flops.lstm(LSTM, [16] * 20) + flops.softmax(320, WIDTH, 8192)
    forward += flops.highways_and_projection(CNN, 300, WIDTH)
    assert total_flops(flops.gradients(forward)) == 2 * total_flops(forward)


def test_a_token_of_training_takes_two_thirds_of_a_gigaflop_counted_in_full() -> None:
    forward = flops.lstm(LSTM, [1]) + flops.encoder(CNN, 1, 50, WIDTH) + flops.softmax(1, WIDTH, 8192)
    assert 3 * total_flops(forward) == pytest.approx(0.67e9, rel=0.02)


def test_gradients_of_convolutions_are_a_few_products_for_the_whole_batch() -> None:
    by_hand = sum(2 * 2 * 261 * 16 * width * count for width, count in CNN.filters)
    assert total_flops(flops.convolution_gradients(CNN)) == by_hand
    dense = 2 * total_flops(flops.convolutions(CNN, 300, 20))
    assert by_hand < dense / 10
    backward = flops.encoder_gradients(CNN, 300, WIDTH)
    assert total_flops(backward) == by_hand + 2 * total_flops(flops.highways_and_projection(CNN, 300, WIDTH))


def test_without_highways_and_projection_convolutions_are_all_there_is() -> None:
    config = CharCnnConfig(embedding_dim=4, filters=((2, 6),), highways=0)
    assert flops.encoder(config, 3, 10, 6) == [Product(27, 8, 6)]
