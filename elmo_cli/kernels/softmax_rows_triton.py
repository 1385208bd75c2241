""":mod:`elmo_cli.kernels.softmax_rows` as Triton kernels, each of which reads a number of the logits once.

A program handles a row. Up to :data:`WHOLE` classes lie in its registers from the first look to the last; of more, a
stretch at a time, the gradient takes a second look.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

WHOLE, MOST = 32_768, 32
"""Classes of a row that fit in registers: so many for each of the 1,024 threads that a program may have."""
STRETCH, A_THREAD = 2_048, 16
"""Classes of a longer row that are looked at together, and how many of them a thread has."""
BLOCK = 8_192
"""Classes that a running sum takes in together at most."""
COLUMNS, PARTS = 256, 32
"""Columns that a program sums, and programs that share the rows; their sums are added afterwards, in order."""


def target_logits(hidden_ND: Tensor, weight_RD: Tensor, bias_R: Tensor, targets_N: Tensor) -> Tensor:
    """See :func:`elmo_cli.kernels.softmax_rows.target_logits`."""
    assert hidden_ND.stride(1) == weight_RD.stride(1) == 1, "numbers of a row must lie side by side"
    rows, width = hidden_ND.shape
    logits_N = torch.empty(rows, dtype=hidden_ND.dtype, device=hidden_ND.device)
    with torch.cuda.device_of(hidden_ND):
        _target_logits[(rows,)](
            hidden_ND,
            hidden_ND.stride(0),
            weight_RD,
            weight_RD.stride(0),
            bias_R,
            targets_N,
            logits_N,
            width,
            STRETCH=triton.next_power_of_2(width),
            num_warps=_warps(width, A_THREAD),
        )
    return logits_N


def losses(
    logits_NR: Tensor,
    bias_R: Tensor,
    targets_N: Tensor,
    target_logits_N: Tensor,
    losses_N: Tensor,
    slopes_NR: Tensor | None,
) -> None:
    """See :func:`elmo_cli.kernels.softmax_rows.losses`."""
    rows, classes = logits_NR.shape
    slopes = slopes_NR if slopes_NR is not None else logits_NR
    assert logits_NR.stride(1) == slopes.stride(1) == 1, "numbers of a row must lie side by side"
    is_whole = classes <= WHOLE
    stretch = triton.next_power_of_2(classes) if is_whole else STRETCH
    with torch.cuda.device_of(logits_NR):
        _losses[(rows,)](
            logits_NR,
            logits_NR.stride(0),
            bias_R,
            targets_N,
            target_logits_N,
            losses_N,
            slopes,
            slopes.stride(0),
            classes,
            STRETCH=stretch,
            IS_WHOLE=is_whole,
            HAS_SLOPES=slopes_NR is not None,
            num_warps=_warps(stretch, MOST if is_whole else A_THREAD),
        )


def add_to_sums(
    logits_NR: Tensor, bias_R: Tensor, targets_N: Tensor, first: int, largest_N: Tensor, total_N: Tensor
) -> None:
    """See :func:`elmo_cli.kernels.softmax_rows.add_to_sums`."""
    rows, classes = logits_NR.shape
    assert logits_NR.stride(1) == 1, "numbers of a row must lie side by side"
    stretch = min(BLOCK, triton.next_power_of_2(classes))
    with torch.cuda.device_of(logits_NR):
        _add_to_sums[(rows,)](
            logits_NR,
            logits_NR.stride(0),
            bias_R,
            targets_N,
            first,
            largest_N,
            total_N,
            classes,
            STRETCH=stretch,
            num_warps=_warps(stretch, MOST),
        )


def column_sums(values_NR: Tensor, weights_N: Tensor) -> Tensor:
    """See :func:`elmo_cli.kernels.softmax_rows.column_sums`."""
    rows, classes = values_NR.shape
    assert values_NR.stride(1) == 1, "numbers of a row must lie side by side"
    sums_PR = torch.empty(PARTS, classes, dtype=weights_N.dtype, device=weights_N.device)
    with torch.cuda.device_of(values_NR):
        _column_sums[(triton.cdiv(classes, COLUMNS), PARTS)](
            values_NR,
            values_NR.stride(0),
            weights_N.contiguous(),
            sums_PR,
            rows,
            classes,
            triton.cdiv(rows, PARTS),
            COLUMNS=COLUMNS,
            num_warps=4,
        )
    return sums_PR.sum(0)


def _warps(numbers: int, a_thread: int) -> int:
    return min(32, max(1, triton.next_power_of_2(numbers) // (32 * a_thread)))


# Triton's own tl.sum and tl.max cannot be interpreted once they were imported for compiling; tl.reduce can.
@triton.jit
def _add(a: tl.tensor, b: tl.tensor) -> tl.tensor:
    return a + b


@triton.jit
def _larger(a: tl.tensor, b: tl.tensor) -> tl.tensor:
    return tl.maximum(a, b)


@triton.jit
def _target_logits(
    outputs: tl.tensor,
    outputs_n: tl.tensor,
    weight: tl.tensor,
    weight_r: tl.tensor,
    bias: tl.tensor,
    targets: tl.tensor,
    logits: tl.tensor,
    width: tl.tensor,
    STRETCH: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    target = tl.load(targets + row)
    at = tl.arange(0, STRETCH)
    h = tl.load(outputs + row * outputs_n + at, mask=at < width, other=0.0)
    w = tl.load(weight + target * weight_r + at, mask=at < width, other=0.0)
    tl.store(logits + row, tl.reduce(h * w, 0, _add) + tl.load(bias + target))


@triton.jit
def _others(logits: tl.tensor, bias: tl.tensor, target: tl.tensor, classes: tl.tensor, at: tl.tensor) -> tl.tensor:
    """Logits of a row but for its target's, which is as if it were not there."""
    inside = at < classes
    # A row is read once, and the biases by every row.
    x = tl.load(logits + at, mask=inside, other=float("-inf"), eviction_policy="evict_first")
    x += tl.load(bias + at, mask=inside, other=0.0, eviction_policy="evict_last")
    return tl.where(at == target, float("-inf"), x)


@triton.jit
def _losses(
    logits: tl.tensor,
    logits_n: tl.tensor,
    bias: tl.tensor,
    targets: tl.tensor,
    target_logits: tl.tensor,
    losses: tl.tensor,
    slopes: tl.tensor,
    slopes_n: tl.tensor,
    classes: tl.tensor,
    STRETCH: tl.constexpr,
    IS_WHOLE: tl.constexpr,
    HAS_SLOPES: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    logits += row * logits_n
    slopes += row * slopes_n
    stored = slopes.dtype.element_ty
    target = tl.load(targets + row).to(tl.int32)
    own = tl.load(target_logits + row)
    at = tl.arange(0, STRETCH)
    if IS_WHOLE:
        x = _others(logits, bias, target, classes, at)
        largest = tl.maximum(own, tl.reduce(x, 0, _larger))
        e = tl.exp(x - largest)
        others = tl.reduce(e, 0, _add)
        total = others + tl.exp(own - largest)
        if HAS_SLOPES:
            tl.store(slopes + at, (e * (1.0 / total)).to(stored), mask=at < classes)
    else:
        largest = own
        others = tl.full((), 0.0, own.dtype)
        for first in range(0, classes, STRETCH):
            x = _others(logits, bias, target, classes, first + at)
            new = tl.maximum(largest, tl.reduce(x, 0, _larger))
            others = others * tl.exp(largest - new) + tl.reduce(tl.exp(x - new), 0, _add)
            largest = new
        total = others + tl.exp(own - largest)
        if HAS_SLOPES:
            for first in range(0, classes, STRETCH):
                x = _others(logits, bias, target, classes, first + at)
                e = tl.exp(x - largest)
                tl.store(slopes + first + at, (e * (1.0 / total)).to(stored), mask=first + at < classes)
    if HAS_SLOPES:
        # Another thread has just written there. Minus what all others share loses no digits where the target is nearly
        # certain, as the probability less 1 would.
        tl.debug_barrier()
        tl.store(slopes + target, (-others / total).to(stored))
    tl.store(losses + row, tl.log(total) + (largest - own))


@triton.jit
def _add_to_sums(
    logits: tl.tensor,
    logits_n: tl.tensor,
    bias: tl.tensor,
    targets: tl.tensor,
    first_class: tl.tensor,
    largests: tl.tensor,
    totals: tl.tensor,
    classes: tl.tensor,
    STRETCH: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    logits += row * logits_n
    target = (tl.load(targets + row) - first_class).to(tl.int32)
    largest = tl.load(largests + row)
    total = tl.load(totals + row)
    for first in range(0, classes, STRETCH):
        x = _others(logits, bias, target, classes, first + tl.arange(0, STRETCH))
        new = tl.maximum(largest, tl.reduce(x, 0, _larger))
        total = total * tl.exp(largest - new) + tl.reduce(tl.exp(x - new), 0, _add)
        largest = new
    tl.store(largests + row, largest)
    tl.store(totals + row, total)


@triton.jit
def _column_sums(
    values: tl.tensor,
    values_n: tl.tensor,
    weights: tl.tensor,
    sums: tl.tensor,
    rows: tl.tensor,
    classes: tl.tensor,
    a_part: tl.tensor,
    COLUMNS: tl.constexpr,
) -> None:
    part = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.full((COLUMNS,), 0.0, sums.dtype.element_ty)
    begin = part * a_part
    end = tl.minimum(begin + a_part, rows)
    for step in range(0, a_part, 8):
        # Unrolled, so that the loads of several rows are under way at once.
        for k in tl.static_range(8):
            row = begin + (step + k)
            weight = tl.load(weights + row, mask=row < end, other=0.0)
            value = tl.load(values + row * values_n + at, mask=at < tl.where(row < end, classes, 0), other=0.0)
            total += value.to(total.dtype) * weight
    tl.store(sums + part * classes + at, total, mask=at < classes)
