"""The layer mix against its formula."""

import numpy as np
import pytest
import torch

from elmo_cli.errors import ConfigError
from elmo_cli.model.scalar_mix import ScalarMix


def softmax(values: list[float]) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum()


def test_a_mix_is_gamma_times_the_weighted_sum() -> None:
    mix = ScalarMix(3, initial_scalar_parameters=[0.1, 0.2, 0.3])
    mix.gamma.data.fill_(0.5)
    layers = torch.rand(3, 3, 4, 5)
    expected = 0.5 * np.einsum("l,l...->...", softmax([0.1, 0.2, 0.3]), layers.double().numpy())
    np.testing.assert_allclose(mix(list(layers)).detach(), expected, rtol=0, atol=1.5e-7)


def test_layer_norm_takes_one_mean_and_one_variance_of_everything_unmasked() -> None:
    mix = ScalarMix(3, do_layer_norm=True, initial_scalar_parameters=[0.1, 0.2, 0.3])
    layers = torch.rand(3, 3, 4, 5)
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[1, 2:] = False
    mask[2, 1:] = False
    expected = np.zeros((3, 4, 5))
    for weight, layer in zip(softmax([0.1, 0.2, 0.3]), layers.double().numpy(), strict=True):
        unmasked = layer[mask.numpy()]
        expected += weight * (layer - unmasked.mean()) / np.sqrt(unmasked.var())
    np.testing.assert_allclose(mix(list(layers), mask).detach(), expected, rtol=0, atol=1.5e-6)


def test_the_parameters_have_allennlps_names() -> None:
    mix = ScalarMix(3)
    shapes = {name: tuple(value.shape) for name, value in mix.state_dict().items()}
    assert shapes == {"gamma": (1,), **{f"scalar_parameters.{j}": (1,) for j in range(3)}}
    assert mix.gamma.item() == 1
    assert [parameter.item() for parameter in mix.scalar_parameters] == [0, 0, 0]


def test_huge_weights_pick_one_layer_exactly() -> None:
    layers = list(torch.rand(3, 2, 4))
    assert torch.equal(ScalarMix(3, initial_scalar_parameters=[-9e10, 1, -9e10])(layers), layers[1])


@pytest.mark.parametrize("trainable", [True, False])
def test_weights_and_gamma_learn_together_or_not_at_all(trainable: bool) -> None:
    mix = ScalarMix(2, trainable=trainable)
    assert {parameter.requires_grad for parameter in mix.parameters()} == {trainable}


def test_errors_name_what_was_expected() -> None:
    with pytest.raises(ConfigError, match="expected 3 initial parameters, one per layer, found 2"):
        ScalarMix(3, initial_scalar_parameters=[0.1, 0.2])
    with pytest.raises(ValueError, match="expected 3 tensors, one per layer, found 5"):
        ScalarMix(3)([torch.rand(2, 2)] * 5)
    with pytest.raises(ValueError, match="layer norm needs the mask"):
        ScalarMix(1, do_layer_norm=True)([torch.rand(2, 2)])
