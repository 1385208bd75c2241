"""Memory of this process, against arrays of known size."""

import sys

import pytest
import torch

from elmo_cli.device import peak_memory
from elmo_cli.flows.pretraining import memory_use
from elmo_cli.flows.pretraining.memory_use import MemoryMeter, mapped_bytes, program_bytes

CPU = torch.device("cpu")
MIB = 1 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the resident memory")


def touched(mebibytes: int) -> torch.Tensor:
    return torch.ones(mebibytes * MIB // 4)


def test_a_peak_is_seen_after_it_is_over() -> None:
    meter = MemoryMeter(CPU)
    array = touched(64)
    del array
    assert 60 * MIB < meter.peak() < 80 * MIB
    assert meter.now() < 16 * MIB


def test_each_measurement_begins_anew() -> None:
    MemoryMeter(CPU)
    first = touched(96)
    del first
    meter = MemoryMeter(CPU)
    kept = touched(32)
    assert 28 * MIB < meter.peak() < 48 * MIB
    assert 28 * MIB < meter.now() < 48 * MIB
    assert len(kept) == 8 * MIB


def test_where_the_mark_cannot_be_put_back_it_is_no_lower(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(memory_use, "CLEAR_REFS", tmp_path)  # a folder: writing to it fails
    meter = MemoryMeter(CPU)
    array = touched(32)
    assert meter.peak() >= 28 * MIB
    assert len(array) == 8 * MIB


def test_a_system_without_proc_tells_its_highest(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(memory_use, "STATUS", tmp_path / "none")
    monkeypatch.setattr(memory_use, "CLEAR_REFS", tmp_path / "none")
    assert MemoryMeter(CPU).peak() >= 0
    assert mapped_bytes(CPU) == 0
    assert program_bytes(CPU) > 50 * MIB


class Allocator:
    """Stands for torch's on CUDA, which gives a replayed graph's memory away and counts it as free."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held, self.most = 5 * MIB, 7 * MIB
        for name, figure in {
            "memory_reserved": lambda _: self.held,
            "max_memory_reserved": lambda _: self.most,
            "memory_allocated": lambda _: 0,
            "max_memory_allocated": lambda _: 0,
            "reset_peak_memory_stats": lambda _: self.take(0),
            "synchronize": lambda _: None,
            "empty_cache": lambda: self.take(-MIB),
        }.items():
            monkeypatch.setattr(torch.cuda, name, figure)

    def take(self, size: int) -> None:
        self.held += size
        self.most = self.held


def test_on_a_gpu_what_a_graph_replays_in_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    allocator = Allocator(monkeypatch)
    device = torch.device("cuda")
    meter = MemoryMeter(device)
    assert (meter.before, meter.peak()) == (4 * MIB, 0), "what is cached and free is given back before"
    allocator.take(20 * MIB)
    allocator.held -= 8 * MIB
    assert meter.peak() == 20 * MIB
    assert meter.now() == 11 * MIB


def test_every_figure_of_a_gpu_s_memory_is_of_what_torch_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    allocator = Allocator(monkeypatch)
    device = torch.device("cuda")
    assert program_bytes(device) == 4 * MIB
    allocator.take(20 * MIB)
    assert peak_memory(device)["peak_device_bytes"] == 24 * MIB
