"""Where the arithmetic runs."""

import pytest
import torch

from elmo_cli.cores import suitable_threads, usable_cores
from elmo_cli.device import describe, named_device, pick_device, use_threads
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
            with pytest.raises(ConfigError, match=f"--threads {threads}: expected 1 to {usable_cores()}, the cores"):
                use_threads(threads)
    finally:
        torch.set_num_threads(before)


def two_gpus(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has torch say that it finds two GPUs; the numbers of those that have been the current one."""
    current = [0]
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.current_device", lambda: current[-1])
    monkeypatch.setattr("torch.cuda.set_device", lambda device: current.append(device.index))
    return current


def test_why_there_are_fewer_cores_is_said_where_more_threads_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elmo_cli.device.usable_cores", lambda: 1)
    monkeypatch.setattr("elmo_cli.device.bound_of_cores", lambda: "this process may use 1 of 8 processors")
    with pytest.raises(ConfigError, match="expected 1 to 1, the cores there are; this process may use 1 of 8") as error:
        use_threads(2)
    assert error.value.hint == "leave --threads away, which takes a thread for each core"


def test_processes_of_torchrun_share_the_cores_and_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        for neighbours in (1, 2, 3 * usable_cores()):
            monkeypatch.setenv("LOCAL_WORLD_SIZE", str(neighbours))
            use_threads(None)
            assert torch.get_num_threads() == max(1, suitable_threads() // neighbours)
    finally:
        torch.set_num_threads(before)
    current = two_gpus(monkeypatch)
    for name in ("auto", "cuda"):
        found = []
        for rank in ("0", "1", "2"):
            monkeypatch.setenv("LOCAL_RANK", rank)
            found.append(str(pick_device(name)))
        assert found == ["cuda:0", "cuda:1", "cuda:0"]
    assert current == [0, 0, 1, 0, 0, 1, 0]


def test_the_gpu_that_is_picked_is_the_current_one_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    current = two_gpus(monkeypatch)
    assert pick_device("auto") == torch.device("cuda", 0)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    assert pick_device("cuda") == torch.device("cuda", 1)
    assert pick_device("cpu") == torch.device("cpu")
    assert current == [0, 0, 1, 1]
    with pytest.raises(ConfigError, match=r"--device cuda:2: CUDA devices that torch can use on this machine: 2"):
        pick_device("cuda:2")


def test_inside_another_program_the_current_gpu_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    current = two_gpus(monkeypatch)
    assert named_device("cuda:1") == torch.device("cuda", 1)
    assert current == [0]
