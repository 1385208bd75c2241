"""Where the arithmetic runs."""

import pytest
import torch

from elmo_cli.device import describe, pick_device, usable_cores, use_threads
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
        assert torch.get_num_threads() == usable_cores()
        for threads in (0, usable_cores() + 1):
            with pytest.raises(ConfigError, match=f"--threads {threads}: this process may use 1 to"):
                use_threads(threads)
    finally:
        torch.set_num_threads(before)
