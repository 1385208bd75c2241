"""Freed memory that stays with the process."""

import os
import subprocess
import sys

import pytest

from elmo_cli import allocation
from elmo_cli.allocation import KeptMemory, keep_freed_memory, resident_bytes

FAULTS = """
import resource
import torch
from elmo_cli.allocation import keep_freed_memory
print(keep_freed_memory() if {kept} else True)
torch.set_num_threads(1)
def use():
    return torch.ones(10_000_000).add(1).sum().item()
for _ in range(40):
    use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, kept: bool) -> int:
    """How often eight tensors of 40 MB asked the system for a page, in a process of its own.

    Forty uses come first: an aligned block does not fit exactly into the hole of one that was freed, so memory grows
    for as many as twenty uses until every block finds its place.
    """
    environment = {**os.environ, "THP_MEM_ALLOC_ENABLE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(kept=kept)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=environment,
    )
    set_up, count = done.stdout.split()
    if set_up != "True":
        pytest.skip("the C library is not glibc")
    return int(count)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")
def test_memory_that_was_freed_is_taken_again_without_the_system() -> None:
    assert faults(kept=True) < faults(kept=False) / 5


def test_other_systems_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "0")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "0"


def test_freed_memory_is_given_back_where_it_has_outgrown_the_first_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, given = [0], []
    monkeypatch.setattr(allocation, "resident_bytes", lambda: taken[0])
    monkeypatch.setattr(allocation, "give_back_freed_memory", lambda: given.append(taken[0]))
    memory = KeptMemory()

    def step(megabytes: int) -> bool:
        taken[0] = megabytes
        return memory.after_step()

    assert [step(size) for size in (80, 100, 100, 110, 114)] == [False] * 5
    assert step(116)
    assert [step(size) for size in (120, 137)] == [False, False], "after that, steps do need 120"
    assert step(139)
    assert given == [116, 139]


def test_what_is_resident_is_told() -> None:
    assert resident_bytes() > 10_000_000 or sys.platform != "linux"
