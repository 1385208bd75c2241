""":mod:`elmo_cli.kernels.character_sums` as a Triton kernel, whose additions have one order.

A thread has one column of one filter and a part of the words. It goes over them in their order and adds each gradient
to the table in memory where its character says. No other thread adds to that column of that part's table, so that a
number's additions come in the order of the words; parts are added up afterwards, in order. What is added needs no
answer: a thread goes on while the additions are under way.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

FILTERS = 32
"""Filters of a program, one for each thread of its only warp: then no two threads have the same one."""
COLUMNS_AT_ONCE, MOST_PARTS = 1 << 15, 64
"""Columns of filters that are summed at once, about: of a few filters the words go in more parts."""


def character_sums(chars_UW: Tensor, at_UF: Tensor, grad_UF: Tensor, width: int, alphabet: int) -> Tensor:
    """See :func:`elmo_cli.kernels.character_sums.character_sums`."""
    types, count = grad_UF.shape
    parts = max(1, min(MOST_PARTS, COLUMNS_AT_ONCE // (count * width)))
    tables_P = grad_UF.new_zeros(parts, width, alphabet, count)
    with torch.cuda.device_of(tables_P):
        _character_sums[(triton.cdiv(count, FILTERS), width, parts)](
            chars_UW.contiguous(),
            at_UF.contiguous(),
            grad_UF.contiguous(),
            tables_P,
            types,
            chars_UW.shape[1],
            count,
            triton.cdiv(types, parts),
            ALPHABET=alphabet,
            FILTERS=FILTERS,
            num_warps=1,
        )
    return tables_P.sum(0)


@triton.jit
def _look(
    chars: tl.tensor,
    at: tl.tensor,
    grad: tl.tensor,
    word: tl.tensor,
    end: tl.tensor,
    columns: tl.tensor,
    count: tl.tensor,
    filters: tl.tensor,
    shift: tl.tensor,
) -> tuple[tl.tensor, tl.tensor]:
    """A word's character in each filter's window, and the gradient; behind the end they are 0 and 0."""
    inside = filters < tl.where(word < end, count, 0)
    place = word.to(tl.int64) * count + filters
    begin = tl.load(at + place, mask=inside, other=0)
    slope = tl.load(grad + place, mask=inside, other=0.0)
    return tl.load(chars + word * columns + begin + shift, mask=inside, other=0), slope


@triton.jit
def _character_sums(
    chars: tl.tensor,
    at: tl.tensor,
    grad: tl.tensor,
    tables: tl.tensor,
    types: tl.tensor,
    columns: tl.tensor,
    count: tl.tensor,
    a_part: tl.tensor,
    ALPHABET: tl.constexpr,
    FILTERS: tl.constexpr,
) -> None:
    shift, part = tl.program_id(1), tl.program_id(2)
    filters = tl.program_id(0) * FILTERS + tl.arange(0, FILTERS)
    inside = filters < count
    tables += (part * tl.num_programs(1) + shift).to(tl.int64) * ALPHABET * count + filters
    begin = part * a_part
    end = tl.minimum(begin + a_part, types)
    for step in range(0, a_part, 8):
        # Eight words are looked at before the first is added: no load may be moved to before an addition.
        word = begin + step
        c0, g0 = _look(chars, at, grad, word, end, columns, count, filters, shift)
        c1, g1 = _look(chars, at, grad, word + 1, end, columns, count, filters, shift)
        c2, g2 = _look(chars, at, grad, word + 2, end, columns, count, filters, shift)
        c3, g3 = _look(chars, at, grad, word + 3, end, columns, count, filters, shift)
        c4, g4 = _look(chars, at, grad, word + 4, end, columns, count, filters, shift)
        c5, g5 = _look(chars, at, grad, word + 5, end, columns, count, filters, shift)
        c6, g6 = _look(chars, at, grad, word + 6, end, columns, count, filters, shift)
        c7, g7 = _look(chars, at, grad, word + 7, end, columns, count, filters, shift)
        tl.atomic_add(tables + c0 * count, g0, mask=inside, sem="relaxed")
        tl.atomic_add(tables + c1 * count, g1, mask=inside, sem="relaxed")
        tl.atomic_add(tables + c2 * count, g2, mask=inside, sem="relaxed")
        tl.atomic_add(tables + c3 * count, g3, mask=inside, sem="relaxed")
        tl.atomic_add(tables + c4 * count, g4, mask=inside, sem="relaxed")
        tl.atomic_add(tables + c5 * count, g5, mask=inside, sem="relaxed")
        tl.atomic_add(tables + c6 * count, g6, mask=inside, sem="relaxed")
        tl.atomic_add(tables + c7 * count, g7, mask=inside, sem="relaxed")
