"""Triton launches on the current device, so that has to be the tensors' own, whichever the caller's is."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

SECOND = torch.device("cuda", 1)


class Kernel:
    """Stands for a Triton kernel; notes which device is the current one where it is launched."""

    def __init__(self, current: Callable[[], int]) -> None:
        self._current = current
        self.launched_on: list[int] = []

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return lambda *arguments, **constants: self.launched_on.append(self._current())


@contextmanager
def current_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """The current device of a machine with several, of which the first is the current one."""
    current = [0]

    def exchange(number: int) -> int:
        before = current[0]
        current[0] = number if number >= 0 else before
        return before

    monkeypatch.setattr(torch.cuda, "_exchange_device", exchange)
    monkeypatch.setattr(torch.cuda, "_maybe_exchange_device", exchange)
    with FakeTensorMode():
        yield lambda: current[0]


def launch(module: Any, name: str) -> None:
    """Calls what launches a kernel, with tensors on the second device."""

    def made(*shape: int) -> torch.Tensor:
        return torch.empty(shape, device=SECOND)

    gates, cell, output, row = made(2, 3, 16), made(2, 3, 4), made(2, 3, 4), made(3)
    arguments: dict[str, tuple[Any, ...]] = {
        "cell_forward": (gates, cell, row, 3.0, cell, output, made(2, 16)),
        "cell_backward": (gates, cell, cell, row, 3.0, output, cell, gates, output),
        "output_forward": (output, 3.0, output, row, None, output),
        "output_backward": (output, output, row, None, output, 3.0, output),
        "character_sums": (made(3, 5).long(), made(3, 4).long(), made(3, 4), 2, 261),
        "target_logits": (made(3, 4), made(5, 4), made(5), row.long()),
        "losses": (made(3, 5), made(5), row.long(), row, row, None),
        "add_to_sums": (made(3, 5), made(5), row.long(), 0, row, row),
        "column_sums": (made(3, 5), row),
        "whole": (made(3, 4), made(3, 4), made(3, 4), None, 0.1),
        "rows": (made(3, 4), made(3, 4), row.long(), made(3, 4), None, 0.1),
    }
    getattr(module, name)(*arguments[name])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("lstm_cell_triton", "cell_forward"),
        ("lstm_cell_triton", "cell_backward"),
        ("lstm_output_triton", "output_forward"),
        ("lstm_output_triton", "output_backward"),
        ("character_sums_triton", "character_sums"),
        ("softmax_rows_triton", "target_logits"),
        ("softmax_rows_triton", "losses"),
        ("softmax_rows_triton", "add_to_sums"),
        ("softmax_rows_triton", "column_sums"),
        ("adagrad_step_triton", "whole"),
        ("adagrad_step_triton", "rows"),
    ],
)
def test_a_kernel_is_launched_where_its_tensors_are(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="Triton is only there on Linux")
    found = importlib.import_module(f"elmo_cli.kernels.{module}")
    with current_device(monkeypatch) as current:
        kernel = Kernel(current)
        monkeypatch.setattr(found, "_adagrad_step" if module == "adagrad_step_triton" else f"_{name}", kernel)
        launch(found, name)
        assert kernel.launched_on == [1]
        assert current() == 0, "the caller's device is the current one again"
