"""What is seen on a GPU that is not there is what one would do."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.profiler import ProfilerActivity, profile

from elmo_cli.config import LstmConfig
from elmo_cli.device import sent
from elmo_cli.kernels.choice import TORCH
from elmo_cli.model import lstm, lstm_fused
from elmo_cli.model.lstm import LstmLayer
from elmo_cli.model.lstm_fused import FusedLstm
from tests.fake_cuda import CUDA, fake_cuda, on_cuda


def test_what_mixes_devices_is_an_error() -> None:
    with fake_cuda():
        there, here = torch.zeros(3, 4, device=CUDA), torch.zeros(3, 4)
        for mix in (torch.add, torch.mul, lambda a, b: a @ b.t(), lambda a, b: torch.cat([a, b])):
            with pytest.raises(RuntimeError, match="device"):
                mix(there, here)


def test_what_wants_a_number_is_an_error() -> None:
    with fake_cuda():
        there = torch.zeros(3, device=CUDA)
        for look in (Tensor.nonzero, torch.unique, lambda a: a[a > 0], lambda a: a[0].item()):
            with pytest.raises((DataDependentOutputException, DynamicOutputShapeException)):
                look(there)


def test_copies_that_the_host_waits_for_are_told_from_those_that_it_does_not() -> None:
    with fake_cuda() as watch:
        values = torch.arange(3)
        sent(values, CUDA)
        sent(np.arange(3), CUDA)
        assert watch.waits == []
        values.to(CUDA, non_blocking=True)
        values.pin_memory().to(CUDA)
        torch.zeros(3, device=CUDA).copy_(values)
        torch.zeros(3, device=CUDA)[torch.tensor([1, 2])]
        assert [wait.split(" at ")[0] for wait in watch.waits] == [
            *["a copy to the device"] * 2,
            "a copy in place",
            "an index on the host",
        ]


def test_results_come_to_the_host_as_real_tensors() -> None:
    with fake_cuda() as watch:
        result = torch.ones(2, 3, device=CUDA, dtype=torch.bfloat16).float().cpu().numpy()
        assert watch.waits == ["a copy to the host at ?"]
    assert result.shape == (2, 3) and result.dtype == np.float32


def test_the_cpu_computes_as_ever() -> None:
    with fake_cuda():
        assert (torch.arange(3) + 1).tolist() == [1, 2, 3]


def test_gradients_are_of_the_device_and_the_type_of_their_leaves() -> None:
    with fake_cuda():
        layer = torch.nn.Linear(3, 4).to(CUDA)
        assert all(map(on_cuda, layer.parameters()))
        slopes = torch.autograd.grad(layer(torch.zeros(2, 3, device=CUDA)).square().sum(), list(layer.parameters()))
    assert [(slope.device, slope.dtype, tuple(slope.shape)) for slope in slopes] == [
        (CUDA, torch.float32, (4, 3)),
        (CUDA, torch.float32, (4,)),
    ]


def test_views_and_memory_that_nobody_writes_are_no_launches() -> None:
    with fake_cuda() as watch:
        values = torch.empty(4, 4, device=CUDA)
        values.t()[1:].unsqueeze(0).detach().view(1, 3, 4)
        assert sum(watch.launches.values()) == 0
        values.t().contiguous()
        assert sum(watch.launches.values()) == 1


def run_layer(device: torch.device) -> None:
    """A layer as a GPU computes it, forward and backward, 24 steps of 32 rows."""
    layer = LstmLayer(64, LstmConfig(cell_dim=256, projection_dim=64))
    layer.reset_parameters()
    layer.to(device)
    inputs = torch.zeros(2, 24 * 32, 64, device=device, requires_grad=True)
    state = torch.zeros(2, 32, 256, device=device), torch.zeros(2, 32, 64, device=device)
    weights: list[Any] = [layer.kernel, layer.bias, layer.projection]
    outputs, *_ = FusedLstm.apply(inputs, *weights, *state, (32,) * 24, None, None, 3.0, 3.0)
    torch.autograd.grad(outputs.square().mean(), [inputs, *weights])


def test_bytes_are_those_that_the_allocator_of_a_cpu_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm_fused, "step_kernels", lambda _: TORCH)
    monkeypatch.setattr(lstm, "empty", torch.empty)  # not NumPy's memory
    with fake_cuda() as watch:
        run_layer(CUDA)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as measured:
        run_layer(torch.device("cpu"))
    changes = [event.nbytes() for event in measured.profiler.kineto_results.events() if event.name() == "[memory]"]
    most = np.cumsum(changes).max()
    assert most > 20e6
    assert watch.memory.most_allocated == pytest.approx(most, rel=0.01)
    assert watch.memory.allocated == 0
