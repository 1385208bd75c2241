"""Corpus to batches: the truncated-backpropagation windows that training reads, as a function of a position.

A sentence of n words is n + 1 positions. The sentences of an epoch are shuffled and their positions laid end to end;
the line is cut into B rows of equal length, and step t reads T positions of every row. Both directions read the same
sentences at the same time, so they share one pass through the character encoder. Nothing is kept between calls: every
batch is computed from (corpus, seed, epoch, step) alone.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from elmo_cli.errors import TextError
from elmo_cli.seeds import derive_seed, uniform_at
from elmo_cli.text.store import EncodedText

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Positions:
    """What both directions read and predict at some positions; G is (forward, backward).

    The forward direction reads ``<S>`` and then the words, and predicts the words and then ``</S>``; the backward
    direction reads ``</S>`` and then the words from the last, and predicts them and then ``<S>``
    (reference/bilm-tf.md, 2.3).
    """

    inputs_GX: npt.NDArray[np.int64]
    """Lexicon ids; X stands for the shape of the positions asked for."""
    targets_GX: npt.NDArray[np.int64]
    """Vocabulary ids; a word outside the vocabulary is ``<UNK>``."""
    starts_X: npt.NDArray[np.bool_]
    """Whether a position is the first of its sentence."""
    sentences_X: npt.NDArray[np.int64]
    """Which sentence of the line a position belongs to, counted along the line."""


class Line:
    """The sentences of a text laid end to end in some order, n + 1 positions for a sentence of n words.

    Args:
        text: The encoded corpus.
        order: Sentence numbers in the order of the line; None is the order of the text.
    """

    def __init__(self, text: EncodedText, order: Ids | None = None) -> None:
        self.text = text
        starts = np.asarray(text.starts, dtype=np.int64)
        begins, lengths = starts[:-1], np.diff(starts)
        if order is not None:
            begins, lengths = begins[order], lengths[order]
        self.begins_S = begins
        self.lengths_S = lengths
        self.ends_S = np.cumsum(lengths + 1)
        """Where each sentence ends on the line: one past its last position."""

    @property
    def num_positions(self) -> int:
        """Positions on the whole line: words and one more per sentence."""
        return int(self.ends_S[-1]) if len(self.ends_S) else 0

    def read(self, positions_X: Ids) -> Positions:
        """What stands at the given positions, in an array of any shape."""
        sentences = np.searchsorted(self.ends_S, positions_X, side="right")
        lengths = self.lengths_S[sentences]
        offsets = positions_X - (self.ends_S[sentences] - lengths - 1)
        begins = self.begins_S[sentences]
        last = len(self.text.tokens_N) - 1

        def word(at: Ids) -> Ids:
            if last < 0:
                return np.zeros_like(at)
            # Where a boundary stands instead of a word, any valid address serves: the value is replaced.
            return self.text.tokens_N[np.clip(begins + at, 0, last)].astype(np.int64)

        vocabulary = self.text.vocabulary
        first, final = offsets == 0, offsets == lengths
        ahead, behind = word(offsets), word(lengths - 1 - offsets)
        inputs = np.stack(
            [
                np.where(first, vocabulary.begin_id, word(offsets - 1)),
                np.where(first, vocabulary.end_id, word(lengths - offsets)),
            ]
        )
        targets = np.stack(
            [np.where(final, vocabulary.end_id, ahead), np.where(final, vocabulary.begin_id, behind)],
        )
        targets = np.where(targets < len(vocabulary), targets, vocabulary.unknown_id)
        return Positions(inputs, targets, first, sentences)


@dataclass(frozen=True)
class Window:
    """One training step's batch."""

    inputs_GBT: npt.NDArray[np.int64]
    targets_GBT: npt.NDArray[np.int64]
    resets_BT: npt.NDArray[np.bool_]
    """Positions before which the LSTM state is put back to zero: some sentence starts, chosen by the seed."""


class TrainingWindows:
    """The batches of a training run.

    Args:
        text: The encoded training corpus.
        rows: B.
        window: T.
        seed: Decides every epoch's shuffle and the resets.
        reset_probability: Chance that a sentence starts from zero state.

    Raises:
        TextError: The corpus does not fill one batch.
    """

    def __init__(self, text: EncodedText, *, rows: int, window: int, seed: int, reset_probability: float = 0.0) -> None:
        self.text = text
        self.rows = rows
        self.window = window
        self.seed = seed
        self.reset_probability = reset_probability
        positions = text.num_tokens + text.num_sentences
        self.steps_per_epoch = positions // (rows * window)
        """Whole windows in one pass; the few positions left over differ from epoch to epoch."""
        if self.steps_per_epoch == 0:
            raise TextError(
                f"the training text has {positions:,} positions (words and one more per sentence), "
                f"one step needs {rows} rows x {window} = {rows * window:,}",
                hint=f"give more text, or fewer rows: --rows {max(1, positions // (2 * window))}",
            )
        self._line = lru_cache(maxsize=2)(self._shuffled_line)

    def batch(self, step: int) -> Window:
        """The batch of a step counted from 0 over the whole run; epochs follow one another without a gap."""
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        line = self._line(epoch)
        row_length = self.steps_per_epoch * self.window
        begins_B = np.arange(self.rows, dtype=np.int64) * row_length + step_in_epoch * self.window
        read = line.read(begins_B[:, None] + np.arange(self.window, dtype=np.int64))
        chance = uniform_at(read.sentences_X, derive_seed(self.seed, "reset", epoch))
        resets_BT = read.starts_X & (chance < self.reset_probability)
        return Window(read.inputs_GX, read.targets_GX, resets_BT)

    def _shuffled_line(self, epoch: int) -> Line:
        order = np.random.default_rng(derive_seed(self.seed, "shuffle", epoch)).permutation(self.text.num_sentences)
        return Line(self.text, order)
