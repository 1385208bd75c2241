"""Vectors of a GPU on their way into ordinary memory, while the GPU computes the next ones."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

PIECE = 1 << 24
"""Numbers that are on their way at once, twice: pinned memory of 128 MiB."""


class HostCopies:
    """Copies tensors to the host on a stream of their own, so that they need not wait for what was launched after them.

    A GPU writes to pinned memory alone without keeping the host waiting. That memory stays here: pinned memory in the
    hands of a caller would pile up. While one piece arrives, the one before is copied out of it.

    Args:
        device: Where the tensors are. Of a CPU nothing is copied.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: Any = None
        self._staging: list[Tensor] = []

    def computed(self) -> Any:
        """A mark behind everything that was launched so far; None on a CPU."""
        if self._device.type != "cuda":
            return None
        mark = torch.cuda.Event()
        mark.record(torch.cuda.current_stream(self._device))
        return mark

    def fetch(self, values: Tensor, mark: Any) -> npt.NDArray[np.float32]:
        """The numbers of a tensor without gaps, once what was launched before the mark is done.

        Args:
            values: They must not change any more.
            mark: From :meth:`computed`, after the tensor was computed; None to wait for everything.
        """
        if self._device.type != "cuda" or mark is None:
            return values.cpu().numpy()
        if not self._staging:
            self._stream = torch.cuda.Stream(self._device)
            self._staging = [torch.empty(PIECE, dtype=values.dtype).pin_memory() for _ in range(2)]
        result = torch.empty(values.shape, dtype=values.dtype)
        self._stream.wait_event(mark)
        arriving: tuple[Any, Tensor, Tensor] | None = None
        pieces = zip(values.view(-1).split(PIECE), result.view(-1).split(PIECE), strict=True)
        for number, (there, here) in enumerate(pieces):
            place = self._staging[number % 2][: len(there)]
            with torch.cuda.stream(self._stream):
                place.copy_(there, non_blocking=True)
                arrived = torch.cuda.Event()
                arrived.record(self._stream)
            _take(arriving)
            arriving = arrived, place, here
        _take(arriving)
        return result.numpy()


def _take(arriving: tuple[Any, Tensor, Tensor] | None) -> None:
    if arriving is not None:
        arrived, place, here = arriving
        arrived.synchronize()
        here.copy_(place)
