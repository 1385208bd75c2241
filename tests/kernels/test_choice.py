"""Who computes where: Triton, its stand-in, and what is said where it is missing."""

import logging
import sys
from collections.abc import Iterator

import pytest
import torch

from elmo_cli.errors import ConfigError
from elmo_cli.kernels import choice, softmax_rows
from elmo_cli.kernels.character_sums import character_sums

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No wish, and nothing remembered of whether Triton is there."""
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    remembered = choice._has_triton, choice._can_launch, choice._triton_kernels
    for function in remembered:
        function.cache_clear()
    yield
    for function in remembered:
        function.cache_clear()


def test_a_cpu_computes_with_torch_in_its_own_order() -> None:
    assert choice.step_kernels(CPU) is choice.TORCH
    assert choice.character_sums_kernel(CPU) is character_sums
    assert choice.softmax_kernels(CPU).losses is softmax_rows.losses
    assert choice.adagrad_kernels(CPU) is None
    assert not choice.steps_are_fused(CPU)


def test_a_gpu_computes_with_triton() -> None:
    pytest.importorskip("triton", reason="Triton is only there on Linux")
    assert choice.triton_wanted(CUDA)
    assert choice.steps_are_fused(CUDA)
    assert choice.step_kernels(CUDA).cell_forward.__module__ == "elmo_cli.kernels.lstm_cell_triton"
    assert choice.character_sums_kernel(CUDA).__module__ == "elmo_cli.kernels.character_sums_triton"
    assert choice.softmax_kernels(CUDA).losses.__module__ == "elmo_cli.kernels.softmax_rows_triton"
    adagrad = choice.adagrad_kernels(CUDA)
    assert adagrad is not None
    assert adagrad.__name__ == "elmo_cli.kernels.adagrad_step_triton"


def test_triton_can_be_switched_off_and_the_order_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.VARIABLE, "torch")
    assert choice.step_kernels(CUDA) is choice.TORCH
    assert choice.softmax_kernels(CUDA).losses is softmax_rows.losses
    assert choice.adagrad_kernels(CUDA) is None
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


def test_where_triton_starts_no_kernel_torch_stands_in_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("triton", reason="Triton is only there on Linux")
    from elmo_cli.kernels import trial_triton

    def launch(device: torch.device) -> None:
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(trial_triton, "launch", launch)
    with caplog.at_level(logging.WARNING):
        assert choice.step_kernels(CUDA) is choice.TORCH
        assert choice.character_sums_kernel(CUDA) is character_sums
    (message,) = caplog.messages
    assert "Triton starts none on cuda (Failed to find C compiler" in message
    assert "python3-dev" in message


def test_where_triton_starts_a_kernel_it_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="Triton is only there on Linux")
    from elmo_cli.kernels import trial_triton

    tried: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(trial_triton, "launch", tried.append)
    assert choice.triton_wanted(CUDA) and choice.step_kernels(CUDA) is not choice.TORCH
    assert tried == [CUDA]


@pytest.mark.parametrize("wide", [torch.float32, torch.float64], ids=str)
def test_wider_cells_are_computed_by_triton(wide: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="Triton is only there on Linux")
    from elmo_cli.kernels import lstm_cell_triton

    called: list[str] = []
    monkeypatch.setattr(lstm_cell_triton, "cell_forward", lambda *_: called.append("triton"))
    values = torch.zeros(2, 3, 4, dtype=wide)
    choice.step_kernels(CUDA).cell_forward(values.repeat(1, 1, 4), values, None, None, values, values, None)
    assert called == ["triton"]


@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16], ids=str)
def test_16_bit_cells_are_computed_by_torch(narrow: torch.dtype) -> None:
    pytest.importorskip("triton", reason="Triton is only there on Linux")
    kernels, generator = choice.step_kernels(CUDA), torch.Generator().manual_seed(1)
    assert kernels is not choice.TORCH

    def draw(width: int) -> torch.Tensor:
        return torch.randn(2, 3, width, generator=generator).to(narrow)

    gates, old_cell, grad_hidden, grad_cell = draw(16), draw(4), draw(4), draw(4)
    results = []
    for form in (kernels, choice.TORCH):
        mine = [values.clone() for values in (gates, old_cell, grad_hidden, grad_cell)]
        cell, hidden, again, grad_gates = (torch.empty_like(part) for part in (old_cell, old_cell, old_cell, gates))
        form.cell_forward(mine[0], mine[1], None, 3.0, cell, hidden, None)
        form.cell_backward(mine[0], mine[1], cell, None, 3.0, mine[2], mine[3], grad_gates, again)
        results.append([cell, hidden, grad_gates, again, *mine])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_any_other_wish_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.VARIABLE, "cuda")
    with pytest.raises(ConfigError, match="ELMO_KERNELS=cuda: expected auto, torch or triton"):
        choice.step_kernels(CPU)
