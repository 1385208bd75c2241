"""Runs a script in processes that find each other as torchrun's do, without torchrun's start-up time."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 25
"""After which they are taken to wait for each other for ever."""


def run_two(*arguments: str) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of ``python *arguments`` as rank 0 and as rank 1."""
    return run_ranks(2, *arguments)


def run_ranks(
    ranks: int, *arguments: str, environment: Mapping[str, str] | None = None, seconds: int = SECONDS
) -> list[tuple[int, str, str]]:
    """The same as rank 0, 1 and so on."""
    place = {
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "OMP_NUM_THREADS": "1",
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", *arguments],
            cwd=ROOT,
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank), **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]
    try:
        written = [process.communicate(timeout=seconds) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(started, written, strict=True)]


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
