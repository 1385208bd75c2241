"""How much memory something takes while it happens.

On CUDA it is what torch's allocator holds, in use or not: what a replayed graph works in counts as free there, yet
belongs to nobody else. On a CPU it is the resident memory of the process, without the files that are mapped into
it: the kernel's own high-water mark, put back to the present before each measurement where the system lets a process do
that, as Linux does. Elsewhere the mark is that of the process's whole life.
"""

import gc
from pathlib import Path

import torch

from elmo_cli.allocation import give_back_freed_memory
from elmo_cli.device import peak_process_bytes

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What ``clear_refs`` takes for putting the high-water mark back (Linux, proc(5))."""


class MemoryMeter:
    """Measures from its making on.

    Args:
        device: Whose memory.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.before = memory_in_use(device)
        """Bytes that were in use when it was made."""
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif CLEAR_REFS.exists():
            try:
                CLEAR_REFS.write_text(RESET_PEAK)
            except OSError:
                return  # the mark then stays where it was, and is at least as high

    def now(self) -> int:
        """Bytes in use above those at the beginning."""
        return memory_in_use(self._device) - self.before

    def peak(self) -> int:
        """The most bytes in use since, above those at the beginning."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_reserved(self._device) - self.before
        status = _status()
        highest = status["VmHWM"] - status["RssFile"] - status["RssShmem"] if status else peak_process_bytes()
        return max(0, highest - self.before)


def give_back(device: torch.device) -> None:
    """Lets go of memory that nobody needs: of the device, and of this process."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
    else:
        give_back_freed_memory()  # else a model that is gone counts on


def memory_in_use(device: torch.device) -> int:
    """Bytes in use, after what nobody needs was given back: of the device, or of this process without mapped files."""
    give_back(device)
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device)
    status = _status()
    return status["RssAnon"] if status else peak_process_bytes()


def mapped_bytes(device: torch.device) -> int:
    """Bytes of files, libraries' code above all, that are mapped into this process and in memory; 0 on CUDA."""
    status = _status()
    return 0 if device.type == "cuda" or not status else status["RssFile"] + status["RssShmem"]


def program_bytes(device: torch.device) -> int:
    """Bytes in use, with the files that are mapped."""
    return memory_in_use(device) + mapped_bytes(device)


def _status() -> dict[str, int]:
    """The figures of /proc/self/status in bytes; empty where there is none, or none of the kind."""
    try:
        lines = STATUS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if line.endswith(" kB"))
    figures = {name: 1024 * int(value.split()[0]) for name, value in pairs}
    return figures if {"VmHWM", "RssAnon", "RssFile", "RssShmem"} <= figures.keys() else {}
