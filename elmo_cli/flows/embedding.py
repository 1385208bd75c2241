"""Sentences to ELMo vectors, without padding and in bounded memory.

The forward direction reads ``<S>`` and then the words; the backward direction ``</S>`` and then the words from the
last. A word's vector is what each direction puts out after reading that word. Under the policies ``warm`` and ``zero``
every sentence begins from one fixed state, so its vectors are a function of the sentence alone. Under ``carry`` row b
of a batch goes on from the state in which row b of the batch before ended, the boundary at the far end read as well:
that is what bilm-tf and AllenNLP compute.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elmo_cli.errors import ConfigError
from elmo_cli.flows.models import LoadedModel
from elmo_cli.flows.scoring import batches_by_length, packed_chunks
from elmo_cli.flows.token_vectors import TokenVectors
from elmo_cli.model.lstm import LstmState

Sentence = Sequence[str]
Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]


STATES = ("warm", "zero", "carry")
"""What a sentence may begin from."""


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
        raise ConfigError(f"--layers {layers}: this model has all, top, average and the layers 0 to {count - 1}")
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
        self.carry = carry
        self._carried = start.expand(0)

    def embed(self, sentences: Sequence[Sentence], budget: int) -> list[Vectors]:
        """Vectors of sentences that do not depend on one another: the policies ``warm`` and ``zero``.

        Args:
            sentences: Lists of tokens, in any order; an empty one gives an array of no tokens.
            budget: Positions computed together, at most.

        Returns:
            One array (L, n, E) per sentence, in the order given: L layers, the token layer twice side by side first;
            n tokens; forward and backward halves.
        """
        assert not self.carry, "with carried state the order of the sentences matters: use embed_batch"
        read = _Reading(self.model, sentences, final_boundary=False)
        vectors: list[Vectors | None] = [None] * len(sentences)
        for batch in batches_by_length(read.lengths, budget):
            arrays, _ = self._run(read, batch, self.start.expand(len(batch)))
            for place, array in zip(batch, arrays, strict=True):
                vectors[place] = array
        return [array for array in vectors if array is not None]

    def embed_batch(self, sentences: Sequence[Sentence]) -> list[Vectors]:
        """Vectors of the next batch under ``carry``: sentence b goes on from where row b ended.

        Rows beyond any seen before begin from the start state; rows that a smaller batch leaves out keep theirs.
        """
        assert self.carry, "without carried state use embed, which may batch as it likes"
        read = _Reading(self.model, sentences, final_boundary=True)
        rows = len(sentences)
        known = self._carried.cell.shape[2]
        if rows > known:
            fresh = self.start.expand(rows - known)
            self._carried = LstmState(*(torch.cat(pair, dim=2) for pair in zip(self._carried, fresh, strict=True)))
        order = np.argsort(-read.lengths, kind="stable")
        at = torch.from_numpy(order).to(self.model.device)
        arrays, after = self._run(read, order, LstmState(*(part[:, :, at] for part in self._carried)))
        for part, new in zip(self._carried, after, strict=True):
            part[:, :, at] = new
        vectors: list[Vectors | None] = [None] * rows
        for place, array in zip(order, arrays, strict=True):
            vectors[place] = array
        return [array for array in vectors if array is not None]

    @torch.no_grad()
    def _run(self, read: "_Reading", batch: Ids, state: LstmState) -> tuple[list[Vectors], LstmState]:
        """Vectors of the sentences ``batch``, longest first, and the state each ends in."""
        lengths = read.lengths[batch]
        layers: list[list[Tensor]] = []
        after = LstmState(*(part.clone() for part in state))
        sizes_T: list[int] = []
        zeros = np.zeros(len(batch), dtype=np.int64)
        rows = np.arange(len(batch), dtype=np.int64)
        for steps_N, sizes in packed_chunks(zeros, lengths):
            rows_N = np.concatenate([rows[:size] for size in sizes])
            tokens_GND = read.tokens(batch[rows_N], steps_N)
            going = LstmState(*(part[:, :, : sizes[0]] for part in after))
            outputs, ended = self.model.bilm(tokens_GND, sizes, going)
            for part, new in zip(after, ended, strict=True):
                part[:, :, : sizes[0]] = new
            layers.append([tokens_GND, *outputs])
            sizes_T += sizes
        layers_LGND = torch.stack([torch.cat(pieces, dim=1) for pieces in zip(*layers, strict=True)])
        return _by_sentence(layers_LGND, sizes_T, read.words[batch]), after


class _Reading:
    """What both directions read of some sentences, by sentence and step."""

    def __init__(self, model: LoadedModel, sentences: Sequence[Sentence], *, final_boundary: bool) -> None:
        begin, end, _ = model.input_vocabulary.specials
        text = model.encode([begin, *sentence, end] for sentence in sentences)
        self._begins = text.starts[:-1]
        self._ids_N = text.tokens_N.astype(np.int64)
        self._vectors = TokenVectors(model.bilm, text)
        self.words: Ids = np.diff(text.starts) - 2
        """Words of each sentence."""
        self.lengths: Ids = self.words + (2 if final_boundary else 1)
        """Positions that each direction reads of it."""

    def tokens(self, sentences_N: Ids, steps_N: Ids) -> Tensor:
        """Token vectors (G, N, D) of what each direction reads of a sentence at a step."""
        forward = self._begins[sentences_N] + steps_N
        backward = self._begins[sentences_N] + self.words[sentences_N] + 1 - steps_N
        return self._vectors(np.stack([self._ids_N[forward], self._ids_N[backward]]))


def _by_sentence(layers_LGND: Tensor, sizes_T: list[int], words_B: Ids) -> list[Vectors]:
    """Unpacks both directions' outputs into one array (L, n, E) per sentence.

    Word k of n is what the forward direction read at step k + 1 and the backward one at step n - k.
    """
    step_begins = np.concatenate([[0], np.cumsum(sizes_T)[:-1]]).astype(np.int64)
    rows_N = np.repeat(np.arange(len(words_B), dtype=np.int64), words_B)
    firsts = np.cumsum(words_B) - words_B
    word_N = np.arange(len(rows_N), dtype=np.int64) - firsts[rows_N]
    device = layers_LGND.device
    forward = torch.from_numpy(step_begins[word_N + 1] + rows_N).to(device)
    backward = torch.from_numpy(step_begins[words_B[rows_N] - word_N] + rows_N).to(device)
    vectors_LNE = torch.cat([layers_LGND[:, 0, forward], layers_LGND[:, 1, backward]], dim=2)
    host = vectors_LNE.to("cpu", torch.float32).numpy()
    return np.split(host, firsts[1:], axis=1)
