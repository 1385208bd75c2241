"""Vectors on a file system of a megabyte: found to be too small beforehand, or kept as far as they went."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.config import VectorConfig
from elmo_cli.flows.vectors.embed import embed
from elmo_cli.formats.feature_reader import read_any
from tests.flows.small_model import SmallModel

ON_A_SMALL_DISK = """
import contextlib, io, json, subprocess, sys
from pathlib import Path
from elmo_cli.config import VectorConfig
from elmo_cli.errors import OutputError
from elmo_cli.flows.model_results import EmbedResult
from elmo_cli.flows.vectors import embed as flow, line_windows
from elmo_cli.formats import feature_journal

line_windows.WINDOW_TOKENS = 1000
feature_journal.SECONDS = 0.01
model, text, disk, kept, cases = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), json.loads(sys.argv[5])

def run(source, out, vectors):
    said = []
    try:
        for report in flow.embed(Path(model), source, out, vectors=VectorConfig(**vectors), device="cpu", threads=1):
            said.append(getattr(report, "text", ""))
    except OutputError as error:
        return "error", str(error)
    return "done" if isinstance(report, EmbedResult) else "odd", [line for line in said if line]

def through_a_pipe(*rest):
    sys.stdin = io.TextIOWrapper(io.BytesIO(Path(text).read_bytes()))  # nobody can say how much it will be
    return run("-", *rest)

subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)], check=True)
for name, vectors, kilobytes in cases:
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(disk)], check=True)
    out = disk / name
    entry = {"name": name, "before": run(text, out, vectors), "left": [path.name for path in disk.iterdir()]}
    entry["full"], entry["appeared"] = through_a_pipe(out, vectors), out.exists()
    subprocess.run(["mount", "-o", "remount,size=32m", str(disk)], check=True)
    entry["room"] = through_a_pipe(out, vectors)
    for path in disk.iterdir():
        subprocess.run(["mv", str(path), str(kept)], check=True)
    print(json.dumps(entry), flush=True)
"""

CASES = [
    ("allennlp.hdf5", {}),
    ("bilm.hdf5", {"layout": "bilm"}),
    ("manylangs.hdf5", {"layout": "manylangs"}),
    ("flat.hdf5", {"layout": "flat"}),
    ("folder", {"layout": "flat", "format": "npy"}),
    ("flat.safetensors", {"layout": "flat", "format": "safetensors"}),
    ("flat.parquet", {"layout": "flat", "format": "parquet"}),
]


def in_a_namespace(*words: str) -> list[str]:
    """A command that may mount what nobody else sees."""
    return ["unshare", "--user", "--map-root-user", "--mount", *words]


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    place = tmp_path / "disk"
    place.mkdir()
    try:
        command = in_a_namespace("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place))
        tried = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.strip()}")
    return place


@pytest.mark.parametrize("kilobytes", [600, 1300], ids=["in-the-vectors", "near-the-end"])
def test_a_small_file_system_is_refused_beforehand_and_otherwise_keeps_what_it_has(
    disk: Path, tmp_path: Path, kilobytes: int
) -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    model = SmallModel(tmp_path / "run" / "model")
    numbers = random.Random(5)
    text, kept = tmp_path / "text.txt", tmp_path / "kept"
    lines = [
        " ".join("".join(numbers.choices("abcdefgh", k=numbers.randint(1, 4))) for _ in range(numbers.randint(1, 12)))
        for _ in range(1500)
    ]
    text.write_text("\n".join(dict.fromkeys(lines)) + "\n")
    kept.mkdir()
    cases = json.dumps([(*case, kilobytes) for case in CASES])
    words = [sys.executable, "-c", ON_A_SMALL_DISK, str(model.folder), str(text), str(disk), str(kept), cases]
    done = subprocess.run(in_a_namespace(*words), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["name"] for entry in entries] == [name for name, _ in CASES]
    for entry, (name, vectors) in zip(entries, CASES, strict=True):
        kind, message = entry["before"]
        assert (kind, entry["left"]) == ("error", []), entry
        assert f"{name}: expected room for " in message
        kind, message = entry["full"]
        assert (kind, entry["appeared"]) == ("error", False), entry
        assert f"{name}: cannot be written: No space left on device; " in message
        safe = int(message.split("; ")[1].split(" ")[0].replace(",", ""))
        assert safe > 100
        kind, said = entry["room"]
        assert kind == "done", entry
        assert int(said[0].split()[3].replace(",", "")) >= safe  # the index may have taken a part of what it was given
        whole = tmp_path / f"whole-{name}"
        list(embed(model.folder, str(text), whole, vectors=VectorConfig(**vectors), device="cpu", threads=1))
        assert_same(kept, tmp_path, name)


def assert_same(kept: Path, whole: Path, name: str) -> None:
    pairs = [(kept / name, whole / f"whole-{name}")]
    if name.startswith("manylangs"):
        pairs = [
            (kept / f"manylangs.ly{number}.hdf5", whole / f"whole-manylangs.ly{number}.hdf5") for number in range(3)
        ]
    for one, other in pairs:
        with read_any(one) as found, read_any(other) as expected:
            assert found.lines.tolist() == expected.lines.tolist()
            for array, same in zip(found, expected, strict=True):
                np.testing.assert_allclose(array, same, rtol=0, atol=1e-6)  # other windows, other last bits
