"""Where the arithmetic runs."""

import pytest
import torch

from elmo_cli.cores import suitable_threads, usable_cores
from elmo_cli.device import describe, pick_device, use_threads
from elmo_cli.errors import ConfigError


def test_auto_is_cuda_where_there_is_one() -> None:
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "tpu:0", "meta"])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"--device {name}: expected auto, cpu, cuda or cuda:N"):
        pick_device(name)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--device cuda:99: CUDA devices that torch can use on this machine: \d+"):
        pick_device("cuda:99")


def test_threads_never_exceed_the_cores() -> None:
    before = torch.get_num_threads()
    try:
        use_threads(1)
        assert describe(torch.device("cpu")).startswith("CPU, 1 thread (torch")
        use_threads(None)
        assert torch.get_num_threads() == suitable_threads()
        for threads in (0, usable_cores() + 1):
            with pytest.raises(ConfigError, match=f"--threads {threads}: this process may use 1 to"):
                use_threads(threads)
    finally:
        torch.set_num_threads(before)


def test_processes_of_torchrun_share_the_cores_and_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        for neighbours in (1, 2, 3 * usable_cores()):
            monkeypatch.setenv("LOCAL_WORLD_SIZE", str(neighbours))
            use_threads(None)
            assert torch.get_num_threads() == max(1, suitable_threads() // neighbours)
    finally:
        torch.set_num_threads(before)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    found = []
    for rank in ("0", "1", "2"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        found.append(str(pick_device("auto")))
    assert found == ["cuda:0", "cuda:1", "cuda:0"]
    monkeypatch.delenv("LOCAL_RANK")
    assert str(pick_device("auto")) == "cuda"
