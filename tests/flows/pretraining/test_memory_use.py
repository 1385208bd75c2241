"""Memory of this process, against arrays of known size."""

import sys

import pytest
import torch

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
