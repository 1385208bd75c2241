"""Which processors may be used, read out of made-up systems."""

import os
import resource
import time
from pathlib import Path

import pytest

from elmo_cli import cores
from elmo_cli.cores import (
    CoreWatch,
    cpu_quota,
    free_memory,
    physical_cores,
    suitable_threads,
    thread_notes,
    usable_cores,
    wanted_threads,
)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a machine of so many processors, two to a core, of which a process may use some, out of files."""

    def make(processors: int, allowed: int, files: dict[str, str] | None = None) -> Path:
        monkeypatch.setattr(cores, "ROOT", tmp_path)
        monkeypatch.setattr(os, "cpu_count", lambda: processors)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)))
        for name in ("OMP_NUM_THREADS", "LOCAL_WORLD_SIZE"):
            monkeypatch.delenv(name, raising=False)
        place = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
        siblings = {place.format(n): f"{n // 2 * 2}-{n // 2 * 2 + 1}" for n in range(processors)}
        for name, content in {**siblings, **(files or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")
        return tmp_path

    return make


def test_this_machine_has_at_least_one_of_everything() -> None:
    assert 1 <= suitable_threads() <= usable_cores()
    assert 1 <= physical_cores() <= usable_cores()
    assert (free_memory() or 1) > 0


def test_two_hyperthreads_are_one_core(machine) -> None:
    machine(8, 8)
    assert (usable_cores(), physical_cores(), suitable_threads()) == (8, 4, 4)
    assert list(thread_notes(None)) == []
    assert list(thread_notes(4)) == []
    (note,) = thread_notes(6)
    assert note == (
        "--threads 6: only 4 cores behind 8 processors; two threads on a core share its units for products, so "
        "--threads 4 is usually faster"
    )


def test_a_process_bound_to_some_processors_takes_those(machine) -> None:
    machine(64, 4)
    assert (usable_cores(), physical_cores()) == (4, 2)
    assert list(thread_notes(None)) == ["this process may use 4 of the machine's 64 processors (CPU affinity)"]


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/jobs/7", "sys/fs/cgroup/jobs/7/cpu.max": "250000 100000"},
        {"proc/self/cgroup": "0::/jobs/7", "sys/fs/cgroup/jobs/cpu.max": "250000 100000"},
        {"proc/self/cgroup": "0::/of/the/host", "sys/fs/cgroup/cpu.max": "250000 100000"},
        {
            "proc/self/cgroup": "3:cpu,cpuacct:/jobs/7\n2:memory:/",
            "sys/fs/cgroup/cpu/jobs/7/cpu.cfs_quota_us": "250000",
            "sys/fs/cgroup/cpu/jobs/7/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
        },
    ],
    ids=["version 2", "a group above", "in a container", "version 1"],
)
def test_a_containers_quota_bounds_the_cores(machine, files: dict[str, str]) -> None:
    machine(64, 64, files)
    if "cpu,cpuacct" in files["proc/self/cgroup"]:
        assert cpu_quota() == 2.5
    assert (cpu_quota(), usable_cores(), suitable_threads()) == (2.5, 2, 2)
    assert list(thread_notes(None)) == [
        "this process is granted the time of 2.5 of the machine's 64 processors (cgroup)"
    ]


def test_no_quota_is_no_bound(machine) -> None:
    machine(4, 4, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"})
    assert cpu_quota() is None
    assert usable_cores() == 4


def test_omp_num_threads_is_heeded_and_said(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(8, 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")
    assert (wanted_threads(), suitable_threads()) == (2, 2)
    assert list(thread_notes(None)) == ["OMP_NUM_THREADS=2: computing with fewer threads than there are cores (4)"]
    assert list(thread_notes(3)) == [], "--threads was chosen"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert suitable_threads() == 4
    assert list(thread_notes(None)) == ["OMP_NUM_THREADS=7: computing with a thread for each core, 4, and no more"]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")  # torchrun sets OMP_NUM_THREADS to 1 by itself
    assert wanted_threads() is None
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    for nonsense in ("", "many", "0"):
        monkeypatch.setenv("OMP_NUM_THREADS", nonsense)
        assert suitable_threads() == 4


def test_a_system_that_tells_nothing_has_its_processors(machine) -> None:
    root = machine(2, 2)
    for number in (0, 1):
        (root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").unlink()
    assert (usable_cores(), physical_cores(), cpu_quota(), free_memory()) == (2, 2, None, None)
    assert CoreWatch().used_by_others() is None


def test_free_memory_is_what_the_container_has_left(machine) -> None:
    machine(2, 2, {"proc/meminfo": "MemTotal: 900 kB\nMemAvailable: 500 kB", "proc/self/cgroup": "0::/"})
    assert free_memory() == 512_000
    machine(
        2,
        2,
        {
            "sys/fs/cgroup/memory.max": "300000",
            "sys/fs/cgroup/memory.current": "250000",
            "sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 40000\nactive_file 5",
        },
    )
    assert free_memory() == 90_000


@pytest.mark.parametrize("bound", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_free_memory_is_what_a_bound_on_the_process_leaves(
    machine, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    status = "Name: elmo\nVmSize: 300 kB\nVmData: 300 kB"
    machine(2, 2, {"proc/meminfo": "MemAvailable: 500 kB", "proc/self/cgroup": "", "proc/self/status": status})
    none = resource.RLIM_INFINITY
    bounds = {getattr(resource, bound): 400 * 1024}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (bounds.get(kind, none), none))
    assert free_memory() == 100 * 1024
    bounds.clear()
    assert free_memory() == 500 * 1024


def test_what_others_do_on_our_processors_is_seen(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    hertz = os.sysconf("SC_CLK_TCK")
    before = (
        f"cpu 9 9 9 9 9 9 9 9 0 0\ncpu0 {hertz} 0 0 7 0 0 0 0 0 0\ncpu1 0 0 {hertz} 9 0 0 0 0 0 0\ncpu2 0 0 0 0 0 0 0 0"
    )
    root = machine(4, 2, {"proc/stat": before})
    clock, own = [100.0], [3.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(cores, "_own_seconds", lambda: own[0])
    watch = CoreWatch()
    assert watch.used_by_others() is None, "too little time passed"
    # In ten seconds cpu0 was busy for 9 and cpu1 for 7, waiting for the disk (the fifth) left out; 4 of it were ours.
    after = f"cpu0 {8 * hertz} {hertz} {hertz} 8 5000 0 0 0 0 0\ncpu1 0 0 {hertz} 9 0 {hertz} {hertz} {5 * hertz} 0 0\n"
    (root / "proc/stat").write_text(after + "cpu2 99999 0 0 0 0 0 0 0 0 0\n")
    clock[0], own[0] = 110.0, 7.0
    assert watch.used_by_others() == pytest.approx(1.2)
    assert watch.note() == (
        "other processes keep 1.2 of 2 cores busy: computing is many times slower beside them; fewer --threads may help"
    )
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert watch.note() is None, "they may be of the same run"
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    own[0] = 14.5
    assert watch.note() is None
