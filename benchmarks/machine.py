"""What a measurement was made on."""

import os
import platform
from pathlib import Path
from typing import Any

import torch

from elmo_cli.cores import BUSY, usable_cores


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Device, processor, cores, threads and versions, for the record.

    The load average is taken where this is called, so call it before anything is measured.
    """
    machine: dict[str, Any] = {
        "device": device.type,
        "cpu": cpu_name(),
        "vector_units": vector_units(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "float32_products": torch.get_float32_matmul_precision(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        machine["gpu"] = properties.name
        machine["gpu_memory_gib"] = round(properties.total_memory / 2**30, 1)
        machine["cuda"] = torch.version.cuda
    return machine


def cpu_name() -> str:
    """The processor as it calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name")
    return next(names, platform.machine())


def vector_units() -> list[str]:
    """Which wide vector instructions the processor offers; they decide what its products reach."""
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve")
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return []
    return [name for name in wanted if name in words]


def is_busy(machine: dict[str, Any]) -> bool:
    """Whether something else was using the cores when the machine was described."""
    load = machine["load_average"]
    return load is not None and load > BUSY * machine["cores"]
