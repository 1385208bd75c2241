"""A computation with fixed places in memory: copy in, run, read out. On CUDA it becomes a graph that is replayed."""

import gc
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

MOST_GRAPHS = 32
"""Shapes that are captured at most. Each costs memory of its own for what it reads and a moment to capture."""

VARIABLE = "ELMO_GRAPHS"
"""Environment variable; ``off`` computes without graphs, for comparison."""

Compute = Callable[[Mapping[str, Tensor], Any], tuple[Tensor, ...]]


class StaticStep:
    """Runs a computation on inputs that always lie in the same places.

    A graph holds what a computation launches on the device, without the host's work of launching it. Shapes are part of
    it, so each set of shapes has a graph, captured when it comes for the second time. A CPU goes through the same
    places and computes at once, so that all but the capture is the same there.

    The computation must be a function of its inputs and of tensors that never move, and must not wait for the device.

    Args:
        compute: From inputs by name, and a setting that is part of the graph as shapes are, to results.
        device: Where.
    """

    def __init__(self, compute: Compute, device: torch.device) -> None:
        self._compute = compute
        self._device = device
        self._places: dict[tuple[str, torch.Size, torch.dtype], Tensor] = {}
        self._seen: set[Any] = set()
        self._graphs: dict[Any, tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...]]] = {}
        self._pool: Any = None
        self.captures = device.type == "cuda" and os.environ.get(VARIABLE, "") != "off"
        """Whether graphs are captured and replayed; may be switched off and on between calls."""

    @property
    def num_graphs(self) -> int:
        """How many sets of shapes have been captured."""
        return len(self._graphs)

    @property
    def num_shapes(self) -> int:
        """How many sets of shapes have come."""
        return len(self._seen)

    def run(self, inputs: Mapping[str, Tensor], setting: Any = None) -> tuple[Tensor, ...]:
        """Computes.

        Args:
            inputs: By name; copied.
            setting: Hashable; what else the computation depends on.

        Returns:
            Results. They too have their places: the next call may write into the same memory.
        """
        # Kernels are launched, and graphs captured, on the current device, whichever device tensors lie on.
        with torch.cuda.device(self._device) if self._device.type == "cuda" else nullcontext():
            return self._run(inputs, setting)

    def _run(self, inputs: Mapping[str, Tensor], setting: Any) -> tuple[Tensor, ...]:
        placed = {name: self._place(name, value) for name, value in inputs.items()}
        key = (setting, *((name, value.shape, value.dtype) for name, value in inputs.items()))
        if self.captures and key in self._seen and key not in self._graphs and len(self._graphs) < MOST_GRAPHS:
            self._capture(key, placed, setting)
        if not self.captures or key not in self._graphs:
            # The first time also compiles and loads kernels, which a capture could not.
            self._seen.add(key)
            return self._results(placed, setting)
        graph, results = self._graphs[key]
        graph.replay()
        return results

    def _results(self, placed: Mapping[str, Tensor], setting: Any) -> tuple[Tensor, ...]:
        # Copied out of the graph's memory, which all graphs can then share.
        results = self._compute(placed, setting)
        return tuple(self._place(f"result {number}", value.detach()) for number, value in enumerate(results))

    def _place(self, name: str, value: Tensor) -> Tensor:
        key = (name, value.shape, value.dtype)
        if key not in self._places:
            self._places[key] = torch.empty(value.shape, dtype=value.dtype, device=self._device)
        return self._places[key].copy_(value, non_blocking=True)

    def _capture(self, key: Any, placed: Mapping[str, Tensor], setting: Any) -> None:
        gc.collect()  # what is collected while a graph is captured may end the capture
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        if self._pool is None:
            # One graph runs at a time, so all may have their intermediate values in the same memory.
            self._pool = torch.cuda.graph_pool_handle()
        try:
            # The thread that makes the next batch may do what a capture forbids its own thread.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                results = self._results(placed, setting)
        except RuntimeError as error:
            # A capture that fails at its end leaves its stream the current one, and what it took.
            torch.cuda.set_stream(stream)
            self.captures = False
            self._graphs.clear()
            self._pool = None
            torch.cuda.empty_cache()
            logging.getLogger(__name__).warning("steps are launched one kernel at a time: no CUDA graph (%s)", error)
        else:
            self._graphs[key] = graph, results
