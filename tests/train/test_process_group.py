"""Processes that work together, and one that works by itself."""

import pytest
import torch

from elmo_cli.errors import ConfigError
from elmo_cli.train.process_group import ProcessGroup, process_group
from tests.two_processes import run_two

CPU = torch.device("cpu")

SCRIPT = """
import torch
from elmo_cli.train.process_group import process_group

group = process_group(torch.device("cpu"))
total = group.add_up(torch.tensor([group.rank + 1.5, 2.0]))
said = group.as_first([group.rank == 0, group.rank == 1])
group.wait()
again = process_group(torch.device("cpu"))
print(group.rank, group.ranks, group.is_first, total.tolist(), said, again is group)
"""


def test_two_processes_add_up_and_do_as_the_first_one_says() -> None:
    outcomes = run_two("-c", SCRIPT)
    assert [code for code, _, _ in outcomes] == [0, 0], outcomes
    assert [out.splitlines() for _, out, _ in outcomes] == [
        ["0 2 True [4.0, 4.0] [True, False] True"],
        ["1 2 False [4.0, 4.0] [True, False] True"],
    ]


def test_waiting_for_the_others_is_a_matter_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    places = []
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda values: places.append(values.device))
    monkeypatch.setattr(torch.distributed, "barrier", lambda: places.append("whatever the group has"))
    ProcessGroup(0, 2).wait()
    assert places == [CPU]


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    group = process_group(CPU)
    assert group == ProcessGroup(0, 1) and group.is_first
    values = torch.tensor([1.0, 2.0])
    assert group.add_up(values) is values and values.tolist() == [1.0, 2.0]
    assert group.as_first([True, False]) == [True, False]
    group.wait()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(("rank", "size"), [("2", "2"), ("x", "2"), ("0", "many"), ("-1", "2"), ("0", "0")])
def test_numbers_that_torchrun_never_sets_are_refused(monkeypatch: pytest.MonkeyPatch, rank: str, size: str) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with (
        pytest.raises(ConfigError, match=f"RANK={rank} WORLD_SIZE={size}: expected") as caught,
        process_group(CPU),
    ):
        pass
    assert "torchrun --nproc-per-node" in caught.value.hint


def test_a_group_without_a_meeting_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.delenv("MASTER_PORT", raising=False)
    with pytest.raises(ConfigError, match="WORLD_SIZE is 2, and MASTER_PORT not set") as caught:
        process_group(CPU)
    assert "unset WORLD_SIZE" in caught.value.hint


def test_inside_another_program_s_group_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    assert process_group(CPU).ranks == 1
