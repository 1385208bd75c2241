"""Memory of large tensors on a CPU: kept by the process when it is freed, and in large pages."""

import ctypes
import os
import sys
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""glibc's names of these settings (malloc.h)."""


def keep_freed_memory() -> bool:
    """Lets this process use the memory that it frees once more, instead of giving it back to the system.

    A training step frees as much as the next one takes. By default glibc gives large blocks back, and the system hands
    out pages that are cleared first: a third of the time of a step of the ``original`` size. What was taken at the peak
    stays taken until the process ends. Pages of 2 MiB besides are fewer to look up, unless the environment variable
    ``THP_MEM_ALLOC_ENABLE`` says otherwise; torch reads it when it makes its first tensor.

    Returns:
        Whether the C library has these settings; others than glibc have not, and everything is as it was.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def give_back_freed_memory() -> None:
    """Gives freed memory back to the system, where the C library can; what is used again is cleared first."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


STATM = Path("/proc/self/statm")
"""Pages of this process: all, resident, and of these the shared ones (Linux, proc(5))."""
OUTGROWN = 1.15
"""Times what first steps took, from which on freed memory is given back."""
FIRST_STEPS = 3


class KeptMemory:
    """Watches that memory which is kept does not grow from step to step.

    Steps differ in size by their distinct words, and what one leaves free the next one does not quite fit into. So the
    holes between what is in use add up: 445 rows of ``compact`` took 1.0 GB at the third step and 1.5 GB at the
    twentieth. Giving all of them back costs the next step its page faults, and is done every ten steps or so.
    """

    def __init__(self) -> None:
        self._most, self._looked = 0, 0
        self._has_given = False

    def after_step(self) -> bool:
        """Looks at the memory once more; says whether freed memory was given back."""
        taken = resident_bytes()
        self._looked += 1
        if self._looked <= FIRST_STEPS or self._has_given:  # what a step takes that finds no holes
            self._most, self._has_given = max(self._most, taken), False
        elif taken > OUTGROWN * self._most:
            give_back_freed_memory()
            self._has_given = True
        return self._has_given


def resident_bytes() -> int:
    """Bytes that this process has in memory, without files that are mapped; 0 where the system does not tell."""
    try:
        _, resident, shared = map(int, STATM.read_text(encoding="ascii").split()[:3])
    except (OSError, ValueError):
        return 0
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
