"""Files of tensors, held against the safetensors library."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from elmo_cli.train import tensor_file
from elmo_cli.train.tensor_file import KINDS, read_tensors, write_tensors

CPU = torch.device("cpu")


def write(path: Path, tensors: dict[str, torch.Tensor]) -> tuple[list[tuple[int, int]], str]:
    reports, writing = [], write_tensors(path, tensors)
    while True:
        try:
            reports.append(next(writing))
        except StopIteration as end:
            return reports, end.value


def some(kind: torch.dtype) -> torch.Tensor:
    return (torch.arange(21) % 2).reshape(3, 7).to(kind)


def test_the_library_reads_what_was_written_whatever_the_type(tmp_path: Path) -> None:
    tensors = {str(kind): some(kind) for kind in KINDS}
    tensors |= {"scalar": torch.tensor(4), "empty": torch.zeros(0, 3), "turned": some(torch.float32).t()}
    _, sha256 = write(tmp_path / "file", tensors)
    assert sha256 == hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest()
    for read in (load_file(tmp_path / "file"), read_tensors(tmp_path / "file", CPU)):
        assert set(read) == set(tensors)
        for name, tensor in tensors.items():
            assert read[name].dtype == tensor.dtype
            assert torch.equal(read[name], tensor)


def test_progress_ends_at_all_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_file, "PIECE", 1000)
    reports, _ = write(tmp_path / "file", {"large": torch.ones(1000), "small": torch.ones(2)})
    assert reports == [(1000, 4008), (2000, 4008), (3000, 4008), (4000, 4008), (4008, 4008)]
    assert torch.equal(read_tensors(tmp_path / "file", CPU)["large"], torch.ones(1000))
