"""Two network namespaces as two machines, each with a disk of its own, joined by torchrun's rendezvous."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.train.checkpoint import checkpoints
from elmo_cli.train.metrics import read_metrics
from tests.two_processes import ROOT

pytestmark = pytest.mark.slow

HOSTS = ("elmo-test-a", "elmo-test-b")
ADDRESSES = ("10.213.0.1", "10.213.0.2")
STEPS = 40


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def hosts() -> Iterator[None]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the program ip")
    try:
        for host in HOSTS:
            ip("netns", "add", host)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine permits no network namespaces: {error.stderr}")
    try:
        ip("link", "add", "elmo0", "netns", HOSTS[0], "type", "veth", "peer", "name", "elmo0", "netns", HOSTS[1])
        for host, address in zip(HOSTS, ADDRESSES, strict=True):
            ip("-n", host, "addr", "add", f"{address}/24", "dev", "elmo0")
            ip("-n", host, "link", "set", "elmo0", "up")
            ip("-n", host, "link", "set", "lo", "up")
        yield
    finally:
        for host in HOSTS:
            ip("netns", "del", host)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    lines = [" ".join(f"word{number}" for number in rng.zipf(1.5, 12) % 300) for _ in range(2000)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def start(number: int, text: Path, folder: Path) -> "subprocess.Popen[str]":
    """``torchrun`` on one of them; its run folder is on a disk of its own."""
    folder.mkdir(exist_ok=True)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-id", "elmo", "--rdzv-endpoint", f"{ADDRESSES[0]}:29400"]
    place = ["--rdzv-conf", f"is_host={int(number == 0)}", "--local-addr", ADDRESSES[number]]
    run = ["-m", "elmo_cli", "pretrain", str(text), "--out", "run", "--preset", "tiny", "--steps", str(STEPS)]
    often = ["--set", "train.checkpoint_every=10", "--set", "train.evaluate_every=40", "--threads", "1"]
    return subprocess.Popen(
        ["ip", "netns", "exec", HOSTS[number], *torchrun, *meeting, *place, *run, *often],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "elmo0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def sent_bytes() -> int:
    (link,) = json.loads(ip("-n", HOSTS[0], "-s", "-j", "link", "show", "elmo0"))
    return int(link["stats64"]["tx"]["bytes"])


def both(text: Path, tmp_path: Path) -> list["subprocess.Popen[str]"]:
    return [start(number, text, tmp_path / name) for number, name in enumerate("ab")]


def end(processes: list[Any]) -> list[str]:
    try:
        return [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


def test_two_hosts_train_and_what_travels_is_what_is_counted(hosts: None, text: Path, tmp_path: Path) -> None:
    processes = both(text, tmp_path)
    outputs = end(processes)
    assert [process.returncode for process in processes] == [0, 0], outputs
    sent = sent_bytes()
    records = [one for one in read_metrics(tmp_path / "a/run/metrics.jsonl") if "exchange_bytes" in one]
    counted = STEPS * sum(one["exchange_bytes"] for one in records) / len(records)
    print(f"bytes: sent {sent:,}, of gradients {counted:,.0f}")
    assert counted < sent < 1.25 * counted  # the weights at the beginning, held-out losses, frames
    assert {path.name for path in (tmp_path / "b/run").iterdir()} & {"checkpoints", "model", "metrics.jsonl"} == set()
    assert "held-out" not in outputs[1]


def test_when_one_host_s_processes_are_gone_the_other_stops_and_says_so(
    hosts: None, text: Path, tmp_path: Path
) -> None:
    processes = both(text, tmp_path)
    while not checkpoints(tmp_path / "a/run"):
        assert processes[0].poll() is None
        time.sleep(0.1)
    for process in ip("netns", "pids", HOSTS[1]).split():
        os.kill(int(process), signal.SIGKILL)
    began = time.monotonic()
    outputs = end(processes)
    assert time.monotonic() - began < 60
    assert processes[0].returncode == 1
    assert "rank 0 stops, because rank 1 (process" in outputs[0] or "no word from rank 1" in outputs[0]
