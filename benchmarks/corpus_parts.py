"""A corpus's way from raw text to a store, by one process and by two, with the memory that it takes.

Every stage runs in a process of its own, so that its memory is its own too: that of the process and of all its workers
together, looked at four times a second.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.figures import TEXT, Figure
from benchmarks.lab import Bench
from benchmarks.texts import DATA

BOOKS = DATA / "books"
LARGE_BYTES = 2_000_000_000
"""How large the text is that ``--large`` adds: the same one, again and again."""
PROCESSES = (1, 2)
LOOK_SECONDS = 0.25
"""Time between two looks. A look takes milliseconds of a core and holds up what asks for memory; where all
cores work, ten times as many cost a tenth of the speed."""

EXPLANATIONS = {
    "prepare": "raw text into shards of tokenised sentences, tokenizer `words`",
    "count": "shards into a vocabulary, its file included",
    "encode": "shards into a corpus store, character table and hashes included",
}


def corpus(bench: Bench) -> Iterator[Figure]:
    """Raw text to a corpus store; with ``large``, a text of 2 GB as well."""
    paths = sorted(BOOKS.glob("*.txt")) or [bench.text.raw]
    for wanted in (0, LARGE_BYTES) if bench.large else (0,):
        folder = bench.folder / f"corpus-{wanted}"
        folder.mkdir()
        try:
            raw = repeated(paths, folder / "raw.txt", wanted)
            yield from _stages(raw, folder, f"text of {raw.stat().st_size / 1e6:,.0f} MB" if wanted else TEXT)
        finally:
            shutil.rmtree(folder)


def repeated(paths: list[Path], path: Path, least_bytes: int) -> Path:
    """All files in one, again and again until it has so many bytes; once at least."""
    with path.open("wb") as out:
        while out.tell() < max(1, least_bytes):
            for source in paths:
                out.write(source.read_bytes() + b"\n\n")
    return path


def _stages(raw: Path, folder: Path, case: str) -> Iterator[Figure]:
    yield from _words(raw, case)
    prepared = folder / "prepared"
    for stage in EXPLANATIONS:
        for processes in PROCESSES:
            source = raw if stage == "prepare" else prepared
            out = {"prepare": prepared, "count": folder / "vocab.txt", "encode": folder / "store"}[stage]
            if stage == "encode" and out.exists():
                shutil.rmtree(out)
            done, peak = _run(stage, source, out, processes)
            # Prepare is given raw bytes, the others those of the shards.
            read = raw.stat().st_size if stage == "prepare" else _shard_bytes(prepared)
            yield _figure(
                case,
                f"{stage}, {processes} process{'es' if processes > 1 else ''}",
                done["tokens"] / done["seconds"],
                "tokens/s",
                EXPLANATIONS[stage],
                {
                    "megabytes_per_second": read / done["seconds"] / 1e6,
                    "megabytes_per_cpu_second": read / (done["cpu_seconds"] + done["worker_cpu_seconds"]) / 1e6,
                    "peak_memory_mib": peak,
                    "bytes": read,
                    **done,
                },
            )


def _shard_bytes(prepared: Path) -> int:
    return sum(shard.stat().st_size for shard in prepared.glob("train-*.txt"))


def _words(raw: Path, case: str) -> Iterator[Figure]:
    """``wc -w`` of the same file, read once before: a yardstick for the machine."""
    if shutil.which("wc") is None:
        return
    begin = time.perf_counter()
    counted = subprocess.run(["wc", "-w", raw], capture_output=True, text=True, check=True).stdout
    seconds = time.perf_counter() - begin
    yield _figure(
        case,
        "wc -w",
        int(counted.split()[0]) / seconds,
        "words/s",
        "the raw text counted by the system's own program: a yardstick for the machine",
        {
            "megabytes_per_second": raw.stat().st_size / seconds / 1e6,
            "seconds": seconds,
            "bytes": raw.stat().st_size,
        },
    )


def _run(stage: str, source: Path, out: Path, processes: int) -> tuple[dict[str, float], float | None]:
    """What :mod:`benchmarks.corpus_work` says, and the most memory in MiB; None where the system does not tell."""
    command = [sys.executable, "-m", "benchmarks.corpus_work", stage, str(source), str(out), str(processes)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, memory_of_tree(process.pid))
            time.sleep(LOOK_SECONDS)
        output = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return json.loads(output), peak or None


def memory_of_tree(pid: int) -> float:
    """MiB that a process and all that it started have in memory; pages that they share count once."""
    total, waiting = 0, [pid]
    while waiting:
        place = Path("/proc") / str(waiting.pop())
        try:
            lines = islice((place / "smaps_rollup").read_text().splitlines(), 1, None)
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            for task in (place / "task").iterdir():
                waiting.extend(map(int, (task / "children").read_text().split()))
        except (OSError, StopIteration):
            continue  # it ended meanwhile, or this is no Linux
    return total / 1024


def _figure(case: str, name: str, rate: float, unit: str, explanation: str, details: dict[str, Any]) -> Figure:
    return Figure(
        part="corpus",
        case=case,
        name=name,
        unit=unit,
        median=rate,
        low=rate,
        high=rate,
        repeats=1,
        explanation=explanation,
        details={key: value for key, value in details.items() if value is not None},
    )
