import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import corpus_parts
from benchmarks.corpus_parts import corpus, memory_of_tree, repeated
from benchmarks.lab import Bench
from benchmarks.limits import ProductLimits
from benchmarks.texts import BenchText


def test_a_text_is_repeated_until_it_is_large_enough(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\n")
    (tmp_path / "b").write_text("two")
    paths = [tmp_path / "a", tmp_path / "b"]
    assert repeated(paths, tmp_path / "once", 0).read_text() == "one\n\n\ntwo\n\n"
    assert repeated(paths, tmp_path / "more", 12).read_text() == "one\n\n\ntwo\n\none\n\n\ntwo\n\n"


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs the memory figures of Linux")
def test_memory_is_that_of_a_process_and_what_it_started() -> None:
    child = "import time; held = bytearray(b'x' * 50_000_000); print('ready', flush=True); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        found = memory_of_tree(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
    assert 48 < found < 120
    assert memory_of_tree(process.pid) == 0


def test_every_stage_is_measured_by_one_process_and_by_two(
    small_text: BenchText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_parts, "BOOKS", tmp_path)
    monkeypatch.setattr(corpus_parts, "LARGE_BYTES", 300_000)
    monkeypatch.setattr(corpus_parts, "PROCESSES", (1,))
    device = torch.device("cpu")
    figures = list(corpus(Bench(device, 0.0, small_text, tmp_path, ProductLimits(device, 0.0), large=True)))
    names = [figure.name for figure in figures if figure.name != "wc -w"]
    assert names == ["prepare, 1 process", "count, 1 process", "encode, 1 process"] * 2
    assert [figure.case for figure in figures] == sorted(["text", "text of 0 MB"] * (len(figures) // 2))
    raw_bytes = [figure.details["bytes"] for figure in figures if figure.name.startswith("prepare")]
    assert raw_bytes[0] == small_text.raw.stat().st_size + 2
    assert 300_000 <= raw_bytes[1] < 300_000 + raw_bytes[0]
    for figure in figures:
        details = figure.details
        assert details["megabytes_per_second"] == pytest.approx(details["bytes"] / details["seconds"] / 1e6)
        if "tokens" in details:
            assert figure.median == pytest.approx(details["tokens"] / details["seconds"])
    assert list(tmp_path.iterdir()) == [], "what was written is removed"
