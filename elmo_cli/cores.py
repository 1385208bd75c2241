"""Which processors this process may use, how many of them are cores of their own, and who else keeps them busy.

What the system does not tell stays None: elsewhere than on Linux most of it.
"""

import math
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
"""Where ``proc`` and ``sys`` lie."""
BUSY = 0.3
"""Load per core from which the speed of a CPU cannot be trusted: other processes use the cores."""
LEAST_SECONDS = 1.0
"""Time that a :class:`CoreWatch` has to look for; clocks of processors tick every hundredth of a second."""


def usable_cores() -> int:
    """How many processors this process may use, at least 1: those of its CPU affinity, in a container its quota."""
    quota = cpu_quota()
    return _allowed() if quota is None else max(1, min(_allowed(), math.floor(quota)))


def physical_cores() -> int:
    """How many cores the usable processors lie on. Two hyperthreads of one core share its units for products."""
    folder = ROOT / "sys/devices/system/cpu"
    cores = {_read(folder / f"cpu{number}/topology/thread_siblings_list") for number in _processors()}
    return usable_cores() if None in cores or not cores else min(usable_cores(), len(cores))


def cpu_quota() -> float | None:
    """Processors' worth of time that a container or batch system grants (cgroup); None for no bound."""
    quotas = []
    for folder in _cgroups("cpu"):
        quota, _, period = (_read(folder / "cpu.max") or "").partition(" ")
        if not quota:
            quota, period = _read(folder / "cpu.cfs_quota_us") or "", _read(folder / "cpu.cfs_period_us") or ""
        if quota.isdecimal() and period.isdecimal():
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def free_memory() -> int | None:
    """Bytes that may still be taken without anything being swapped out.

    Of the machine, of what a container has left, and of what a bound on this process (``ulimit -v``) leaves, the least.
    """
    lines = _lines(ROOT / "proc/meminfo")
    left = [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    for folder in _cgroups("memory"):
        for limit, usage in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            most, used = _read(folder / limit) or "", _read(folder / usage) or ""
            if most.isdecimal() and used.isdecimal():
                cached = [
                    line.split()[1] for line in _lines(folder / "memory.stat") if line.startswith("inactive_file ")
                ]
                left.append(max(0, int(most) - int(used) + sum(map(int, cached))))
    return min([*left, *_left_of_bounds()], default=None)


def wanted_threads() -> int | None:
    """What ``OMP_NUM_THREADS`` asks for; None where it is not set, and below ``torchrun``, which sets it by itself."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(first) if first.isdecimal() and int(first) and "LOCAL_WORLD_SIZE" not in os.environ else None


def suitable_threads() -> int:
    """Threads of arithmetic that suit this process: a core each, fewer where ``OMP_NUM_THREADS`` says so."""
    return min(physical_cores(), wanted_threads() or usable_cores())


def bound_of_cores() -> str | None:
    """What leaves this process fewer processors than the machine has; None where nothing does."""
    machine, quota = os.cpu_count() or 1, cpu_quota()
    if quota is not None and quota < _allowed():
        return f"this process is granted the time of {quota:g} of the machine's {machine} processors (cgroup)"
    if usable_cores() < machine:
        return f"this process may use {usable_cores()} of the machine's {machine} processors (CPU affinity)"
    return None


def thread_notes(threads: int | None) -> Iterator[str]:
    """What a person should know about the number of threads: what bounds it, and where it is too large.

    Args:
        threads: As given with ``--threads``; None where it was left open.
    """
    if (bound := bound_of_cores()) is not None:
        yield bound
    wanted = wanted_threads()
    if threads is None and wanted is not None and wanted < physical_cores():
        yield f"OMP_NUM_THREADS={wanted}: computing with fewer threads than there are cores ({physical_cores()})"
    if threads is None and wanted is not None and wanted > physical_cores():
        yield f"OMP_NUM_THREADS={wanted}: computing with a thread for each core, {physical_cores()}, and no more"
    if threads is not None and threads > physical_cores():
        yield (
            f"--threads {threads}: only {physical_cores()} cores behind {usable_cores()} processors; two threads on a "
            f"core share its units for products, so --threads {physical_cores()} is usually faster"
        )


class CoreWatch:
    """Looks at the usable processors between its making and a question, and leaves out what this process did."""

    def __init__(self) -> None:
        self._began, self._all, self._own = time.monotonic(), _ticks(), _own_seconds()

    def used_by_others(self) -> float | None:
        """Processors' worth of time that others used meanwhile; None where it cannot be told or too little passed."""
        seconds, ticks = time.monotonic() - self._began, _ticks()
        if ticks is None or self._all is None or seconds < LEAST_SECONDS:
            return None
        used = (ticks - self._all) / os.sysconf("SC_CLK_TCK") - (_own_seconds() - self._own)
        return max(0.0, used / seconds)

    def note(self) -> str | None:
        """What to say where others use so much that speeds mean little; None where they do not.

        Below ``torchrun`` others may be processes of the same run, so nothing is said there.
        """
        used = self.used_by_others()
        if "LOCAL_WORLD_SIZE" in os.environ or used is None or used < BUSY * usable_cores():
            return None
        return (
            f"other processes keep {used:.1f} of {usable_cores()} cores busy: computing is many times slower beside "
            "them; fewer --threads may help"
        )


def _allowed() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processors() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _left_of_bounds() -> Iterator[int]:
    """What bounds on this process leave of address space and of data, where there are any."""
    sizes = {line.split(":")[0]: line.split()[1] for line in _lines(ROOT / "proc/self/status") if line.endswith(" kB")}
    for bound, size in (("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")):
        most = resource.getrlimit(getattr(resource, bound))[0]
        if most != resource.RLIM_INFINITY and size in sizes:
            yield max(0, most - 1024 * int(sizes[size]))


def _ticks() -> int | None:
    """Clock ticks that the usable processors have spent on anything but idling."""
    names = {f"cpu{number}" for number in _processors()}
    lines = [line.split() for line in _lines(ROOT / "proc/stat")]
    # user, nice, system, idle, iowait, irq, softirq, steal
    counts = [[int(value) for value in words[1:9]] for words in lines if words and words[0] in names]
    return sum(sum(count) - sum(count[3:5]) for count in counts) if counts else None


def _own_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _cgroups(controller: str) -> Iterator[Path]:
    """Folders of this process's control groups for a controller, its own and those above it."""
    for line in _lines(ROOT / "proc/self/cgroup"):
        _, controllers, place = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = ROOT / "sys/fs/cgroup" / (controller if controllers else "")
        own = Path(place.strip("/"))
        # In a container the path may be the host's; what is mounted is then the container's own group.
        yield from (folder for folder in (top / above for above in (own, *own.parents)) if folder.is_dir())


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _lines(path: Path) -> list[str]:
    return (_read(path) or "").splitlines()
