"""Which form of the kernels a device gets: Triton on CUDA, plain torch elsewhere and where Triton is missing."""

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch

from elmo_cli.errors import ConfigError
from elmo_cli.kernels import lstm_cell, lstm_output
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


def step_kernels(device: torch.device) -> StepKernels:
    """The kernels of the LSTM's steps on a device."""
    return _triton_kernels() if triton_wanted(device) else TORCH


def steps_are_fused(device: torch.device) -> bool:
    """Whether the LSTM takes the order of :mod:`elmo_cli.model.lstm_fused`: on CUDA, and where Triton is asked for."""
    return device.type == "cuda" or _wish() == "triton"


def triton_wanted(device: torch.device) -> bool:
    """Whether Triton's kernels compute on a device. Where they should and cannot, a warning is logged once."""
    wish = _wish()
    if wish == "torch" or (wish == "auto" and device.type != "cuda"):
        return False
    return _has_triton()


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
def _triton_kernels() -> StepKernels:
    from elmo_cli.kernels import lstm_cell_triton, lstm_output_triton

    return StepKernels(
        lstm_cell_triton.cell_forward,
        lstm_cell_triton.cell_backward,
        lstm_output_triton.output_forward,
        lstm_output_triton.output_backward,
    )
