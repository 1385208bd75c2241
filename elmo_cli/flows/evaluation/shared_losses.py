"""Losses that several processes have scored, put together in all of them."""

import numpy as np
import numpy.typing as npt
import torch

from elmo_cli.train.process_group import ProcessGroup


def gather_losses(losses_GN: npt.NDArray[np.float32], group: ProcessGroup) -> None:
    """Puts together what each process has, in place; NaN stands for what another one has, or nobody."""
    if group.ranks == 1:
        return
    own_GN = torch.from_numpy(np.nan_to_num(losses_GN, nan=0.0))
    times_GN = torch.from_numpy((~np.isnan(losses_GN)).astype(np.uint8))
    total_GN, scored_GN = group.add_up(own_GN).numpy(), group.add_up(times_GN).numpy()
    losses_GN[...] = np.where(scored_GN > 0, total_GN, np.nan)
