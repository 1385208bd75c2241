"""CUDA without a GPU: tensors that know device, type, shape and storage, and have no numbers.

Inside :func:`fake_cuda` a tensor on ``CUDA`` is one of torch's fake tensors: what mixes devices is an error, as on a
GPU, and what wants to see a number is one. Tensors on the CPU stay real. :class:`Watch` writes down what a GPU would
do: launches, waits of the host, and bytes. Triton's kernels are called up to the launch itself, graphs are captured
and replayed.

Autograd asks for streams of a tensor's device, which a torch without CUDA cannot give. So in C++ these tensors say they
are ``meta`` ones, which autograd computes in the caller's thread; their device in Python is CUDA.
"""

import importlib
import inspect
import pkgutil
import sys
import weakref
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from elmo_cli import kernels
from elmo_cli.model import lstm

CUDA = torch.device("cuda", 0)
TOTAL = 139 * 2**30
"""Bytes of an H200."""
ROUNDING = 512
"""The CUDA allocator's blocks are multiples of so many bytes."""

aten = torch.ops.aten
MAKERS = {aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty}
"""What gives memory without writing to it: no launch."""
PRODUCTS = {aten.mm, aten.bmm, aten.addmm, aten.baddbmm}
COMPILING = {"enable_fp_fusion", "num_warps", "num_stages"}
"""What a launch says to Triton's compiler."""
INDEXING = {aten.index, aten.index_put_, aten._index_put_impl_}


def on_cuda(value: Any) -> bool:
    """Whether something is a tensor on the GPU that is not there."""
    return isinstance(value, FakeTensor) and value.fake_device.type == "cuda"


class _Mode(FakeTensorMode):
    """Takes ``meta``, which C++ believes to be the device, for CUDA."""

    def dispatch(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if kwargs and not self.in_kernel_invocation and str(kwargs.get("device")) == "meta":
            kwargs = {**kwargs, "device": CUDA}
        return super().dispatch(func, types, args, kwargs)


class Memory:
    """Bytes of the device, as the caching allocator has them."""

    def __init__(self) -> None:
        self.allocated = self.reserved = 0
        self.most_allocated = self.most_reserved = 0
        self._live: dict[int, int] = {}

    def take(self, storage: torch.UntypedStorage) -> None:
        """Counts a storage until it is gone, once."""
        key = storage._cdata
        if key in self._live:
            return
        self._live[key] = -(-storage.nbytes() // ROUNDING) * ROUNDING
        self.allocated += self._live[key]
        self.reserved = max(self.reserved, self.allocated)
        self.most_allocated = max(self.most_allocated, self.allocated)
        weakref.finalize(storage, self._give_back, key)

    def knows(self, storage: torch.UntypedStorage) -> bool:
        """Whether it is counted."""
        return storage._cdata in self._live

    def empty_cache(self) -> None:
        """Lets go of what is reserved and not in use."""
        self.reserved = self.allocated

    def _give_back(self, key: int) -> None:
        self.allocated -= self._live.pop(key)


class Watch(TorchDispatchMode):
    """What happens on the device."""

    def __init__(self) -> None:
        super().__init__()
        self.pinned: set[int] = set()
        """Storages of pinned memory."""
        self.has_numbers = True
        """Whether tensors on the CPU are real; without, they take no memory."""
        self.waits: list[str] = []
        """What the host waited for, and where."""
        self.launches: Counter[str] = Counter()
        """Kernels by name and line, those in graphs once for each capture."""
        self.captured: Counter[str] = Counter()
        """The part of them that lies in graphs."""
        self.types: dict[str, list[dict[str, torch.dtype]]] = defaultdict(list)
        """Types of the tensors that each of Triton's kernels was given, call by call."""
        self.products: Counter[tuple[torch.dtype, torch.dtype, str]] = Counter()
        """Matrix products: type of the operands, type of the result, and where."""
        self.replays = 0
        self.memory, self.pool = Memory(), Memory()
        """Of what was launched at once, and of graphs."""
        self.most_reserved = 0
        """Bytes that the device had given away at most, graphs' among them, since :meth:`clear`."""
        self.ever_reserved = 0
        """The same since the beginning."""
        self.capturing = False

    def clear(self) -> None:
        """Forgets waits, launches and the most bytes so far."""
        self.waits.clear()
        self.launches.clear()
        self.captured.clear()
        self.products.clear()
        self.replays = 0
        self.memory.most_allocated = self.memory.allocated
        self.most_reserved = self.memory.reserved + self.pool.reserved

    def launched(self, name: str) -> None:
        """Counts a kernel."""
        self.launches[f"{name} {_line()}"] += 1
        if self.capturing:
            self.captured[f"{name} {_line()}"] += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        packet, read = func.overloadpacket, [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if packet is aten.is_pinned:
            return self.is_pinned(args[0])
        if packet is aten._pin_memory:
            pinned = self._on_host(aten.clone.default, args[:1], {})
            self.pinned.add(pinned.untyped_storage()._cdata)
            return pinned
        there = any(map(on_cuda, read))
        if not there and torch.device(kwargs.get("device") or "cpu").type == "cpu":
            return self._on_host(func, args, kwargs)
        if reason := self._wait(packet, args, kwargs):
            assert not self.capturing, f"a capture may not wait: {reason} at {_line()}"
            self.waits.append(f"{reason} at {_line()}")
        if packet is aten._to_copy and torch.device(kwargs.get("device") or CUDA).type == "cpu":
            with unset_fake_temporarily():
                return torch.zeros(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        result = func(*args, **kwargs)
        self._count(func, kwargs, read, [leaf for leaf in tree_leaves(result) if on_cuda(leaf)])
        return result

    def _on_host(self, func: Any, args: Any, kwargs: Any) -> Any:
        if not self.has_numbers:
            return func(*args, **kwargs)
        with unset_fake_temporarily():
            return func(*args, **kwargs)

    def is_pinned(self, value: Any) -> bool:
        """Whether a tensor lies in pinned memory."""
        return not on_cuda(value) and value.untyped_storage()._cdata in self.pinned

    def _wait(self, packet: Any, args: Any, kwargs: Any) -> str | None:
        """Why the host has to wait for an operation, if it has to."""
        if packet is aten._to_copy:
            to = torch.device(kwargs.get("device") or CUDA).type
            if on_cuda(args[0]) != (to != "cpu"):
                goes_on = kwargs.get("non_blocking") and self.is_pinned(args[0])
                return None if goes_on else f"a copy {'to the host' if to == 'cpu' else 'to the device'}"
        if packet is aten.copy_ and on_cuda(args[0]) != on_cuda(args[1]):
            on_host = args[1] if on_cuda(args[0]) else args[0]
            goes_on = (kwargs.get("non_blocking") or args[2:3] == (True,)) and self.is_pinned(on_host)
            return None if goes_on else "a copy in place"
        if packet in INDEXING and on_cuda(args[0]) and any(ids is not None and not on_cuda(ids) for ids in args[1]):
            return "an index on the host"
        return None

    def _count(self, func: Any, kwargs: Any, read: list[Tensor], made: list[FakeTensor]) -> None:
        known = {value.untyped_storage()._cdata for value in read if on_cuda(value)}
        is_view = made and not func._schema.is_mutable and all(part.untyped_storage()._cdata in known for part in made)
        if not is_view and func.overloadpacket not in MAKERS:
            self.launched(func.overloadpacket.__name__)
        if func.overloadpacket in PRODUCTS:
            self.products[read[-2 if "out" not in kwargs else -3].dtype, made[0].dtype, _line().split(":")[0]] += 1
        for part in made:
            storage = part.untyped_storage()
            if not (self.memory.knows(storage) or self.pool.knows(storage)):
                (self.pool if self.capturing else self.memory).take(storage)
        self.most_reserved = max(self.most_reserved, self.memory.reserved + self.pool.reserved)
        self.ever_reserved = max(self.ever_reserved, self.most_reserved)


def _line() -> str:
    """The line of the package that is at work."""
    frame = sys._getframe(1)
    while frame is not None and "elmo_cli" not in Path(frame.f_code.co_filename).parts:
        frame = frame.f_back  # type: ignore[assignment]
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else "?"


class _Graph:
    """Stands for ``torch.cuda.CUDAGraph`` and for the context that captures one."""

    watch: Watch

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> None:
        self.watch.memory.empty_cache()
        self.watch.capturing = True

    def __exit__(self, *_: Any) -> None:
        self.watch.capturing = False

    def replay(self) -> None:
        """Counts itself."""
        self.watch.replays += 1


class _Event:
    """Stands for ``torch.cuda.Event``."""

    watch: Watch

    def __init__(self, **_: Any) -> None:
        pass

    def record(self, *_: Any) -> None:
        """Marks a moment."""

    def elapsed_time(self, _: "_Event") -> float:
        """Milliseconds between two of them."""
        return 0.0

    def synchronize(self) -> None:
        """Waits until the device has come there."""
        self.watch.waits.append(f"an event at {_line()}")


class _Kernel:
    """A Triton kernel whose arguments are looked at, and that is not run."""

    def __init__(self, name: str, kernel: Any, watch: Watch) -> None:
        self._name, self._kernel, self._watch = name, kernel, watch

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        assert all(size > 0 for size in grid) and all(size < 1 << 16 for size in grid[1:]), (
            f"{self._name}: a grid of {grid}"
        )

        def launch(*args: Any, **named: Any) -> None:
            constants = {name: value for name, value in named.items() if name not in COMPILING}
            given = inspect.signature(self._kernel.fn).bind(*args, **constants).arguments
            for name, value in given.items():
                assert on_cuda(value) or not isinstance(value, Tensor), f"{self._name}: {name} is not on the device"
            own = self._name.lstrip("_")
            tensors = {name: value.dtype for name, value in given.items() if isinstance(value, Tensor)}
            self._watch.types[own].append(tensors)
            self._watch.launched(own)

        return launch


def _patch_kernels(patch: pytest.MonkeyPatch, watch: Watch) -> None:
    triton = pytest.importorskip("triton", reason="Triton is only there on Linux")
    for found in pkgutil.iter_modules(kernels.__path__):
        if found.name.endswith("_triton"):
            module = importlib.import_module(f"{kernels.__name__}.{found.name}")
            for name, value in list(vars(module).items()):
                if isinstance(value, triton.runtime.KernelInterface):
                    patch.setattr(module, name, _Kernel(name, value, watch))


def _patch_memory(patch: pytest.MonkeyPatch, watch: Watch) -> None:
    for name, figure in {
        "memory_allocated": lambda _=None: watch.memory.allocated + watch.pool.allocated,
        "max_memory_allocated": lambda _=None: watch.memory.most_allocated,
        "memory_reserved": lambda _=None: watch.memory.reserved + watch.pool.reserved,
        "max_memory_reserved": lambda _=None: watch.most_reserved,
        "reset_peak_memory_stats": lambda _=None: watch.clear(),
        "empty_cache": watch.memory.empty_cache,
        "synchronize": lambda _=None: None,
        "get_device_capability": lambda _=None: (9, 0),
        "get_device_properties": lambda _=None: SimpleNamespace(total_memory=TOTAL, multi_processor_count=132),
        "mem_get_info": lambda _=None: (TOTAL - watch.memory.reserved - watch.pool.reserved, TOTAL),
    }.items():
        patch.setattr(torch.cuda, name, figure)


@contextmanager
def fake_cuda() -> Iterator[Watch]:
    """Within it ``CUDA`` is a device, and what happens there is written down."""
    mode, watch = _Mode(allow_non_fake_inputs=True), Watch()
    make, generator = Tensor._make_subclass, torch.Generator

    def made(kind: type, *args: Any, **kwargs: Any) -> Tensor:
        if kind is FakeTensor and kwargs["device_for_backend_keys"].type == "cuda":
            kwargs["dispatch_device"] = False
        return make(kind, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tensor, "_make_subclass", staticmethod(made))
        patch.setattr(FakeTensor, "is_cuda", property(on_cuda), raising=False)
        patch.setattr(FakeTensor, "data_ptr", lambda part: part.untyped_storage()._cdata, raising=False)
        # Fake parameters have weak references, for which torch would not move a module to a device.
        patch.setattr(torch.utils, "weakref", SimpleNamespace(getweakrefs=lambda _: []))
        patch.setattr(torch, "Generator", lambda _="cpu": generator())
        patch.setattr(lstm, "empty", torch.empty)  # which would look at the numbers
        graph = type("Graph", (_Graph,), {"watch": watch})
        patch.setattr(torch.cuda, "CUDAGraph", graph)
        patch.setattr(torch.cuda, "graph", graph)
        patch.setattr(torch.cuda, "graph_pool_handle", object)
        patch.setattr(torch.cuda, "Event", type("Event", (_Event,), {"watch": watch}))
        patch.setattr(torch.cuda, "current_stream", lambda _=None: None)
        patch.setattr(torch.cuda, "set_stream", lambda _: None)
        patch.setattr(torch.cuda, "Stream", lambda _=None: SimpleNamespace(wait_event=lambda _: None))
        for name in ("stream", "device"):
            patch.setattr(torch.cuda, name, lambda _: nullcontext())
        _patch_kernels(patch, watch)
        _patch_memory(patch, watch)
        with mode, watch, torch.autograd.set_multithreading_enabled(False):
            yield watch
