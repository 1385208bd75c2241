"""Windows of sentences to vectors, by one process or several, the same to the bit."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch

from elmo_cli.flows.vectors.carried_states import CarriedStates
from elmo_cli.flows.vectors.embedding import SentenceEmbedder, Vectors
from elmo_cli.flows.vectors.line_windows import Window
from elmo_cli.train.process_group import ProcessGroup


def embedded_windows(
    windows: Iterator[Window],
    embedder: SentenceEmbedder,
    *,
    in_context: bool,
    budget: int | None,
    done: int,
    group: ProcessGroup,
) -> Iterator[tuple[Window, list[Vectors] | None]]:
    """The windows in order, each with a vector array for every one of its sentences.

    Windows whose lines are all written already are passed over. Of the others each process takes every so many-th one
    and passes over the rest, so that what it computes is what a single process would.

    Args:
        windows: The same ones in every process.
        embedder: What computes; without carried state.
        in_context: Whether the LSTMs are wanted, or the token layer alone.
        budget: Positions computed together; None for as many as suit the device.
        done: Lines that need no vectors any more.
        group: The processes.

    Yields:
        A window and its arrays; None for windows that were passed over, and in all processes but the first.
    """
    passed = 0
    while turn := list(islice(windows, group.ranks)):
        own: list[Vectors] = []
        begins = passed + np.cumsum([0, *map(len, turn)])
        wanted = [bool(end > done) for end in begins[1:]]
        passed = int(begins[-1])
        for place, window in enumerate(turn):
            sentences = [sentence for line in window for sentence in line.sentences]
            if place != group.rank or not wanted[place]:
                embedder.pass_over(sentences)
            elif in_context:
                own = embedder.embed(sentences, budget)
            else:
                own = embedder.embed_words(sentences)
        if not group.is_first:
            if group.rank < len(turn) and wanted[group.rank]:
                _send(own, group)
            yield turn[-1], None
            continue
        for place, window in enumerate(turn):
            if not wanted[place]:
                yield window, None
            else:
                yield window, own if place == 0 else _receive(window, place, embedder, group, in_context=in_context)


def carried_windows(
    windows: Iterator[Window], embedder: SentenceEmbedder, *, done: int, states: CarriedStates
) -> Iterator[tuple[Window, list[Vectors] | None]]:
    """The same where state goes on from batch to batch, a window being a batch; for one process.

    What lies between the newest note of the states and the lines that are written is computed again.
    """
    passed, noted = 0, states.restore(embedder, done)
    for window in windows:
        passed += len(window)
        sentences = [line.sentences[0] for line in window]
        if passed <= noted:
            embedder.pass_over(sentences)
            yield window, None
            continue
        arrays = embedder.embed_batch(sentences)
        states.note(embedder, passed)
        yield window, arrays if passed > done else None


def _send(arrays: Sequence[Vectors], group: ProcessGroup) -> None:
    joined = np.concatenate([array.reshape(-1) for array in arrays])
    if joined.size:
        group.send(torch.from_numpy(joined), 0)


def _receive(
    window: Window, rank: int, embedder: SentenceEmbedder, group: ProcessGroup, *, in_context: bool
) -> list[Vectors]:
    config = embedder.model.bilm.config
    lengths = [len(sentence) for line in window for sentence in line.sentences]
    per_token = config.vector_layers * config.vector_dim if in_context else config.lstm.projection_dim
    joined = torch.empty(sum(lengths) * per_token)
    if joined.numel():
        group.receive(joined, rank)
    parts = np.split(joined.numpy(), np.cumsum(lengths)[:-1] * per_token)
    if in_context:
        return [part.reshape(config.vector_layers, -1, config.vector_dim) for part in parts]
    return [part.reshape(-1, config.lstm.projection_dim) for part in parts]
