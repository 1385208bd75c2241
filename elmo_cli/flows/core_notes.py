"""What a command says of the cores that it computes on."""

from collections.abc import Iterator

import torch

from elmo_cli.cores import CoreWatch, thread_notes
from elmo_cli.flows.reports import Notice


def describe_cores(device: torch.device, threads: int | None, watch: CoreWatch | None = None) -> Iterator[Notice]:
    """What bounds the threads of a command on a CPU, and who else uses the cores.

    Args:
        device: Where it computes.
        threads: As given with ``--threads``.
        watch: Since the command began; None leaves others for :func:`other_load` to say.
    """
    if device.type != "cpu":
        return
    for text in thread_notes(threads):
        yield Notice(text=text)
    if watch is not None:
        yield from other_load(device, watch)


def other_load(device: torch.device, watch: CoreWatch) -> Iterator[Notice]:
    """Who else used the cores of a CPU while the watch looked, where that makes speeds mean little."""
    if device.type == "cpu" and (busy := watch.note()) is not None:
        yield Notice(text=busy, warning=True)
