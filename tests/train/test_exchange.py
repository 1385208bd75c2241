"""What processes found, each for its rows, becomes the sum of it in all of them."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.train.exchange import Exchange, TableReads, Traffic
from elmo_cli.train.gradients import RowGradient
from elmo_cli.train.process_group import ProcessGroup
from tests.fake_cuda import CUDA, fake_cuda

ROWS, DIM = 9, 3


class Threads(ProcessGroup):
    """A thread that stands in for a process."""

    def __init__(self, rank: int, ranks: int, meeting: "Meeting") -> None:
        super().__init__(rank, ranks)
        object.__setattr__(self, "meeting", meeting)

    def add_up(self, values: torch.Tensor) -> torch.Tensor:
        return values.copy_(torch.stack(self.meeting.meet(self.rank, values.clone())).sum(0))

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        return torch.stack(self.meeting.meet(self.rank, values.clone()))

    meeting: "Meeting"


class Meeting:
    """Where they lay down what they have and see what the others have."""

    def __init__(self, ranks: int) -> None:
        self._table: list[Any] = [None] * ranks
        self._barrier = threading.Barrier(ranks)

    def meet(self, rank: int, value: Any) -> list[Any]:
        self._table[rank] = value
        self._barrier.wait(10)
        seen = list(self._table)
        self._barrier.wait(10)
        return seen


def together(ranks: int, work: Callable[[ProcessGroup], Any]) -> list[Any]:
    meeting = Meeting(ranks)
    with ThreadPoolExecutor(ranks) as pool:
        return list(pool.map(lambda rank: work(Threads(rank, ranks, meeting)), range(ranks)))


sets_of_rows = st.lists(st.sets(st.integers(0, ROWS - 1)), min_size=2, max_size=4)


@given(read=sets_of_rows)
@settings(deadline=None, max_examples=40)
def test_all_processes_get_the_sum_of_every_row_and_parameter(read: list[set[int]]) -> None:
    rng = np.random.default_rng(1)
    ids = [np.array(sorted(rows), dtype=np.int64) for rows in read]
    dense = [torch.from_numpy(rng.integers(-9, 9, (2, 2)).astype(np.float32)) for _ in read]
    rows = [torch.from_numpy(rng.integers(-9, 9, (len(own), DIM)).astype(np.float32)) for own in ids]

    def work(group: ProcessGroup) -> Any:
        reads = {"table": TableReads.of(ids, ROWS, group.rank)}
        gradient = RowGradient(torch.from_numpy(ids[group.rank]), rows[group.rank])
        exchange = Exchange(group)
        return exchange.total({"dense": dense[group.rank]}, {"table": gradient}, reads, torch.tensor(group.rank + 0.5))

    table = torch.zeros(ROWS, DIM)
    for own, values in zip(ids, rows, strict=True):
        table[own] += values
    for whole, by_rows, loss in together(len(read), work):
        assert torch.equal(whole["dense"], torch.stack(dense).sum(0))
        found = by_rows["table"]
        assert sorted(found.ids_R.tolist()) == sorted(set().union(*read))
        assert torch.equal(torch.zeros(ROWS, DIM).index_add_(0, found.ids_R, found.values), table)
        assert loss.item() == sum(rank + 0.5 for rank in range(len(read)))


def test_a_row_that_one_process_reads_costs_half_of_what_a_shared_one_costs() -> None:
    ids = [np.array([0, 1, 2, 5]), np.array([0, 3, 4, 5])]

    def work(group: ProcessGroup) -> Traffic:
        reads = {"table": TableReads.of(ids, ROWS, group.rank)}
        exchange = Exchange(group)
        gradient = RowGradient(torch.from_numpy(ids[group.rank]), torch.ones(4, DIM))
        exchange.total({}, {"table": gradient}, reads, torch.tensor(1.0))
        return exchange.traffic

    # Two shared rows and the loss, summed by two: as many bytes as they have. Two rows of one's own, sent to one other.
    assert [traffic.sent_bytes for traffic in together(2, work)] == [4 * (2 * DIM + 1) + 4 * 2 * DIM] * 2


def test_the_time_of_an_exchange_is_that_of_waiting_for_the_slower_one() -> None:
    quicker_is_there = threading.Event()

    def work(group: ProcessGroup) -> float:
        exchange = Exchange(group)
        if group.rank == 1:
            quicker_is_there.wait(10)
            time.sleep(0.05)
        quicker_is_there.set()
        exchange.total({"a": torch.ones(2)}, {}, {}, torch.tensor(1.0))
        return exchange.traffic.seconds

    quicker, slower = together(2, work)
    assert quicker > 0.04 and slower > 0


def test_a_process_alone_sends_nothing() -> None:
    exchange = Exchange(ProcessGroup())
    gradient = RowGradient(torch.tensor([1]), torch.ones(1, DIM))
    whole, rows, loss = exchange.total({"a": torch.ones(2)}, {"table": gradient}, {}, torch.tensor(2.0))
    assert whole["a"].tolist() == [1, 1] and rows["table"] is gradient and loss.item() == 2
    assert exchange.traffic == Traffic()
    assert exchange.traffic.seconds == 0


def test_rows_other_than_those_foreseen_are_noticed() -> None:
    ids = [np.array([0, 1]), np.array([0])]

    def work(group: ProcessGroup) -> None:
        gradient = RowGradient(torch.tensor([0, 1, 2]), torch.ones(3, DIM))
        reads = {"table": TableReads.of(ids, ROWS, group.rank)}
        Exchange(group).total({}, {"table": gradient}, reads, torch.tensor(1.0))

    with pytest.raises(AssertionError, match="the rows are those that were foreseen"):
        together(2, work)


class Twins(ProcessGroup):
    """Of two processes the first, whose twin has what it has."""

    def add_up(self, values: torch.Tensor) -> torch.Tensor:
        return values.mul_(2)

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        return torch.stack([values, values])


def test_on_a_gpu_an_exchange_waits_for_nothing() -> None:
    read = [np.array([1, 4, 7]), np.array([0, 4, 5])]
    with fake_cuda() as watch:
        rows = {"table": RowGradient(torch.zeros(3, dtype=torch.long, device=CUDA), torch.zeros(3, DIM, device=CUDA))}
        reads = {"table": TableReads.of(read, ROWS, 0)}
        loss = torch.zeros((), device=CUDA)
        whole, summed, _ = Exchange(Twins(0, 2)).total({"a": torch.zeros(5, device=CUDA)}, rows, reads, loss)
        assert watch.waits == []
    assert whole["a"].device == summed["table"].ids_R.device == summed["table"].values.device == CUDA
    assert summed["table"].values.shape == (len(set(read[0]) | set(read[1])), DIM)
