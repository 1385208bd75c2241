"""Memory in large pages, for matrices that are multiplied again and again."""

import numpy as np
import torch
from torch import Tensor


def empty(*shape: int) -> Tensor:
    """As ``torch.empty``, on a CPU in pages of 2 MiB where the system gives them.

    Products walk down the columns of a weight, a page of 4 KiB for every row of it: the processor then looks up more
    pages than it can remember. NumPy asks for large pages and torch does not. Models that are read from files are in
    NumPy's memory anyway.
    """
    usual = torch.empty(*shape)  # says device and type; memory that nobody writes to costs nothing
    if usual.device.type != "cpu" or usual.dtype not in (torch.float32, torch.float64):
        return usual
    return torch.from_numpy(np.empty_like(usual.numpy()))
