"""Which form of the kernels a device gets: Triton on CUDA, plain torch elsewhere and where Triton is missing."""

import logging
import os
from collections.abc import Callable
from functools import cache, wraps
from types import ModuleType
from typing import Any, NamedTuple

import torch

from elmo_cli.errors import ConfigError
from elmo_cli.kernels import lstm_cell, lstm_output, softmax_rows
from elmo_cli.kernels.character_sums import character_sums

VARIABLE = "ELMO_KERNELS"
"""Environment variable that chooses by hand: ``torch`` or ``triton``; unset, or ``auto``, leaves it to the device."""


class StepKernels(NamedTuple):
    """The element-wise work of one LSTM step; see :mod:`lstm_cell` and :mod:`lstm_output`."""

    cell_forward: Callable[..., None]
    cell_backward: Callable[..., None]
    output_forward: Callable[..., None]
    output_backward: Callable[..., None]


TORCH = StepKernels(
    lstm_cell.cell_forward, lstm_cell.cell_backward, lstm_output.output_forward, lstm_output.output_backward
)


class SoftmaxKernels(NamedTuple):
    """What goes over the rows of a softmax's logits; see :mod:`softmax_rows`."""

    target_logits: Callable[..., torch.Tensor]
    losses: Callable[..., None]
    add_to_sums: Callable[..., None]
    column_sums: Callable[..., torch.Tensor]

    @classmethod
    def of(cls, module: ModuleType) -> "SoftmaxKernels":
        """Those of a module."""
        return cls(module.target_logits, module.losses, module.add_to_sums, module.column_sums)


def step_kernels(device: torch.device) -> StepKernels:
    """The kernels of the LSTM's steps on a device."""
    return _triton_kernels() if triton_wanted(device) else TORCH


def steps_are_fused(device: torch.device) -> bool:
    """Whether LSTM and softmax take the order of their fused forms: on CUDA, and where Triton is asked for."""
    return device.type == "cuda" or _wish() == "triton"


def triton_wanted(device: torch.device) -> bool:
    """Whether Triton's kernels compute on a device. Where they should and cannot, a warning is logged once."""
    wish = _wish()
    if wish == "torch" or (wish == "auto" and device.type != "cuda"):
        return False
    return _has_triton() and _can_launch(device)


def softmax_kernels(device: torch.device) -> SoftmaxKernels:
    """What goes over the rows of a softmax's logits on a device."""
    if not triton_wanted(device):
        return SoftmaxKernels.of(softmax_rows)
    from elmo_cli.kernels import softmax_rows_triton

    return SoftmaxKernels.of(softmax_rows_triton)


def adagrad_kernels(device: torch.device) -> ModuleType | None:
    """:mod:`adagrad_step` as kernels; None where torch computes, which does better with all parameters at once."""
    if not triton_wanted(device):
        return None
    from elmo_cli.kernels import adagrad_step_triton

    return adagrad_step_triton


def character_sums_kernel(device: torch.device) -> Callable[..., torch.Tensor]:
    """What sums the character CNN's gradients on a device; see :mod:`character_sums`."""
    if not triton_wanted(device):
        return character_sums
    from elmo_cli.kernels import character_sums_triton

    return character_sums_triton.character_sums


def _wish() -> str:
    """What the environment variable says.

    Raises:
        ConfigError: It says something else than there is.
    """
    wish = os.environ.get(VARIABLE, "auto")
    if wish not in ("auto", "torch", "triton"):
        raise ConfigError(f"{VARIABLE}={wish}: expected auto, torch or triton", hint=f"unset {VARIABLE}")
    return wish


@cache
def _has_triton() -> bool:
    try:
        import triton  # noqa: F401
    except ImportError as error:
        logging.getLogger(__name__).warning(
            "plain torch stands in for the kernels, which is slower: Triton is missing (%s); try: pip install triton",
            error,
        )
        return False
    return True


@cache
def _can_launch(device: torch.device) -> bool:
    """Whether a kernel that Triton makes starts on a GPU; what it needs for that is more than the package."""
    if device.type != "cuda" or not torch.cuda.is_available():
        return True
    from elmo_cli.kernels import trial_triton

    try:
        trial_triton.launch(device)
    except Exception as error:  # compilers, linkers and drivers raise whatever they like
        logging.getLogger(__name__).warning(
            "plain torch stands in for the kernels, which is slower: Triton starts none on %s (%s); it needs a C "
            "compiler and Python's headers, as the packages gcc and python3-dev have them",
            device,
            error,
        )
        return False
    return True


@cache
def _triton_kernels() -> StepKernels:
    from elmo_cli.kernels import lstm_cell_triton, lstm_output_triton

    return StepKernels(
        _for_wide_cells(lstm_cell_triton.cell_forward, lstm_cell.cell_forward),
        _for_wide_cells(lstm_cell_triton.cell_backward, lstm_cell.cell_backward),
        lstm_output_triton.output_forward,
        lstm_output_triton.output_backward,
    )


def _for_wide_cells(kernel: Callable[..., None], stand_in: Callable[..., None]) -> Callable[..., None]:
    """Triton has no exponential of 16-bit numbers, which cells of a model that was put into them are."""

    @wraps(kernel)
    def chosen(gates_GB4H: torch.Tensor, old_cell_GBH: torch.Tensor, *others: Any) -> None:
        form = kernel if old_cell_GBH.element_size() > 2 else stand_in
        form(gates_GB4H, old_cell_GBH, *others)

    return chosen
