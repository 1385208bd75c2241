"""How much of a text is embedded at once, by what computes it."""

import sys
from dataclasses import dataclass

import torch

from elmo_cli.config import LstmConfig

CPU_ROWS = 512
"""Sentences of a batch on a CPU; products of more rows are hardly faster."""
NARROW, NARROW_GATES = ("bf16", "int8"), 16 << 20
"""Precisions whose products are so fast on a CPU that gate sums which leave the caches cost more than many rows save,
and bytes of a step's gate sums there, at most."""
CPU_POSITIONS = 4096
"""Positions of a batch that are in memory at once on a CPU."""
FEWEST_ON_GPU, MOST_ON_GPU = 4096, 65_536
"""Bounds on the positions of a batch on a GPU, which takes as long to launch a kernel for few rows as for many."""
GPU_SHARE = 1 / 8
"""Of a GPU's memory for what a batch holds."""


@dataclass(frozen=True)
class Together:
    """What is computed together, at most. None of it changes a vector, but for its last bits."""

    positions: int
    """Of a batch."""
    rows: int
    """Sentences of a batch."""
    chunk: int
    """Positions of a batch that are in memory at once; the others come after them."""


def usual_together(config: LstmConfig, precision: str, device: torch.device) -> Together:
    """What suits a device, the same in every run on it, so that one that goes on computes as the one before."""
    if device.type != "cuda":
        narrow_rows = max(1, NARROW_GATES // (2 * 4 * 4 * config.cell_dim))
        rows = min(CPU_ROWS, narrow_rows) if precision in NARROW else CPU_ROWS
        return Together(positions=sys.maxsize, rows=rows, chunk=CPU_POSITIONS)
    total = torch.cuda.get_device_properties(device).total_memory
    positions = int(total * GPU_SHARE) // _bytes_for_a_position(config)
    positions = min(max(positions, FEWEST_ON_GPU), MOST_ON_GPU)
    return Together(positions=positions, rows=positions, chunk=positions)


def _bytes_for_a_position(config: LstmConfig) -> int:
    """Of one layer's gates and cells, and every layer's outputs, both directions, in float32."""
    return 2 * 4 * (5 * config.cell_dim + (config.layers + 4) * config.projection_dim)
