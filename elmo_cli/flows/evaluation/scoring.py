"""Full-softmax losses of a text: every position once, whatever the batches.

Sequences are stretches of a :class:`~elmo_cli.text.windows.Line`: single sentences, or long runs of them. Each begins
from the same start state and is read to its end; sequences of one batch travel packed, so no padding is computed, and
long ones are cut into chunks that hand their state on.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch

from elmo_cli.device import sent
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.models.token_vectors import TokenVectors
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.precision import products_in
from elmo_cli.model.softmax import Softmax, full_losses_chunked
from elmo_cli.text.windows import Line

CHUNK_POSITIONS = 4096
"""Positions computed at once. Bounds memory: one takes about 10 H floats per direction."""

Ids = npt.NDArray[np.int64]


def sentence_sequences(line: Line) -> tuple[Ids, Ids]:
    """Begin and length of every sentence on the line."""
    lengths = line.lengths_S + 1
    return line.ends_S - lengths, lengths


def stream_sequences(line: Line, stretches: int) -> tuple[Ids, Ids]:
    """Begin and length of ``stretches`` runs of whole sentences, as even as sentence ends allow."""
    targets = np.linspace(0, line.num_positions, stretches + 1)[1:-1]
    ends = line.ends_S[np.searchsorted(line.ends_S, targets)] if len(line.ends_S) else targets.astype(np.int64)
    bounds = np.unique(np.concatenate([[0], ends, [line.num_positions]])).astype(np.int64)
    return bounds[:-1], np.diff(bounds)


def batches_by_length(lengths: Ids, budget: int) -> Iterator[Ids]:
    """Indexes of sequences, longest first, in groups of at most ``budget`` positions (or of one sequence)."""
    order = np.argsort(-lengths, kind="stable")
    begin = 0
    while begin < len(order):
        total = np.cumsum(lengths[order[begin : begin + budget]])
        size = max(1, int(np.searchsorted(total, budget, side="right")))
        yield order[begin : begin + size]
        begin += size


def score(
    bilm: BiLM,
    softmax: Softmax,
    sequences: tuple[Ids, Ids],
    start: LstmState,
    losses: LineLosses,
    budget: int = CHUNK_POSITIONS,
    share: tuple[int, int] = (0, 1),
    precision: str = "fp32",
) -> Iterator[int]:
    """Scores sequences into ``losses``, yielding the number of positions done after every chunk.

    Args:
        bilm: The network.
        softmax: Its class weights.
        sequences: Begin and length of each, on the line that ``losses`` belong to.
        start: State of one row that every sequence begins from.
        losses: Where the losses go.
        budget: Positions per batch.
        share: (rank, ranks): every ranks-th batch from the rank-th on is scored here, the others by other processes.
        precision: Of matrix products.
    """
    begins, lengths = sequences
    line = losses.line
    tokens = TokenVectors(bilm, line.text)
    done = 0
    rank, ranks = share
    for batch in islice(batches_by_length(lengths, budget), rank, None, ranks):
        state = start.expand(len(batch))
        for positions_N, sizes in packed_chunks(begins[batch], lengths[batch]):
            with products_in(precision):
                losses_GN, state = _score_chunk(tokens, softmax, line, positions_N, sizes, state)
            losses.put(positions_N, losses_GN)
            done += len(positions_N)
            yield done


def packed_chunks(begins_B: Ids, lengths_B: Ids, limit: int = CHUNK_POSITIONS) -> Iterator[tuple[Ids, list[int]]]:
    """Packed positions of sequences sorted by falling length, a bounded number of them at a time.

    Yields:
        Positions (N,) step after step, and how many sequences are still going at each step.
    """
    step = 0
    while step < lengths_B[0]:
        rows = int(np.searchsorted(-lengths_B, -step, side="left"))
        end = min(int(lengths_B[0]), step + max(1, limit // rows))
        steps_T = np.arange(step, end, dtype=np.int64)
        going_TB = steps_T[:, None] < lengths_B[None, :rows]
        positions_TB = steps_T[:, None] + begins_B[None, :rows]
        yield positions_TB[going_TB], going_TB.sum(1).tolist()
        step = end


@torch.no_grad()
def _score_chunk(
    tokens: TokenVectors, softmax: Softmax, line: Line, positions_N: Ids, sizes: list[int], state: LstmState
) -> tuple[npt.NDArray[np.float32], LstmState]:
    device = softmax.bias_V.device
    read = line.read(positions_N)
    going = LstmState(*(part[:, :, : sizes[0]] for part in state))
    outputs, after = tokens.bilm(tokens.distinct(read.inputs_GX), sizes, going)
    targets_N = sent(read.targets_GX.reshape(-1), device)
    losses_N = full_losses_chunked(outputs[-1].flatten(0, 1), softmax.weight_VD, softmax.bias_V, targets_N)
    return losses_N.float().cpu().numpy().reshape(2, -1), after
