"""``python -m benchmarks.loading``: time and memory that a model of the published size takes to load. Linux only."""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from elmo_cli.config import ORIGINAL, ModelConfig
from elmo_cli.device import pick_device
from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.model_folder import write_model_folder
from elmo_cli.formats.pack_file import write_model_pack
from elmo_cli.formats.safetensors_file import write_safetensors_model
from elmo_cli.formats.weights import count_parameters, expected_datasets

CONTAINERS = ("folder", "safetensors", "zip", "th", "Elmo()")
"""What is loaded: four containers by ``load_model``, and the module from the files of the first."""


@dataclass(frozen=True)
class Loading:
    """What loading a model once in a fresh process took."""

    seconds: float
    growth: float
    """Most memory beyond that of the process before, in times the weights."""


def write_models(folder: Path, config: ModelConfig) -> None:
    """A model of random weights in every container."""
    import torch

    from elmo_cli.api.elmo import Elmo

    rng = np.random.default_rng(1)
    weights = {
        name: rng.standard_normal(shape, np.float32) * np.float32(0.02)
        for name, shape in expected_datasets(config).items()
    }
    files = ModelFiles(config=config, weights=weights)
    write_model_folder(folder / "folder", files)
    write_safetensors_model(folder / "safetensors", files)
    write_model_pack(folder / "zip", files)
    torch.save(Elmo.from_pretrained(folder / "folder", state="zero").state_dict(), folder / "th")


def load_once(folder: Path, container: str, weight_bytes: int) -> Loading:
    """Loads a container that :func:`write_models` wrote, in a process of its own."""
    line = subprocess.run(
        [sys.executable, "-m", "benchmarks.loading", "--load", str(folder), container],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    measured = json.loads(line)
    return Loading(measured["seconds"], measured["bytes"] / weight_bytes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a row per container: the median of some loads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__.partition(": ")[2])
    parser.add_argument("--times", type=int, default=5, help="loads per container; 5 without this")
    parser.add_argument("--load", nargs=2, metavar=("FOLDER", "CONTAINER"), help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    if wanted.load:
        print(json.dumps(_load(Path(wanted.load[0]), wanted.load[1])))
        return 0
    machine = describe_machine(pick_device("cpu"))
    parameters = count_parameters(ORIGINAL.model)
    print(f"{machine['cpu']}, load average {machine['load_average']}, torch {machine['torch']}")
    print(f"{parameters:,} parameters, {4 * parameters / 2**20:.0f} MiB; median of {wanted.times} (lowest to highest)")
    with tempfile.TemporaryDirectory() as name:
        write_models(Path(name), ORIGINAL.model)
        for container in CONTAINERS:
            loads = [load_once(Path(name), container, 4 * parameters) for _ in range(wanted.times)]
            seconds, growth = [load.seconds for load in loads], [load.growth for load in loads]
            print(
                f"  {container:<12} {statistics.median(seconds):5.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
                f"   {statistics.median(growth):.2f} times the weights",
                flush=True,
            )
    return 0


def _load(folder: Path, container: str) -> dict[str, float]:
    from elmo_cli.api.elmo import Elmo
    from elmo_cli.flows.models.loaded import load_model

    before, begin = _memory("VmRSS"), time.perf_counter()
    files = folder / "folder/options.json", folder / "folder/weights.hdf5"
    model = Elmo(*files, 1) if container == "Elmo()" else load_model(folder / container)
    took = time.perf_counter() - begin
    assert model is not None
    return {"seconds": took, "bytes": _memory("VmHWM") - before}


def _memory(figure: str) -> int:
    """A figure of this process in bytes: ``VmRSS``, what it has now, or ``VmHWM``, the most it had."""
    found = re.search(rf"{figure}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None, "Linux has these"
    return 1024 * int(found[1])


if __name__ == "__main__":
    sys.exit(main())
