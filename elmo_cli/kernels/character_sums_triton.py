""":mod:`elmo_cli.kernels.character_sums` as a Triton kernel, whose additions have one order.

A program has some characters and some filters of one column and goes over all words. Each word is thus looked at once
for every block of characters, and no two programs add to the same number.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

TYPES, CHARACTERS, FILTERS = 8, 32, 32
"""Words whose loads are under way at once, and characters and filters whose sums a program has in its registers."""


def character_sums(chars_UW: Tensor, at_UF: Tensor, grad_UF: Tensor, width: int, alphabet: int) -> Tensor:
    """See :func:`elmo_cli.kernels.character_sums.character_sums`."""
    types, count = grad_UF.shape
    tables = torch.empty(width, alphabet, count, dtype=grad_UF.dtype, device=grad_UF.device)
    grid = (triton.cdiv(count, FILTERS), width, triton.cdiv(alphabet, CHARACTERS))
    _character_sums[grid](
        chars_UW.contiguous(),
        at_UF.contiguous(),
        grad_UF.contiguous(),
        tables,
        types,
        chars_UW.shape[1],
        count,
        ALPHABET=alphabet,
        TYPES=TYPES,
        CHARACTERS=CHARACTERS,
        FILTERS=FILTERS,
        enable_fp_fusion=True,
    )
    return tables


@triton.jit
def _character_sums(
    chars: tl.tensor,
    at: tl.tensor,
    grad: tl.tensor,
    tables: tl.tensor,
    types: tl.tensor,
    columns: tl.tensor,
    count: tl.tensor,
    ALPHABET: tl.constexpr,
    TYPES: tl.constexpr,
    CHARACTERS: tl.constexpr,
    FILTERS: tl.constexpr,
) -> None:
    shift = tl.program_id(1)
    filters = tl.program_id(0) * FILTERS + tl.arange(0, FILTERS)
    characters = tl.program_id(2) * CHARACTERS + tl.arange(0, CHARACTERS)
    sums = tl.full((CHARACTERS, FILTERS), 0.0, tables.dtype.element_ty)
    for first in range(0, types, TYPES):
        # Unrolled, so that the loads of several words are under way at once.
        for k in tl.static_range(TYPES):
            word = first + k
            inside = filters < tl.where(word < types, count, 0)
            place = word * count + filters
            begin = tl.load(at + place, mask=inside, other=0)
            character = tl.load(chars + word * columns + begin + shift, mask=inside, other=-1)
            slope = tl.load(grad + place, mask=inside, other=0.0)
            sums += tl.where(character[None, :] == characters[:, None], slope[None, :], 0.0)
    rows = (shift * ALPHABET + characters)[:, None]
    stored = (characters < ALPHABET)[:, None] & (filters < count)[None, :]
    tl.store(tables + rows * count + filters[None, :], sums, mask=stored)
