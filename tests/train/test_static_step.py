"""A computation with fixed places: on the CPU it goes through everything but the capture."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from elmo_cli.train.static_step import StaticStep

CPU = torch.device("cpu")


def make_step() -> tuple[StaticStep, list[dict[str, int]]]:
    """A step that adds two inputs and a setting, and the addresses that it read, call by call."""
    addresses: list[dict[str, int]] = []

    def add(inputs: Mapping[str, Tensor], setting: Any) -> tuple[Tensor, ...]:
        addresses.append({name: value.data_ptr() for name, value in inputs.items()})
        return (inputs["a"] + inputs["b"] + setting,)

    return StaticStep(add, CPU), addresses


def test_inputs_are_copied_to_the_same_places_every_time() -> None:
    step, addresses = make_step()
    for number in range(3):
        given = {"a": torch.full((2,), float(number)), "b": torch.ones(2)}
        (result,) = step.run(given, 10)
        assert result.tolist() == [number + 11.0] * 2
        assert given["a"].data_ptr() != addresses[number]["a"]
    assert addresses[0] == addresses[1] == addresses[2]


def test_results_lie_in_the_same_places_too() -> None:
    step, _ = make_step()
    (first,) = step.run({"a": torch.ones(2), "b": torch.ones(2)}, 0)
    (second,) = step.run({"a": torch.ones(2), "b": torch.full((2,), 5.0)}, 0)
    assert first.data_ptr() == second.data_ptr()
    assert first.tolist() == [6.0, 6.0]


def test_other_shapes_types_and_settings_are_other_computations() -> None:
    step, addresses = make_step()
    for length, dtype, setting in (
        (2, torch.float32, 0),
        (3, torch.float32, 0),
        (2, torch.float64, 0),
        (2, torch.float32, 1),
    ):
        step.run({"a": torch.ones(length, dtype=dtype), "b": torch.ones(length, dtype=dtype)}, setting)
    assert step.num_shapes == 4
    assert addresses[0] == addresses[3]
    assert len({address["a"] for address in addresses}) == 3


def test_a_cpu_captures_nothing() -> None:
    step, _ = make_step()
    for _ in range(3):
        step.run({"a": torch.ones(1), "b": torch.ones(1)}, 0)
    assert (step.num_shapes, step.num_graphs) == (1, 0)
