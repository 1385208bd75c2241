"""Memory of large tensors on a CPU: kept by the process when it is freed, and in large pages."""

import ctypes
import os
import sys

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
