"""Where the arithmetic runs: device and threads."""

import os
import resource
import sys

import numpy as np
import torch
from torch import Tensor

from elmo_cli.cores import bound_of_cores, suitable_threads, usable_cores
from elmo_cli.errors import ConfigError


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name, by its number where there may be several; ``auto`` is CUDA where there is one.

    Of several processes that ``torchrun`` started on a machine, each takes another CUDA device with ``auto`` and
    ``cuda``. A CUDA device becomes the current one of the calling thread: streams, pinned memory and much of what
    other libraries do belong to that, whatever tensors they are given.

    Raises:
        ConfigError: The name is not a device, or this machine does not have it.
    """
    device = named_device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def named_device(name: str) -> torch.device:
    """The same inside another program, whose current device is its own affair.

    Raises:
        ConfigError: As for :func:`pick_device`.
    """
    if name == "auto":
        return _own_cuda_device() if torch.cuda.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device {name}: expected auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"--device {name}: expected auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ConfigError(
                f"--device {name}: CUDA devices that torch can use on this machine: {count}",
                hint="use --device auto, which takes CUDA where there is one",
            )
        if device.index is None:
            return _own_cuda_device()
    return device


def _own_cuda_device() -> torch.device:
    """That of this process's number where ``torchrun`` gave it one, else the current one."""
    rank = os.environ.get("LOCAL_RANK", "")
    number = int(rank) % torch.cuda.device_count() if rank.isdecimal() else torch.cuda.current_device()
    return torch.device("cuda", number)


def use_threads(threads: int | None) -> None:
    """Sets the threads of CPU arithmetic; None takes every core this process may use, or what ``OMP_NUM_THREADS`` says.

    Processes that ``torchrun`` started on one machine share its cores evenly.

    Raises:
        ConfigError: The number is not usable.
    """
    cores = usable_cores()
    if threads is not None and not 1 <= threads <= cores:
        # More threads than cores make each other ten times slower, they do not merely stop helping.
        bound = bound_of_cores()
        raise ConfigError(
            f"--threads {threads}: expected 1 to {cores}, the cores there are" + (f"; {bound}" if bound else ""),
            hint="leave --threads away, which takes a thread for each core",
        )
    neighbours = os.environ.get("LOCAL_WORLD_SIZE", "")
    torch.set_num_threads(
        threads or max(1, suitable_threads() // max(1, int(neighbours) if neighbours.isdecimal() else 1))
    )


def sent(values: Tensor | np.ndarray, device: torch.device) -> Tensor:
    """A copy on the device of what lies on the host, without waiting for either; on a CPU the values themselves."""
    values = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    if device.type == "cpu":
        return values
    # From ordinary memory the host would have to wait for the copy.
    return values.pin_memory().to(device, non_blocking=True)


def describe(device: torch.device) -> str:
    """One line for people and records: which device, and how many threads on a CPU."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} (torch {torch.__version__})"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads != 1 else ''} (torch {torch.__version__})"


def peak_process_bytes() -> int:
    """The most bytes that this process ever had in memory, files that are mapped included."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def peak_memory(device: torch.device) -> dict[str, int]:
    """The most bytes that were ever in use: ``peak_memory_bytes`` of this process, ``peak_device_bytes`` on CUDA.

    On CUDA it is what torch's allocator held: the memory that a replayed graph works in does not count as allocated.
    """
    peaks = {"peak_memory_bytes": peak_process_bytes()}
    if device.type == "cuda":
        peaks["peak_device_bytes"] = torch.cuda.max_memory_reserved(device)
    return peaks
