"""Gradients of several processes become their sum, the same to the bit in each of them.

Every process knows what every other one reads, since a batch is a function of the step: no row's number ever travels.
Rows of a table that several processes read are summed with the whole parameters, in one all-reduce. A row that only one
reads is sent as it is, in one all-gather, which costs half of what summing it would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elmo_cli.device import sent
from elmo_cli.train.gradients import RowGradient
from elmo_cli.train.process_group import ProcessGroup
from elmo_cli.train.stopwatch import Stopwatch

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TableReads:
    """Which rows of a table a step reads, as one of the processes sees it."""

    shared_S: Ids
    """Rows that several processes read, in rising order."""
    alone: Sequence[Ids]
    """For each process, the rows that it alone reads, in rising order."""
    own_shared: Ids
    """Which of this process's rows are shared ones, as places among all that it reads."""
    own_alone: Ids
    """Which of them it alone reads."""
    into_shared: Ids
    """Where in ``shared_S`` its shared rows stand."""

    @classmethod
    def of(cls, read: Sequence[Ids], size: int, rank: int) -> "TableReads":
        """Sorts out who reads what.

        Args:
            read: For each process, the rows that it reads, all different and in rising order.
            size: Rows of the table.
            rank: This process.

        Example:
            >>> reads = TableReads.of([np.array([1, 4]), np.array([0, 4])], 6, rank=0)
            >>> reads.shared_S.tolist(), [ids.tolist() for ids in reads.alone], reads.own_shared.tolist()
            ([4], [[1], [0]], [1])
        """
        times_V = np.zeros(size, dtype=np.int32)
        for ids in read:
            times_V[ids] += 1
        shared_S, own = np.flatnonzero(times_V > 1), read[rank]
        is_shared = times_V[own] > 1
        return cls(
            shared_S,
            [ids[times_V[ids] == 1] for ids in read],
            np.flatnonzero(is_shared),
            np.flatnonzero(~is_shared),
            np.searchsorted(shared_S, own[is_shared]),
        )


@dataclass(frozen=True)
class Traffic:
    """What a step's exchange came to."""

    watch: Stopwatch | None = None
    """Of this process, waiting for slower ones included."""
    sent_bytes: int = 0
    """That this process sends: by rings, which are the least there is for what is exchanged."""

    @property
    def seconds(self) -> float:
        """What it took; on CUDA to be read where the device is waited for anyway."""
        return self.watch.seconds if self.watch is not None else 0.0


class Exchange:
    """Adds up what processes have found, each for its rows of the batch.

    Args:
        group: The processes.
    """

    def __init__(self, group: ProcessGroup) -> None:
        self.group = group
        self.traffic = Traffic()
        """Of the latest exchange."""

    def total(
        self,
        whole: Mapping[str, Tensor],
        rows: Mapping[str, RowGradient],
        reads: Mapping[str, TableReads],
        loss: Tensor,
    ) -> tuple[dict[str, Tensor], dict[str, RowGradient], Tensor]:
        """The sums over all processes, of gradients and of a figure beside them.

        Args:
            whole: Of whole parameters.
            rows: Of rows of tables, in rising order.
            reads: Of the same tables.
            loss: A tensor without dimensions.
        """
        if self.group.ranks == 1:
            return dict(whole), dict(rows), loss
        watch = Stopwatch(loss.device)
        with torch.no_grad():
            halves = {name: _Halves.of(gradient, reads[name]) for name, gradient in rows.items()}
            summed = {**whole, **{f"rows of {name}": half.shared for name, half in halves.items()}, "": loss}
            sums, summed_bytes = self._summed(summed)
            alone, alone_bytes = self._gathered({name: half.alone for name, half in halves.items()}, reads)
        total_rows = {
            name: RowGradient(half.ids_R, torch.cat([sums[f"rows of {name}"], *alone[name]]))
            for name, half in halves.items()
        }
        others = self.group.ranks - 1
        watch.stop()
        self.traffic = Traffic(watch, 2 * others * summed_bytes // self.group.ranks + others * alone_bytes)
        return {name: sums[name] for name in whole}, total_rows, sums[""]

    def _summed(self, values: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], int]:
        flat = torch.cat([value.reshape(-1) for value in values.values()])
        self.group.add_up(flat)
        parts = flat.split([value.numel() for value in values.values()])
        named = zip(values.items(), parts, strict=True)
        return {name: part.view(value.shape) for (name, value), part in named}, _bytes(flat)

    def _gathered(
        self, own: Mapping[str, Tensor], reads: Mapping[str, TableReads]
    ) -> tuple[dict[str, list[Tensor]], int]:
        """Of every table, the rows of every process. Processes have different numbers; all send as many as the most."""
        if not own:
            return {}, 0
        shapes = {name: values.shape[1:] for name, values in own.items()}
        counts = [[len(reads[name].alone[rank]) for name in own] for rank in range(self.group.ranks)]
        sizes = [[count * shape.numel() for count, shape in zip(one, shapes.values(), strict=True)] for one in counts]
        flat = torch.cat([values.reshape(-1) for values in own.values()])
        most = max(map(sum, sizes))
        if most == 0:
            return {name: [] for name in own}, 0
        sent = flat.new_zeros(most)
        sent[: len(flat)] = flat
        found: dict[str, list[Tensor]] = {name: [] for name in own}
        for received, one in zip(self.group.gather(sent), sizes, strict=True):
            for (name, shape), part in zip(shapes.items(), received[: sum(one)].split(one), strict=True):
                found[name].append(part.view(-1, *shape))
        return found, _bytes(sent)


@dataclass(frozen=True)
class _Halves:
    """A process's gradient of rows, split by whether others read them too."""

    ids_R: Tensor
    """All rows that any process reads: the shared ones, then each process's own."""
    shared: Tensor
    """Of every shared row; 0 where this process does not read it."""
    alone: Tensor

    @classmethod
    def of(cls, gradient: RowGradient, reads: TableReads) -> "_Halves":
        values = gradient.values
        assert len(values) == len(reads.own_shared) + len(reads.own_alone), "the rows are those that were foreseen"

        def move(ids: Ids) -> Tensor:
            return sent(ids, values.device)

        shared = values.new_zeros(len(reads.shared_S), *values.shape[1:])
        shared[move(reads.into_shared)] = values[move(reads.own_shared)]
        return cls(move(np.concatenate([reads.shared_S, *reads.alone])), shared, values[move(reads.own_alone)])


def _bytes(values: Tensor) -> int:
    return values.numel() * values.element_size()
