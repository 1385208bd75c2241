"""A Triton kernel that does next to nothing: where it can be made and started, others can."""

import torch
import triton
import triton.language as tl


def launch(device: torch.device) -> None:
    """Starts it; what cannot be made raises."""
    place = torch.empty(1, device=device)
    with torch.cuda.device_of(place):
        _trial[(1,)](place)


@triton.jit
def _trial(place: tl.tensor) -> None:
    tl.store(place, 1.0)
