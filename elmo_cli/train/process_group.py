"""Several processes that work on one thing, as ``torchrun`` starts them; by itself a process is a group of one."""

import atexit
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import distributed

from elmo_cli.errors import ConfigError
from elmo_cli.processes import place_in_group
from elmo_cli.train.last_words import LastWords
from elmo_cli.train.tensor_tree import gather, scatter


@dataclass(frozen=True)
class ProcessGroup:
    """What a process knows of those it works with.

    The methods are collective: all processes call them in the same order, or all wait for ever. Where one is gone, they
    raise :class:`~elmo_cli.errors.LostProcessError` with the reason, as far as it can be known.
    """

    rank: int = 0
    """Its number, from 0."""
    ranks: int = 1
    """How many there are."""
    words: LastWords | None = field(default=None, compare=False, repr=False)
    """What they tell one another beside; None in a group of one."""

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that prints and writes."""
        return self.rank == 0

    def add_up(self, values: torch.Tensor) -> torch.Tensor:
        """Replaces a tensor by its sum over the processes, in all of them; returns it."""
        if self.ranks > 1:
            with self._together():
                distributed.all_reduce(values)
        return values

    def adding_up(self, values: torch.Tensor) -> Callable[[], torch.Tensor]:
        """Begins :meth:`add_up` and returns what ends it; other work may be done in between."""
        if self.ranks == 1:
            return lambda: values
        with self._together():
            work = distributed.all_reduce(values, async_op=True)

        def end() -> torch.Tensor:
            with self._together():
                work.wait()
            return values

        return end

    def gather(self, values: torch.Tensor) -> torch.Tensor:
        """A tensor of every process, in the order of their ranks, stacked; all have the same shape."""
        if self.ranks == 1:
            return values.unsqueeze(0)
        every = values.new_empty(self.ranks, *values.shape)
        with self._together():
            distributed.all_gather(list(every.unbind()), values.contiguous())
        return every

    def as_first(self, flags: Sequence[bool]) -> list[bool]:
        """What the first process says, so that all do the same."""
        numbers = torch.tensor(flags if self.is_first else [False] * len(flags), dtype=torch.int64)
        return [bool(number) for number in self.add_up(numbers).tolist()]

    def told(self, value: Any) -> Any:
        """What the first process has here, as JSON carries it; the others give anything."""
        if self.ranks == 1:
            return value
        text = json.dumps(value).encode() if self.is_first else b""
        length = int(self.add_up(torch.tensor(len(text))))
        letters = torch.frombuffer(bytearray(text) or bytearray(length), dtype=torch.uint8)
        self._copy(letters)
        return json.loads(letters.numpy().tobytes())

    def copied(self, values: Any, device: torch.device) -> Any:
        """What the first process has here: nested dictionaries, tuples and lists of tensors, numbers and words."""
        if self.ranks == 1:
            return values
        named, tree = gather(values) if self.is_first else ({}, None)
        shapes = {name: [str(value.dtype).removeprefix("torch."), list(value.shape)] for name, value in named.items()}
        tree, shapes = self.told([tree, shapes])
        tensors = {
            name: named[name].detach().to(device).contiguous()
            if self.is_first
            else torch.empty(shape, dtype=getattr(torch, dtype), device=device)
            for name, (dtype, shape) in shapes.items()
        }
        for tensor in tensors.values():
            self._copy(tensor)
        return values if self.is_first else scatter(tree, tensors)

    def send(self, values: torch.Tensor, rank: int) -> None:
        """Sends a tensor to another process, which calls :meth:`receive`."""
        with self._together():
            distributed.send(values, rank)

    def receive(self, values: torch.Tensor, rank: int) -> None:
        """Fills a tensor with what another process sends."""
        with self._together():
            distributed.recv(values, rank)

    def wait(self) -> None:
        """Returns when all processes have come here."""
        # torch's own barrier would go by NCCL where there are GPUs, which does not notice a process that is gone.
        self.add_up(torch.zeros(1))

    def say_ready(self, what: str) -> None:
        """Lets those go on that :meth:`wait_for` it. Neither of the two is collective."""
        if self.words is not None:
            self.words.say_ready(what)

    def wait_for(self, what: str, rank: int) -> None:
        """Returns when another process has said so, however long that takes."""
        if self.words is not None:
            self.words.wait_for(what, rank)

    @contextmanager
    def leaving_word(self) -> Iterator[None]:
        """Where an error ends the block in this process, the others say what it was when they miss it."""
        with self.words.leaving() if self.words is not None else nullcontext():
            yield

    def _copy(self, values: torch.Tensor) -> None:
        if values.numel():
            with self._together():
                distributed.broadcast(values, 0)

    @contextmanager
    def _together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # what torch.distributed raises where a connection breaks
            if self.words is None:
                raise
            raise self.words.lost() from error


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
    store, _, _ = next(iter(distributed.rendezvous("env://", rank, ranks)))
    distributed.init_process_group(
        "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl",
        store=distributed.PrefixStore("group", store),
        rank=rank,
        world_size=ranks,
    )
    atexit.register(distributed.destroy_process_group)
    words = LastWords(distributed.PrefixStore("words", store), rank, ranks)
    _JOINED.append(ProcessGroup(rank, ranks, words))
    return _JOINED[0]


def restarts() -> int:
    """How often ``torchrun`` has started this process again after one of the group failed."""
    times = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return int(times) if times.isdecimal() else 0
