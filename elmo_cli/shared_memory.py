"""Results on their way between processes: their arrays through memory that both have, the rest through a pipe.

A pipe takes 64 KiB at a time, and who writes into it waits until the other process finds the time to read. So the
buffers of a result (numpy's arrays hand theirs out, PEP 574) are copied into a slot of memory that all processes have
mapped, and the pipe carries what is left of it, some hundred bytes.

The memory belongs to a file without a name: it is gone with the last process that has it, however that one ends.
"""

import mmap
import os
import pickle
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import reduction
from typing import Any

SLOT_BYTES = 4 << 20
"""Bytes that the buffers of a result may have; a larger result goes through the pipe. The system gives memory only for
what was ever written."""


@dataclass(frozen=True)
class Packed:
    """A result whose buffers are in a slot."""

    rest: bytes
    """All the rest of it, pickled."""
    sizes: Sequence[int]
    """Bytes of each buffer; none where they are in ``rest``, too."""


class Slots:
    """Places for results, numbered from 0. A process gets them as an argument when it is started, not later.

    Example:
        >>> slots = Slots(2)
        >>> slots.unpacked(slots.packed({"any": bytearray(b"thing")}, 1), 1)
        {'any': bytearray(b'thing')}
    """

    def __init__(self, number: int, descriptor: int | None = None) -> None:
        size = number * SLOT_BYTES
        self._number = number
        self._descriptor = _nameless_file(size) if descriptor is None else descriptor
        self._mapped = mmap.mmap(self._descriptor, size)
        self._memory = memoryview(self._mapped)

    def packed(self, result: Any, slot: int) -> Packed:
        """A result without its buffers, which are in a slot now, if that has room for them."""
        buffers: list[pickle.PickleBuffer] = []
        rest = pickle.dumps(result, protocol=5, buffer_callback=buffers.append)
        raw = [buffer.raw() for buffer in buffers]
        if sum(piece.nbytes for piece in raw) > SLOT_BYTES:
            return Packed(pickle.dumps(result, protocol=5), ())
        place = slot * SLOT_BYTES
        for piece in raw:
            self._memory[place : place + piece.nbytes] = piece
            place += piece.nbytes
        return Packed(rest, [piece.nbytes for piece in raw])

    def unpacked(self, packed: Packed, slot: int) -> Any:
        """The result, with buffers of its own: the slot may take another one."""
        place = slot * SLOT_BYTES
        buffers = []
        for size in packed.sizes:
            buffers.append(bytearray(self._memory[place : place + size]))
            place += size
        return pickle.loads(packed.rest, buffers=buffers)

    def close(self) -> None:
        """Gives the memory back, as far as this process has it."""
        self._memory.release()
        self._mapped.close()
        os.close(self._descriptor)

    def __reduce__(self) -> tuple[Callable[..., "Slots"], tuple[Any, ...]]:
        return _inherited, (self._number, reduction.DupFd(self._descriptor))


def _nameless_file(size: int) -> int:
    """The descriptor of a file in memory, where the system has such a thing, else in the folder of temporary files."""
    if memory_file := getattr(os, "memfd_create", None):
        descriptor: int = memory_file("elmo results")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


def _inherited(number: int, descriptor: Any) -> Slots:
    return Slots(number, descriptor.detach())
