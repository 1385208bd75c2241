"""bilm-tf's own way to evaluate, for comparison with figures measured by it (reference/bilm-tf.md, 2.3 to 2.5, 5).

Rows take sentences from one queue as they become free; every step reads one position of every row, the state starts at
zero and is carried on. When a row finds the queue empty, the step is thrown away and all ends: what the other rows have
not read yet is never scored.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scorer import Scorer
from elmo_cli.flows.evaluation.shared_scoring import score_shared
from elmo_cli.model.lstm import LstmState
from elmo_cli.text.store import EncodedText
from elmo_cli.text.windows import Line
from elmo_cli.train.process_group import ProcessGroup

Ids = npt.NDArray[np.int64]

ROWS = 256
"""bilm-tf's default."""


@dataclass(frozen=True)
class Dealt:
    """Which sentences each row reads, and how far."""

    order: Ids
    """Sentences, row after row."""
    begins: Ids
    """Where each row begins on the line of that order."""
    steps: int
    """Positions that each row gets to score."""


def deal(lengths_S: Ids, rows: int) -> Dealt:
    """Sentences to rows by the reference's rule.

    Args:
        lengths_S: Words of each sentence; its positions are one more.
        rows: B.

    Example:
        >>> dealt = deal(np.array([3, 1, 1, 5]), rows=2)
        >>> dealt.order.tolist(), dealt.begins.tolist(), dealt.steps
        ([0, 3, 1, 2], [0, 10], 4)
    """
    free = [(0, row) for row in range(rows)]
    taken: list[list[int]] = [[] for _ in range(rows)]
    for sentence, length in enumerate(lengths_S.tolist()):
        time, row = heapq.heappop(free)
        taken[row].append(sentence)
        heapq.heappush(free, (time + length + 1, row))
    order = np.array([sentence for row in taken for sentence in row], dtype=np.int64)
    positions = [int(lengths_S[row].sum()) + len(row) for row in taken]
    begins = np.cumsum([0, *positions[:-1]]).astype(np.int64)
    # The row that is free first asks the empty queue, and the step in which it asks is lost.
    return Dealt(order, begins, steps=free[0][0])


def deal_text(text: EncodedText, rows: int) -> tuple[Dealt, LineLosses]:
    """A text's sentences dealt to rows, and a place for their losses: a line of one row after the other.

    Args:
        text: What to score.
        rows: B.
    """
    dealt = deal(np.diff(np.asarray(text.starts, dtype=np.int64)).astype(np.int64), rows)
    return dealt, LineLosses(Line(text, dealt.order))


def score_as_reference(
    scorer: Scorer, dealt: Dealt, losses: LineLosses, budget: int, group: ProcessGroup
) -> Iterator[int]:
    """Scores a text by the reference's procedure; losses keep NaN where that scores nothing.

    Args:
        scorer: The model; its start state is not used.
        dealt: Which sentences each row reads.
        losses: Where the losses go.
        budget: Positions computed together; no influence on the result beyond rounding.
        group: The processes that share the work.

    Yields:
        Positions done.
    """
    if dealt.steps:
        zero = LstmState(*(torch.zeros_like(part) for part in scorer.start))
        sequences = (dealt.begins, np.full(len(dealt.begins), dealt.steps, dtype=np.int64))
        yield from score_shared(scorer, sequences, zero, losses, budget, group)
