"""The LSTM state that each row of a batch begins from."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from elmo_cli.model.lstm import LstmState


class RowStates(nn.Module):
    """A fixed start for every row, or, carried, the state in which the same row of the batch before ended.

    Carried state follows AllenNLP's rules (reference/allennlp.md, 1.7): a row is its place in the caller's batch; rows
    beyond any seen before begin from the start; rows that a smaller batch leaves out keep theirs; no gradient goes from
    one batch to the next; evaluation goes on from where training ended. Unlike there it moves with the module, to
    another device or type, and outlives the replicas that DataParallel makes for every batch. None of it stands in the
    state dict.

    Args:
        start: State of one row.
        carry: Whether rows go on from batch to batch.
    """

    start_cell: Tensor
    start_output: Tensor

    def __init__(self, start: LstmState, *, carry: bool) -> None:
        super().__init__()
        self.carry = carry
        self.register_buffer("start_cell", start.cell.clone(), persistent=False)
        self.register_buffer("start_output", start.output.clone(), persistent=False)
        # No buffers: a replica has buffers of its own, and shares this with the module it was made from. Each device
        # gets the same stretch of every batch's rows, so its replica finds its own rows again.
        self._by_device: dict[torch.device, LstmState] = {}

    @property
    def start(self) -> LstmState:
        """State of one row, before anything was read."""
        return LstmState(self.start_cell, self.start_output)

    @property
    def carried(self) -> LstmState:
        """The states that all rows seen so far ended in, on the module's device."""
        found = self._in_order() or [self.start.expand(0)]
        return LstmState(
            *(torch.cat([part.to(self.start_cell) for part in parts], dim=2) for parts in zip(*found, strict=True))
        )

    def begin(self, order_B: Tensor) -> LstmState:
        """The states that the rows ``order_B`` of the next batch begin from."""
        rows = len(order_B)
        if not self.carry:
            return self.start.expand(rows)
        device = self.start_cell.device
        known = self._by_device.get(device, self.start.expand(0))
        if rows > known.cell.shape[2]:
            fresh = self.start.expand(rows - known.cell.shape[2])
            known = LstmState(*(torch.cat(parts, dim=2) for parts in zip(known, fresh, strict=True)))
            self._by_device[device] = known
        return LstmState(known.cell[:, :, order_B], known.output[:, :, order_B])

    def end(self, order_B: Tensor, state: LstmState) -> None:
        """Keeps the states in which the rows ``order_B`` ended."""
        if self.carry:
            device = self.start_cell.device
            known = self._by_device.get(device, self.start.expand(0))
            self._by_device[device] = LstmState(
                *(old.index_copy(2, order_B, new.detach()) for old, new in zip(known, state, strict=True))
            )

    def reset(self, mask_B: Tensor | None = None) -> None:
        """Forgets what was carried: of all rows, or of those where the mask is true.

        Raises:
            ValueError: The mask has not as many entries as there are rows.
        """
        if not self.carry:
            return
        if mask_B is None:
            self._by_device.clear()
            return
        found = self._in_order()
        sizes = [state.cell.shape[2] for state in found]
        if mask_B.shape != (sum(sizes),):
            raise ValueError(
                f"reset_states: expected a mask of {sum(sizes)} rows, as many as carry state, "
                f"found {tuple(mask_B.shape)}"
            )
        for state, mask in zip(found, mask_B.split(sizes), strict=True):
            reset_B1 = mask.to(state.cell.device, torch.bool)[:, None]
            parts = zip(self.start, state, strict=True)
            self._by_device[state.cell.device] = LstmState(
                *(torch.where(reset_B1, start.to(old), old) for start, old in parts)
            )

    def _in_order(self) -> list[LstmState]:
        """Every device's rows, in the order of the devices, which is that of the rows in the caller's batch."""
        return [state for _, state in sorted(self._by_device.items(), key=lambda item: item[0].index or 0)]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        carried = self.carried if self._by_device else None
        super()._apply(fn, recurse)
        if carried is not None:
            self._by_device = {self.start_cell.device: LstmState(*map(fn, carried))}
        return self
