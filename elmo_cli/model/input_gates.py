"""The inputs' half of an LSTM layer's gate sums, step by step, where nobody wants a gradient.

A first layer reads token vectors, which depend on nothing but the word type. So what a type adds to the gates is
computed once for all the places where it stands: of 4,096 positions of a text about a third differ.
"""

import sys
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.model.inference_weights import InferenceWeights
from elmo_cli.model.large_pages import empty
from elmo_cli.model.step_memory import front, runs_of_steps

SHARED_POSITIONS = 4096
"""Positions whose types are looked for together, at most; bounds the room that types take, 8 H numbers each."""
WORTH_SHARING = 0.75
"""Types for a position, at most, for which looking them up pays."""


def gates_by_step(
    ready: InferenceWeights, inputs: Tensor | DistinctTokens, batch_sizes: Sequence[int]
) -> Iterator[Tensor]:
    """Gate sums (G, B, 4H) of one step after the other, the inputs' half and the bias in them, without gaps in memory.

    They may be written to, and are lost when the next ones are asked for.

    Args:
        ready: The layer's weights.
        inputs: Packed inputs (G, N, I), or token vectors by type, each direction in its own reading order.
        batch_sizes: Sequences still going at each step, never rising.
    """
    if not isinstance(inputs, DistinctTokens):
        yield from _by_position(ready, inputs, batch_sizes)
        return
    begin = 0
    for sizes in runs_of_steps(batch_sizes, sys.maxsize, SHARED_POSITIONS):
        span = slice(begin, begin + sum(sizes))
        tokens = DistinctTokens(inputs.vectors_UD, inputs.ids_GN[:, span])
        types_GU, places_GN = _types(tokens.ids_GN)
        if types_GU.shape[1] <= WORTH_SHARING * places_GN.shape[1]:
            yield from _by_type(ready, inputs.vectors_UD[types_GU], places_GN, sizes)
        else:
            yield from _by_position(ready, tokens.spread(), sizes)
        begin = span.stop


def _by_type(
    ready: InferenceWeights, vectors_GUI: Tensor, places_GN: Tensor, batch_sizes: Sequence[int]
) -> Iterator[Tensor]:
    """Every type's part computed at once, and looked up step by step."""
    directions, types, _ = vectors_GUI.shape
    table_GU4H = _room(ready, directions, types, like=vectors_GUI)
    room_GB4H = _room(ready, directions, batch_sizes[0], like=vectors_GUI)
    ready.read(vectors_GUI, table_GU4H)
    begin = 0
    for size in batch_sizes:
        gates_GB4H = front(room_GB4H, size, room_GB4H.shape[2])
        for table_U4H, places_N, gates_B4H in zip(table_GU4H, places_GN, gates_GB4H, strict=True):
            torch.index_select(table_U4H, 0, places_N[begin : begin + size], out=gates_B4H)
        yield gates_GB4H
        begin += size


def _by_position(ready: InferenceWeights, inputs_GNI: Tensor, batch_sizes: Sequence[int]) -> Iterator[Tensor]:
    """One step's part at a time, or several steps' where few sequences are left: a product of few rows takes long."""
    runs = list(runs_of_steps(batch_sizes, ready.few_rows, ready.together))
    directions = inputs_GNI.shape[0]
    room_GN4H = _room(ready, directions, max(map(sum, runs), default=0), like=inputs_GNI)
    step_GB4H = _room(ready, directions, max((run[0] for run in runs if len(run) > 1), default=0), like=inputs_GNI)
    columns, begin = room_GN4H.shape[2], 0
    for sizes in runs:
        span = slice(begin, begin + sum(sizes))
        gates_GN4H = front(room_GN4H, sum(sizes), columns)
        ready.read(inputs_GNI[:, span], gates_GN4H, biased=len(sizes) == 1)
        if len(sizes) == 1:
            yield gates_GN4H
        else:  # without gaps, as the batched product wants them
            for part_GB4H in gates_GN4H.split(sizes, dim=1):
                yield torch.add(part_GB4H, ready.bias_G14H, out=front(step_GB4H, part_GB4H.shape[1], columns))
        begin = span.stop


def _room(ready: InferenceWeights, directions: int, rows: int, *, like: Tensor) -> Tensor:
    return empty(directions, rows, ready.bias_G14H.shape[2]).to(like.dtype)


def _types(ids_GN: Tensor) -> tuple[Tensor, Tensor]:
    """Each direction's types (G, U), the last one repeated where it has fewer than another, and each position's."""
    found = [torch.unique(ids_N, return_inverse=True) for ids_N in ids_GN]
    most = max(len(types_U) for types_U, _ in found)
    types_GU = torch.stack([torch.cat([one, one[-1:].expand(most - len(one))]) for one, _ in found])
    return types_GU, torch.stack([places_N for _, places_N in found])
