"""A computation with fixed places: on the CPU it goes through everything but the capture."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
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


def test_after_a_capture_that_fails_steps_are_computed_one_by_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def failing(*_: Any, **__: Any) -> Iterator[None]:
        yield
        raise RuntimeError("the capture was ended")

    streams: list[str] = []
    for name, value in {
        "graph": failing,
        "CUDAGraph": object,
        "graph_pool_handle": object,
        "current_stream": lambda: "the usual stream",
        "set_stream": streams.append,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    step, _ = make_step()
    step.captures = True
    for number in range(3):
        (result,) = step.run({"a": torch.full((2,), float(number)), "b": torch.ones(2)}, 10)
        assert result.tolist() == [number + 11.0] * 2
    assert not step.captures and step.num_graphs == 0
    assert streams == ["the usual stream"], "the capture's own stream would stay the current one"
    assert "no CUDA graph (the capture was ended)" in caplog.text
