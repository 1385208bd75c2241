"""The LSTM state that each row of a batch begins from."""

import torch
from torch import Tensor, nn

from elmo_cli.model.lstm import LstmState


class RowStates(nn.Module):
    """A fixed start for every row, or, carried, the state in which the same row of the batch before ended.

    Carried state follows AllenNLP's rules (reference/allennlp.md, 1.7): a row is its place in the caller's batch; rows
    beyond any seen before begin from the start; rows that a smaller batch leaves out keep theirs; no gradient goes from
    one batch to the next; evaluation goes on from where training ended. Unlike there it moves with the module, to
    another device or type. None of it stands in the state dict.

    Args:
        start: State of one row.
        carry: Whether rows go on from batch to batch.
    """

    start_cell: Tensor
    start_output: Tensor
    cell: Tensor
    output: Tensor

    def __init__(self, start: LstmState, *, carry: bool) -> None:
        super().__init__()
        self.carry = carry
        none_yet = start.expand(0)
        self.register_buffer("start_cell", start.cell.clone(), persistent=False)
        self.register_buffer("start_output", start.output.clone(), persistent=False)
        self.register_buffer("cell", none_yet.cell, persistent=False)
        self.register_buffer("output", none_yet.output, persistent=False)

    @property
    def start(self) -> LstmState:
        """State of one row, before anything was read."""
        return LstmState(self.start_cell, self.start_output)

    def begin(self, order_B: Tensor) -> LstmState:
        """The states that the rows ``order_B`` of the next batch begin from."""
        rows = len(order_B)
        if not self.carry:
            return self.start.expand(rows)
        known = self.cell.shape[2]
        if rows > known:
            fresh = self.start.expand(rows - known)
            self.cell = torch.cat([self.cell, fresh.cell], dim=2)
            self.output = torch.cat([self.output, fresh.output], dim=2)
        return LstmState(self.cell[:, :, order_B], self.output[:, :, order_B])

    def end(self, order_B: Tensor, state: LstmState) -> None:
        """Keeps the states in which the rows ``order_B`` ended."""
        if self.carry:
            self.cell = self.cell.index_copy(2, order_B, state.cell.detach())
            self.output = self.output.index_copy(2, order_B, state.output.detach())

    def reset(self, mask_B: Tensor | None = None) -> None:
        """Forgets what was carried: of all rows, or of those where the mask is true.

        Raises:
            ValueError: The mask has not as many entries as there are rows.
        """
        if not self.carry:
            return
        if mask_B is None:
            self.cell, self.output = self.cell[:, :, :0], self.output[:, :, :0]
            return
        known = self.cell.shape[2]
        if mask_B.shape != (known,):
            raise ValueError(
                f"reset_states: expected a mask of {known} rows, as many as carry state, found {tuple(mask_B.shape)}"
            )
        reset_B1 = mask_B.to(self.cell.device, torch.bool)[:, None]
        self.cell = torch.where(reset_B1, self.start_cell, self.cell)
        self.output = torch.where(reset_B1, self.start_output, self.output)
