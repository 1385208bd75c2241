"""Every word type's part of the gates, computed once: the same numbers, of fewer products."""

import pytest
import torch
from torch import Tensor

from elmo_cli.model import input_gates
from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.model.inference_weights import LayerWeights, PlainWeights, prepare_weights
from elmo_cli.model.input_gates import gates_by_step

WIDE, NARROW = 24, 8
SIZES = [40, 40, 33, 20, 20, 3, 1]


class Counted(PlainWeights):
    """Counts the rows that are multiplied."""

    rows = 0

    def read(self, inputs_GNI: Tensor, gates_GN4H: Tensor, *, biased: bool = True) -> None:
        self.rows += inputs_GNI.shape[1]
        super().read(inputs_GNI, gates_GN4H, biased=biased)


def weights(dtype: torch.dtype = torch.float64) -> LayerWeights:
    generator = torch.Generator().manual_seed(1)
    shapes = [(2, 2 * NARROW, 4 * WIDE), (2, 4 * WIDE), (2, WIDE, NARROW)]
    return LayerWeights(*(torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes))


def random_tokens(types: int, dtype: torch.dtype = torch.float64) -> DistinctTokens:
    generator = torch.Generator().manual_seed(2)
    vectors_UD = torch.randn(types, NARROW, generator=generator, dtype=torch.float64).to(dtype)
    return DistinctTokens(vectors_UD, torch.randint(0, types, (2, sum(SIZES)), generator=generator))


def collected(ready: PlainWeights, inputs: Tensor | DistinctTokens, sizes: list[int]) -> Tensor:
    steps = [gates_GB4H.clone() for gates_GB4H in gates_by_step(ready, inputs, sizes)]
    assert [part.shape[1] for part in steps] == sizes
    return torch.cat(steps, dim=1)


@pytest.mark.parametrize("types", [1, 5, 60, 5000])
@pytest.mark.parametrize("at_once", [1, 50, 4096])
def test_types_give_what_positions_give(types: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_gates, "SHARED_POSITIONS", at_once)
    tokens, ready = random_tokens(types), PlainWeights(weights(), [1])
    expected = torch.baddbmm(ready.bias_G14H, tokens.spread(), ready.inputs)
    torch.testing.assert_close(collected(ready, tokens, SIZES), expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(collected(ready, tokens.spread(), SIZES), expected, rtol=0, atol=1e-13)


def test_a_type_is_multiplied_once_for_all_its_places() -> None:
    few, none_twice, by_position = (Counted(weights(), [1]) for _ in range(3))
    tokens = random_tokens(types=9)
    collected(few, tokens, SIZES)
    assert few.rows == 9
    every = DistinctTokens(tokens.spread()[0], torch.arange(sum(SIZES)).expand(2, -1))
    collected(none_twice, every, SIZES)
    collected(by_position, tokens.spread(), SIZES)
    assert none_twice.rows == by_position.rows == sum(SIZES), "looking up what differs everywhere would only cost"


def test_directions_may_have_different_numbers_of_types() -> None:
    ready, tokens = PlainWeights(weights(), [1]), random_tokens(types=12)
    tokens.ids_GN[1] = 7
    expected = torch.baddbmm(ready.bias_G14H, tokens.spread(), ready.inputs)
    torch.testing.assert_close(collected(ready, tokens, SIZES), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_in_fewer_bits_too(precision: str) -> None:
    ready, tokens = prepare_weights(weights(torch.float32), precision, [1]), random_tokens(12, torch.float32)
    by_type = torch.cat([part.clone() for part in gates_by_step(ready, tokens, SIZES)], dim=1)
    by_position = torch.cat([part.clone() for part in gates_by_step(ready, tokens.spread(), SIZES)], dim=1)
    torch.testing.assert_close(by_type, by_position, rtol=0, atol=0.05)


def test_no_steps_are_no_gates() -> None:
    empty = DistinctTokens(torch.empty(0, NARROW), torch.empty(2, 0, dtype=torch.long))
    assert list(gates_by_step(PlainWeights(weights(), [1]), empty, [])) == []
