"""Which products a layer's weights get, and where a kernel is cut."""

import pytest
import torch

from elmo_cli.model.inference_weights import LayerWeights, PlainWeights, RoundedWeights, prepare_weights
from elmo_cli.model.packed_matrices import Bf16Matrices, Int8Matrices


def weights(dtype: torch.dtype = torch.float32, *, projected: bool = True) -> LayerWeights:
    narrow = 3 if projected else 8
    kernel = torch.arange(2 * (5 + narrow) * 32, dtype=dtype).view(2, 5 + narrow, 32)
    return LayerWeights(
        kernel, torch.zeros(2, 32, dtype=dtype), torch.ones(2, 8, 3, dtype=dtype) if projected else None
    )


@pytest.mark.parametrize("projected", [True, False])
def test_a_kernel_has_its_inputs_rows_first(projected: bool) -> None:
    given = weights(projected=projected)
    inputs, recurrent = given.halves
    assert inputs.shape == (2, 5, 32)
    assert torch.equal(torch.cat([inputs, recurrent], dim=1), given.kernel)


def test_the_forget_gates_bias_is_one_more() -> None:
    bias = prepare_weights(weights(), "fp32", [1]).bias_G14H
    assert bias.shape == (2, 1, 32)
    assert bias[0, 0].tolist() == [0.0] * 16 + [1.0] * 8 + [0.0] * 8


@pytest.mark.parametrize(("precision", "matrices"), [("bf16", Bf16Matrices), ("int8", Int8Matrices)])
def test_a_precision_chooses_the_copies(precision: str, matrices: type) -> None:
    ready = prepare_weights(weights(), precision, [1])
    assert isinstance(ready, RoundedWeights)
    assert isinstance(ready.recurrent, matrices)


def test_float64_is_never_rounded() -> None:
    assert isinstance(prepare_weights(weights(torch.float64), "int8", [1]), PlainWeights)
