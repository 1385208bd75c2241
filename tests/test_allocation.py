"""Freed memory that stays with the process."""

import os
import subprocess
import sys

import pytest

from elmo_cli.allocation import keep_freed_memory

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
