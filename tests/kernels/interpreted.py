"""Triton's kernels run by Triton's interpreter, so that their arithmetic is tested without a GPU."""

import importlib.util
from collections.abc import Iterator
from types import ModuleType

import pytest

from elmo_cli.kernels.choice import StepKernels


def interpreted(name: str, patch: pytest.MonkeyPatch) -> ModuleType:
    """A fresh copy of a module of ``elmo_cli.kernels`` whose kernels the interpreter runs.

    Triton decides when a kernel is declared, so the module itself may be there already for a GPU.
    """
    pytest.importorskip("triton", reason="Triton is only there on Linux")
    patch.setenv("TRITON_INTERPRET", "1")
    found = importlib.util.find_spec(f"elmo_cli.kernels.{name}")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def interpreted_step_kernels() -> Iterator[StepKernels]:
    """The LSTM step's kernels, interpreted."""
    with pytest.MonkeyPatch.context() as patch:
        cell, output = interpreted("lstm_cell_triton", patch), interpreted("lstm_output_triton", patch)
        yield StepKernels(cell.cell_forward, cell.cell_backward, output.output_forward, output.output_backward)
