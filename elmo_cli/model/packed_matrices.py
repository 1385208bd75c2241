"""Matrices rounded to 16 or 8 bits, in the order of memory that a CPU's products want.

Putting a weight of 512 x 16,384 into that order takes longer than multiplying some rows with it, so it is done once.
The products are oneDNN's. Torch has operators for them that its documentation does not name:
``mkldnn._linear_pointwise``, and ``onednn.qlinear_pointwise``, what its own quantised models become when they are
compiled. So they are looked at before they are used: without the first, bfloat16 is multiplied by ``torch.mm``; without
the second there is no int8. (``torch._int_mm`` is as private and half as fast, ``torch.ao`` is deprecated and has one
step for all rows, so that a sentence's vectors would depend on its batch.)

int8 rounds every row of what comes and every column of a weight to 255 steps between plus and minus its largest
number. Sums are exact integers, so a row's products depend on nothing but the row.
"""

from abc import ABC, abstractmethod
from functools import cache

import torch
from torch import Tensor

from elmo_cli.errors import ConfigError

STEPS = 127
"""Steps of int8 on either side of 0."""
USUAL_ROWS = 128
"""Rows that a bfloat16 copy is put in order for; others are multiplied too."""


class PackedMatrices(ABC):
    """Copies of matrices (G, K, M), float32.

    Args:
        matrices_GKM: The matrices.
    """

    def __init__(self, matrices_GKM: Tensor) -> None:
        self.columns = matrices_GKM.shape[2]
        """M."""

    @abstractmethod
    def multiply(self, left_GNK: Tensor, plus: Tensor | None, *, out: Tensor) -> Tensor:
        """Each left factor times its matrix, and ``plus`` added, into ``out`` (G, N, M), which may be ``plus``.

        The left factors may be overwritten.
        """


class Bf16Matrices(PackedMatrices):
    """In bfloat16. Sums are float32; a product is rounded to bfloat16 once, and what is added to it is not."""

    def __init__(self, matrices_GKM: Tensor) -> None:
        super().__init__(matrices_GKM)
        rounded_GKM = matrices_GKM.detach().to(torch.bfloat16)
        self.packed: list[Tensor] | None = None
        self.plain: Tensor | None = None
        if _has_bf16_packing():
            self.packed = [_pack_bf16(matrix) for matrix in rounded_GKM]
        else:
            self.plain = rounded_GKM.contiguous()

    def multiply(self, left_GNK: Tensor, plus: Tensor | None, *, out: Tensor) -> Tensor:
        """See the class above."""
        rounded_GNK = left_GNK.to(torch.bfloat16)
        for number, (left, result) in enumerate(zip(rounded_GNK, out, strict=True)):
            if self.packed is not None:
                product = _linear_bf16(left, self.packed[number])
            else:
                assert self.plain is not None
                product = torch.mm(left, self.plain[number])
            if plus is None:
                result.copy_(product)
            else:
                torch.add(plus[number], product, out=result)
        return out


class Int8Matrices(PackedMatrices):
    """In 8 bits, with a scale for each column.

    Raises:
        ConfigError: This torch or this processor has no such products.
    """

    def __init__(self, matrices_GKM: Tensor) -> None:
        super().__init__(matrices_GKM)
        check_int8()
        self.scales_GM = _steps(matrices_GKM.detach(), dim=1)
        integers_GKM = (matrices_GKM.detach() / self.scales_GM.unsqueeze(1)).round_().to(torch.int8)
        self.packed = [_pack_int8(matrix) for matrix in integers_GKM]

    def multiply(self, left_GNK: Tensor, plus: Tensor | None, *, out: Tensor) -> Tensor:
        """See the class above."""
        steps_GN1 = _steps(left_GNK, dim=2).unsqueeze(2)
        integers_GNK = torch.div(left_GNK, steps_GN1).round_().to(torch.int8)
        for number, (left, result) in enumerate(zip(integers_GNK, out, strict=True)):
            product = _linear_int8(left, self.packed[number], self.scales_GM[number])
            if plus is None:
                torch.mul(product, steps_GN1[number], out=result)
            else:
                torch.addcmul(plus[number], product, steps_GN1[number], out=result)
        return out


@cache
def check_int8() -> None:
    """Tries a product of int8 whose sums are known, the largest that there are among them.

    Processors without instructions for it add pairs of products in 16 bits, where the largest overflow.

    Raises:
        ConfigError: This torch or this processor has no such products.
    """
    left_NK, right_KM = torch.full((5, 64), STEPS, dtype=torch.int8), torch.full((64, 48), STEPS, dtype=torch.int8)
    left_NK[1:] = torch.arange(4 * 64).reshape(4, 64) % 255 - STEPS
    right_KM[:, 1:] = (torch.arange(64 * 47).reshape(64, 47) * 7) % 255 - STEPS
    expected = left_NK.double() @ right_KM.double()
    try:
        found = _linear_int8(left_NK, _pack_int8(right_KM), torch.ones(48))
    except (AttributeError, NotImplementedError, RuntimeError) as error:
        raise _no_int8(f"torch {torch.__version__} has no products of it on this processor: {error}") from error
    if not torch.equal(found.double(), expected):
        raise _no_int8("this processor adds its products in too few bits")


def _no_int8(why: str) -> ConfigError:
    return ConfigError(f"precision int8: {why}", hint="take --precision fp32, or --precision bf16")


def _steps(values: Tensor, dim: int) -> Tensor:
    """The width of a step of int8 by row or column; whatever it is where all are 0."""
    largest = torch.maximum(values.amax(dim), values.amin(dim).neg_())
    return largest.clamp_min_(torch.finfo(torch.float32).tiny * STEPS).div_(STEPS)


def _pack_int8(matrix_KM: Tensor) -> Tensor:
    packed: Tensor = torch.ops.onednn.qlinear_prepack(matrix_KM.t().contiguous(), None)
    return packed


def _linear_int8(left_NK: Tensor, packed: Tensor, scales_M: Tensor) -> Tensor:
    no_offsets_M = torch.zeros_like(scales_M, dtype=torch.long)
    whole: Tensor = torch.ops.onednn.qlinear_pointwise(
        left_NK, 1.0, 0, packed, scales_M, no_offsets_M, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return whole


@cache
def _has_bf16_packing() -> bool:
    """Whether bfloat16 can be put in order once, and multiplies as it should then."""
    left_NK = (torch.arange(5 * 64) % 7 - 3).reshape(5, 64).to(torch.bfloat16)
    right_KM = (torch.arange(64 * 48) % 5 - 2).reshape(64, 48).to(torch.bfloat16)
    try:
        found = _linear_bf16(left_NK, _pack_bf16(right_KM))
    except (AttributeError, NotImplementedError, RuntimeError):
        return False
    return torch.equal(found.float(), (left_NK.float() @ right_KM.float()).to(torch.bfloat16).float())


def _pack_bf16(matrix_KM: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(matrix_KM.t().contiguous(), USUAL_ROWS)
    return packed


def _linear_bf16(left_NK: Tensor, packed: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(left_NK, packed, None, "none", [], "")
    return product
