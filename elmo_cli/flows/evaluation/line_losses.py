"""The loss of every position of a text, kept apart until all are known, so that sums do not depend on their order."""

import numpy as np
import numpy.typing as npt

from elmo_cli.text.windows import Line

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class LineLosses:
    """Negative log-likelihoods in nats, of both directions at every position of a line.

    Filled in any order, by any number of processes; each position once. Everything else is computed from the whole:
    the same losses give the same figures to the last bit.

    Args:
        line: What is scored.
        losses_GP: Where losses are kept, such as a file mapped into memory; NaN where there is none yet. Index 0 is the
            forward direction, 1 the backward one. Without it, an array of 8 bytes per position is made.
    """

    def __init__(self, line: Line, losses_GP: npt.NDArray[np.float32] | None = None) -> None:
        self.line = line
        shape = (2, line.num_positions)
        self.losses_GP = np.full(shape, np.nan, dtype=np.float32) if losses_GP is None else losses_GP
        assert self.losses_GP.shape == shape

    def put(self, positions_N: Ids, losses_GN: npt.NDArray[np.float32]) -> None:
        """Takes the losses of some positions."""
        self.losses_GP[:, positions_N] = losses_GN

    @property
    def complete(self) -> bool:
        """Whether every position has its loss."""
        return not np.isnan(self.losses_GP).any()

    @property
    def targets(self) -> int:
        """Targets per direction: every word, and one sentence end (forward) or begin (backward) per sentence."""
        return self.line.num_positions

    @property
    def mean_losses_G(self) -> Floats:
        """Mean of each direction, in nats."""
        return self.losses_GP.sum(axis=1, dtype=np.float64) / self.targets

    @property
    def mean_loss(self) -> float:
        """Mean over both directions, in nats: its exponential is the joint perplexity."""
        return float(self.mean_losses_G.mean())

    @property
    def words_GN(self) -> npt.NDArray[np.float32]:
        """Losses of the words in the order of the line, whichever way they were read."""
        begins_N, offsets_N, lengths_N = self._places()
        forward = self.losses_GP[0, begins_N + offsets_N]
        backward = self.losses_GP[1, begins_N + lengths_N - 1 - offsets_N]
        return np.stack([forward, backward])

    @property
    def boundaries_GS(self) -> npt.NDArray[np.float32]:
        """Losses of each sentence's end (forward) and begin (backward)."""
        return self.losses_GP[:, self.line.ends_S - 1]

    @property
    def known_N(self) -> Flags:
        """Whether each word, in the order of the line, is in the vocabulary."""
        ids_N = self._ids()
        vocabulary = self.line.text.vocabulary
        return (ids_N < len(vocabulary)) & (ids_N != vocabulary.unknown_id)

    def sums_GS(self) -> Floats:
        """Summed losses of each sentence, its boundary included."""
        if not len(self.line.ends_S):
            return np.zeros((2, 0))
        begins_S = self.line.ends_S - self.line.lengths_S - 1
        return np.add.reduceat(self.losses_GP.astype(np.float64), begins_S, axis=1)

    def _ids(self) -> Ids:
        begins_N = np.repeat(self.line.begins_S, self.line.lengths_S)
        return np.asarray(self.line.text.tokens_N)[begins_N + self._places()[1]].astype(np.int64)

    def _places(self) -> tuple[Ids, Ids, Ids]:
        """For each word: where its sentence begins on the line, its place in it from 0, and the sentence's words."""
        lengths_S = self.line.lengths_S
        begins_N = np.repeat(self.line.ends_S - lengths_S - 1, lengths_S)
        lengths_N = np.repeat(lengths_S, lengths_S)
        firsts_S = np.cumsum(lengths_S) - lengths_S
        offsets_N = np.arange(len(lengths_N), dtype=np.int64) - np.repeat(firsts_S, lengths_S)
        return begins_N, offsets_N, lengths_N
