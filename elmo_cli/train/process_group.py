"""Several processes that work on one thing, as ``torchrun`` starts them; by itself a process is a group of one."""

import atexit
import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import distributed

from elmo_cli.errors import ConfigError
from elmo_cli.processes import place_in_group


@dataclass(frozen=True)
class ProcessGroup:
    """What a process knows of those it works with.

    The methods are collective: all processes call them in the same order, or all wait for ever.
    """

    rank: int = 0
    """Its number, from 0."""
    ranks: int = 1
    """How many there are."""

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that prints and writes."""
        return self.rank == 0

    def add_up(self, values: torch.Tensor) -> torch.Tensor:
        """Replaces a tensor by its sum over the processes, in all of them; returns it."""
        if self.ranks > 1:
            distributed.all_reduce(values)
        return values

    def as_first(self, flags: Sequence[bool]) -> list[bool]:
        """What the first process says, so that all do the same."""
        numbers = torch.tensor(flags if self.is_first else [False] * len(flags), dtype=torch.int64)
        return [bool(number) for number in self.add_up(numbers).tolist()]

    def wait(self) -> None:
        """Returns when all processes have come here."""
        if self.ranks > 1:
            distributed.barrier()


_JOINED: list[ProcessGroup] = []
"""The group that this process has joined, if any."""


def process_group(device: torch.device) -> ProcessGroup:
    """Joins the processes that ``torchrun`` started with this one, once and until this process ends.

    Without ``torchrun``, or inside a program that has set ``torch.distributed`` up itself, the group has one process.
    Tensors on a CPU travel by gloo, those on a GPU by NCCL.

    Args:
        device: Where this process computes.

    Raises:
        ConfigError: The environment is not what ``torchrun`` makes.
    """
    if _JOINED:
        return _JOINED[0]
    rank, ranks = place_in_group()
    if ranks == 1 or distributed.is_initialized():
        return ProcessGroup()
    if missing := [name for name in ("MASTER_ADDR", "MASTER_PORT") if name not in os.environ]:
        raise ConfigError(
            f"WORLD_SIZE is {ranks}, and {' and '.join(missing)} not set: expected what torchrun sets",
            hint="start it with torchrun --nproc-per-node N -m elmo_cli, or unset WORLD_SIZE",
        )
    # Leaving and joining again would race: the others may still meet in the store that the first one takes down.
    distributed.init_process_group(
        "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl", rank=rank, world_size=ranks
    )
    atexit.register(distributed.destroy_process_group)
    _JOINED.append(ProcessGroup(rank, ranks))
    return _JOINED[0]
