"""Who computes where: Triton, its stand-in, and what is said where it is missing."""

import logging
import sys
from collections.abc import Iterator

import pytest
import torch

from elmo_cli.errors import ConfigError
from elmo_cli.kernels import choice
from elmo_cli.kernels.character_sums import character_sums

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No wish, and nothing remembered of whether Triton is there."""
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    choice._has_triton.cache_clear()
    yield
    choice._has_triton.cache_clear()


def test_a_cpu_computes_with_torch_in_its_own_order() -> None:
    assert choice.step_kernels(CPU) is choice.TORCH
    assert choice.character_sums_kernel(CPU) is character_sums
    assert not choice.steps_are_fused(CPU)


def test_a_gpu_computes_with_triton() -> None:
    pytest.importorskip("triton", reason="Triton is only there on Linux")
    assert choice.triton_wanted(CUDA)
    assert choice.steps_are_fused(CUDA)
    assert choice.step_kernels(CUDA).cell_forward.__module__ == "elmo_cli.kernels.lstm_cell_triton"
    assert choice.character_sums_kernel(CUDA).__module__ == "elmo_cli.kernels.character_sums_triton"


def test_triton_can_be_switched_off_and_the_order_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.VARIABLE, "torch")
    assert choice.step_kernels(CUDA) is choice.TORCH
    assert choice.steps_are_fused(CUDA)


def test_without_triton_torch_stands_in_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    with caplog.at_level(logging.WARNING):
        assert choice.step_kernels(CUDA) is choice.TORCH
        assert choice.character_sums_kernel(CUDA) is character_sums
    (message,) = caplog.messages
    assert "Triton is missing" in message
    assert "pip install triton" in message


def test_any_other_wish_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.VARIABLE, "cuda")
    with pytest.raises(ConfigError, match="ELMO_KERNELS=cuda: expected auto, torch or triton"):
        choice.step_kernels(CPU)
