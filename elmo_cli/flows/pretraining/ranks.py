"""How a step is dealt to several processes: rows of the batch, and what each process reads of tables."""

from collections.abc import Mapping

import numpy as np
import torch

from elmo_cli.errors import ConfigError
from elmo_cli.flows.models.token_vectors import spellings
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.lstm import LstmState
from elmo_cli.text.store import EncodedText
from elmo_cli.text.windows import Window
from elmo_cli.train.exchange import TableReads
from elmo_cli.train.process_group import ProcessGroup


class DealtRows:
    """Rows of the batch dealt to processes: each has a stretch of them, and none has more than one row more.

    Args:
        group: The processes.
        rows: B.

    Raises:
        ConfigError: There are more processes than rows.

    Example:
        >>> DealtRows(ProcessGroup(rank=1, ranks=3), 8).slices
        [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
    """

    def __init__(self, group: ProcessGroup, rows: int) -> None:
        if rows < group.ranks:
            raise ConfigError(
                f"train.rows is {rows} and there are {group.ranks} processes: expected a row or more for each of them",
                hint=f"give more rows with --rows, {group.ranks} at least, or start fewer processes",
            )
        self.group = group
        bounds = [rows * rank // group.ranks for rank in range(group.ranks + 1)]
        self.slices = list(map(slice, bounds, bounds[1:]))
        """The rows of every process."""

    @property
    def own(self) -> slice:
        """Those of this process."""
        return self.slices[self.group.rank]

    def state_of(self, state: LstmState) -> LstmState:
        """This process's share of the carried state of all rows."""
        return LstmState(*(part[:, :, self.own].clone() for part in state))

    def whole_state(self, state: LstmState) -> LstmState:
        """The carried state of all rows, in all processes; each brings its own."""
        if self.group.ranks == 1:
            return state
        sizes = [rows.stop - rows.start for rows in self.slices]
        wholes = []
        for part in state:
            padded = part.new_zeros(*part.shape[:2], max(sizes), *part.shape[3:])
            padded[:, :, : part.shape[2]] = part
            received = self.group.gather(padded)
            wholes.append(torch.cat([one[:, :, :size] for one, size in zip(received, sizes, strict=True)], 2))
        return LstmState(*wholes)


def class_reads(window: Window, dealt: DealtRows, negatives_K: np.ndarray) -> list[np.ndarray]:
    """For each process, the classes that its rows and the negatives are about."""
    return [np.union1d(window.targets_GBT[:, rows], negatives_K) for rows in dealt.slices]


def word_reads(window: Window, dealt: DealtRows, text: EncodedText, bilm: BiLM) -> list[np.ndarray]:
    """For each process, the rows of the word table that its words have."""
    types = [np.unique(window.inputs_GBT[:, rows]) for rows in dealt.slices]
    return [np.unique(spellings(text, types_U, bilm)[:, 0].numpy()) for types_U in types]


def sorted_reads(
    read: Mapping[str, list[np.ndarray]], tables: Mapping[str, torch.Tensor], rank: int
) -> dict[str, TableReads]:
    """What is read of each table, as :class:`TableReads`."""
    return {name: TableReads.of(ids, len(tables[name]), rank) for name, ids in read.items()}
