"""Sentences to ELMo vectors, without padding and in bounded memory.

The forward direction reads ``<S>`` and then the words; the backward direction ``</S>`` and then the words from the
last. A word's vector is what each direction puts out after reading that word. Under the policies ``warm`` and ``zero``
every sentence begins from one fixed state, so its vectors are a function of the sentence alone. Under ``carry`` row b
of a batch goes on from the state in which row b of the batch before ended, the boundary at the far end read as well:
that is what bilm-tf and AllenNLP compute.

A long sentence is read in chunks of steps that hand both directions' states on. Step k of the backward direction is the
k-th word from the end, so it too is read from its own beginning to its end, and the result is that of one piece.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elmo_cli.device import sent
from elmo_cli.errors import ConfigError, ElmoError
from elmo_cli.flows.evaluation.scoring import packed_chunks
from elmo_cli.flows.memory import is_out_of_memory
from elmo_cli.flows.models.loaded import LoadedModel
from elmo_cli.flows.vectors.host_copies import HostCopies
from elmo_cli.flows.vectors.together import usual_together
from elmo_cli.flows.vectors.word_vectors import WordVectors
from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.precision import products_in
from elmo_cli.text.lexicon import GrowingLexicon

Sentence = Sequence[str]
Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Made = TypeVar("Made")


STATES = ("warm", "zero", "carry")
"""What a sentence may begin from."""

FEWEST_POSITIONS = 32
"""Positions computed together below which running out of memory is an error."""


def layer_choice(layers: str, count: int) -> Callable[[Vectors], Vectors]:
    """What takes the wanted layers out of vectors (L, n, E): ``all`` of them, or (n, E) for the others.

    Args:
        layers: ``all``, ``top``, ``average``, or a layer's number.
        count: L.

    Raises:
        ConfigError: The model has no such layer.
    """
    if layers == "all":
        return lambda vectors_LTE: vectors_LTE
    if layers == "average":
        return lambda vectors_LTE: vectors_LTE.mean(axis=0, dtype=np.float32)
    if layers != "top" and not (layers.isdecimal() and int(layers) < count):
        raise ConfigError(
            f"--layers {layers}: this model has all, top, average, weighted and the layers 0 to {count - 1}"
        )
    number = count - 1 if layers == "top" else int(layers)
    return lambda vectors_LTE: vectors_LTE[number]


class SentenceEmbedder:
    """Computes the layers of an ELMo for sentences of tokens.

    Args:
        model: What to compute with.
        start: State of one row that every sentence (or, with ``carry``, every row at first) begins from.
        carry: Whether state goes on from batch to batch, row by row.
    """

    def __init__(self, model: LoadedModel, start: LstmState, *, carry: bool = False) -> None:
        self.model = model
        self.start = start
        self.carries = carry
        self.together = usual_together(model.bilm.config.lstm, model.precision, model.device)
        """What is computed together, at most."""
        self.room: int | None = None
        """Positions that memory has room for, once it ran out."""
        self.word_vectors = WordVectors(model)
        self._copies = HostCopies(model.device)
        self.carried = start.expand(0)
        """What each row of the batches so far ended in."""

    def embed(self, sentences: Sequence[Sentence], budget: int | None = None) -> list[Vectors]:
        """Vectors of sentences that do not depend on one another: the policies ``warm`` and ``zero``.

        Where memory runs out, fewer positions are computed together from then on.

        Args:
            sentences: Lists of tokens, in any order; an empty one gives an array of no tokens.
            budget: Positions computed together, at most; None for as many as suit the device.

        Returns:
            One array (L, n, E) per sentence, in the order given: L layers, the token layer twice side by side first;
            n tokens; forward and backward halves.

        Raises:
            ElmoError: Memory runs out, however few positions are computed together.
        """
        assert not self.carries, "with carried state the order of the sentences matters: use embed_batch"
        read = _Reading(self.word_vectors, sentences, final_boundary=False)
        order = np.argsort(-read.lengths, kind="stable")
        vectors: list[Vectors | None] = [None] * len(sentences)
        pending: _Computed | None = None
        positions = budget or self.together.positions
        # As even as can be, so that none is of a few rows.
        rows = -(-len(order) // max(1, -(-len(order) // self.together.rows)))
        done = 0
        while done < len(order):
            limit = min(positions, self.room or positions)
            totals = np.cumsum(read.lengths[order[done : done + min(limit, rows)]])
            batch = order[done : done + max(1, int(np.searchsorted(totals, limit, side="right")))]
            made = self._within_memory(limit, partial(self._run, read, batch, self.start.expand(len(batch))))
            self._take(pending, vectors)  # while a GPU computes what was just launched
            pending = made[0] if made is not None else None
            done += len(batch) if made is not None else 0
        self._take(pending, vectors)
        return [array for array in vectors if array is not None]

    def embed_batch(self, sentences: Sequence[Sentence]) -> list[Vectors]:
        """Vectors of the next batch under ``carry``: sentence b goes on from where row b ended.

        Rows beyond any seen before begin from the start state; rows that a smaller batch leaves out keep theirs.
        """
        assert self.carries, "without carried state use embed, which may batch as it likes"
        read = _Reading(self.word_vectors, sentences, final_boundary=True)
        rows = len(sentences)
        known = self.carried.cell.shape[2]
        if rows > known:
            fresh = self.start.expand(rows - known)
            self.carried = LstmState(*(torch.cat(pair, dim=2) for pair in zip(self.carried, fresh, strict=True)))
        order = np.argsort(-read.lengths, kind="stable")
        at = sent(order, self.model.device)
        made = None
        while made is None:
            begin = LstmState(*(part[:, :, at] for part in self.carried))
            made = self._within_memory(self.together.chunk, partial(self._run, read, order, begin))
        computed, after = made
        for part, new in zip(self.carried, after, strict=True):
            part[:, :, at] = new
        vectors: list[Vectors | None] = [None] * rows
        self._take(computed, vectors)
        return [array for array in vectors if array is not None]

    def embed_words(self, sentences: Sequence[Sentence]) -> list[Vectors]:
        """Vectors (n, D) of every token without its context: the token layer, once."""
        read = _Reading(self.word_vectors, sentences, final_boundary=False)
        vectors_UD = read.vectors_UD.to("cpu", torch.float32).numpy()
        begins = read.begins + 1
        return [vectors_UD[read.ids_N[begin : begin + n]] for begin, n in zip(begins, read.words, strict=True)]

    def pass_over(self, sentences: Sequence[Sentence]) -> None:
        """Stands for a call of :meth:`embed` whose vectors nobody needs; those after it are the same, to the bit."""
        self.word_vectors.pass_over(_lay_out(self.model, sentences)[0])

    def _chunk(self) -> int:
        return min(self.together.chunk, self.room or self.together.chunk)

    def _within_memory(self, positions: int, work: Callable[[], Made]) -> Made | None:
        """What ``work`` gives; or None, and room for half of its positions from now on, where memory ran out."""
        tried = min(positions, self._chunk())
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if tried <= FEWEST_POSITIONS:
                raise ElmoError(
                    f"memory ran out with {tried} positions computed at once: {error}",
                    hint="stop other programs, choose --device cpu, or cut very long sentences",
                ) from error
        self.room = tried // 2
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _take(self, computed: "_Computed | None", vectors: list[Vectors | None]) -> None:
        """Puts the vectors of a batch where they belong."""
        if computed is not None:
            array_LNE = self._copies.fetch(computed.vectors_LNE, computed.mark)
            for place, array in zip(computed.batch, np.split(array_LNE, computed.firsts_B[1:], axis=1), strict=True):
                vectors[place] = array

    @torch.no_grad()
    def _run(self, read: "_Reading", batch: Ids, state: LstmState) -> "tuple[_Computed, LstmState]":
        """Computes the sentences ``batch``, longest first, and the state each ends in."""
        lengths, words_B = read.lengths[batch], read.words[batch]
        firsts_B = np.cumsum(words_B) - words_B
        config, device = self.model.bilm.config, self.model.device
        total, width = int(words_B.sum()), config.lstm.projection_dim
        # Of a batch larger than its chunk only the chunk need be where it is computed.
        chunk = self._chunk()
        place = device if total <= 2 * chunk else torch.device("cpu")
        vectors_LNE = torch.empty(config.vector_layers, total, config.vector_dim, device=place)
        after = LstmState(*(part.clone() for part in state))
        rows = np.arange(len(batch), dtype=np.int64)
        for steps_N, sizes in packed_chunks(np.zeros(len(batch), dtype=np.int64), lengths, chunk):
            rows_N = np.concatenate([rows[:size] for size in sizes])
            tokens = read.tokens(batch[rows_N], steps_N)
            going = LstmState(*(part[:, :, : sizes[0]] for part in after))
            with products_in(self.model.precision):
                outputs, ended = self.model.bilm(tokens, sizes, going)
            for part, new in zip(after, ended, strict=True):
                part[:, :, : sizes[0]] = new
            # At step k the forward direction has read word k - 1, the backward one the k-th from the end.
            inside = np.flatnonzero((steps_N > 0) & (steps_N <= words_B[rows_N]))
            firsts_N, steps_N, rows_N = firsts_B[rows_N[inside]], steps_N[inside], rows_N[inside]
            forward = sent(firsts_N + steps_N - 1, place)
            backward = sent(firsts_N + words_B[rows_N] - steps_N, place)
            inside_N = sent(inside, device)
            vectors_LNE[0, forward, :width] = tokens.vectors_UD[tokens.ids_GN[0, inside_N]].to(vectors_LNE)
            vectors_LNE[0, backward, width:] = tokens.vectors_UD[tokens.ids_GN[1, inside_N]].to(vectors_LNE)
            for number, layer_GND in enumerate(outputs, 1):
                vectors_LNE[number, forward, :width] = layer_GND[0, inside_N].to(vectors_LNE)
                vectors_LNE[number, backward, width:] = layer_GND[1, inside_N].to(vectors_LNE)
        mark = self._copies.computed() if place.type == "cuda" else None
        return _Computed(batch, firsts_B, vectors_LNE, mark), after


class _Computed(NamedTuple):
    """A batch's vectors, where they were computed and as soon as they are."""

    batch: Ids
    """Which sentences."""
    firsts_B: Ids
    """Where each one's first word is among them."""
    vectors_LNE: Tensor
    mark: Any


class _Reading:
    """What both directions read of some sentences, by sentence and step."""

    def __init__(self, word_vectors: WordVectors, sentences: Sequence[Sentence], *, final_boundary: bool) -> None:
        words, self.ids_N, ends = _lay_out(word_vectors.model, sentences)
        self.vectors_UD = word_vectors(words)
        self.begins = ends[:-1]
        """Where each sentence begins in ``ids_N``, a mark in front of its first word and one behind its last."""
        self.words: Ids = np.diff(ends) - 2
        """Words of each sentence."""
        self.lengths: Ids = self.words + (2 if final_boundary else 1)
        """Positions that each direction reads of it."""

    def tokens(self, sentences_N: Ids, steps_N: Ids) -> DistinctTokens:
        """What each direction reads of a sentence at a step."""
        forward = self.begins[sentences_N] + steps_N
        backward = self.begins[sentences_N] + self.words[sentences_N] + 1 - steps_N
        ids_GN = np.stack([self.ids_N[forward], self.ids_N[backward]])
        return DistinctTokens(self.vectors_UD, sent(ids_GN, self.vectors_UD.device))


def _lay_out(model: LoadedModel, sentences: Sequence[Sentence]) -> tuple[list[str], Ids, Ids]:
    """The distinct words of sentences, the marks around them first; the number of each token; and where each ends."""
    begin, end, _ = model.input_vocabulary.specials
    lexicon = GrowingLexicon({begin: 0, end: 1})
    numbers: list[int] = []
    ends = [0]
    for sentence in sentences:
        numbers.append(0)
        numbers.extend(map(lexicon.__getitem__, sentence))
        numbers.append(1)
        ends.append(len(numbers))
    return list(lexicon), np.array(numbers, np.int64), np.array(ends, np.int64)
