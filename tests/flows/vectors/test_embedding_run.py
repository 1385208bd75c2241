"""Runs that are killed, that meet a full disk, that run out of memory, and that several processes share."""

import json
import random
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elmo_cli.config import VectorConfig
from elmo_cli.errors import OutputError, TextError
from elmo_cli.flows.model_results import EmbedResult
from elmo_cli.flows.reports import Notice, Report
from elmo_cli.flows.vectors.embed import embed
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.formats import feature_form
from elmo_cli.formats.feature_journal import journal_folder
from elmo_cli.formats.feature_reader import read_any
from elmo_cli.formats.feature_writer import FeaturesWriter
from tests.flows.small_model import SmallModel

KILLED = """
import json, os, signal, sys, time
from pathlib import Path
import torch
from elmo_cli.config import VectorConfig
from elmo_cli.flows.vectors import carried_states, embed as flow, line_windows
from elmo_cli.formats import feature_journal

torch.set_num_threads(1)
line_windows.WINDOW_TOKENS = 150
feature_journal.SECONDS = carried_states.SECONDS = 0.01

def run(model, text, out, state, vectors, reports=None):
    options = dict(vectors=VectorConfig(**vectors), state=state, device="cpu", threads=1)
    notices = []
    for count, report in enumerate(flow.embed(Path(model), text, Path(out), **options)):
        notices.append(getattr(report, "text", ""))
        if reports is not None and count >= reports:
            time.sleep(0.01 * (reports % 1))  # other threads are at work
            os.kill(os.getpid(), signal.SIGKILL)
    return notices

for *case, kills in json.loads(sys.argv[1]):
    for reports in kills:
        child = os.fork()
        if child == 0:
            run(*case, reports)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert any("going on behind" in text for text in run(*case)), case
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    numbers = random.Random(5)
    lines = [
        " ".join("".join(numbers.choices("abcdefgh", k=numbers.randint(1, 4))) for _ in range(numbers.randint(1, 12)))
        for _ in range(1500)
    ]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def reports(model: SmallModel, text: Path | str, out: Path, **options: object) -> list[Report]:
    return list(embed(model.folder, str(text), out, device="cpu", threads=1, **options))  # type: ignore[arg-type]


def assert_same(one: Path, other: Path) -> None:
    with read_any(one) as found, read_any(other) as expected:
        assert found.lines.tolist() == expected.lines.tolist()
        for position in range(len(expected)):
            assert np.array_equal(found[position], expected[position]), position
        assert found.attributes == expected.attributes


def kill_runs(cases: list[list[Any]]) -> None:
    """For each case kills runs after so many reports, and lets one end, which has to go on where the last stopped."""
    words = [sys.executable, "-c", KILLED, json.dumps(cases)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr


def test_runs_that_are_killed_end_with_the_content_of_one_that_is_not(
    model: SmallModel, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmo_cli.flows.vectors.line_windows.WINDOW_TOKENS", 150)
    numbers, cases = random.Random(3), []
    for layout, state in [("allennlp", "warm"), ("flat", "warm"), ("manylangs", "zero"), ("bilm", "carry")]:
        reports(model, text, tmp_path / f"whole-{layout}.hdf5", state=state, vectors=VectorConfig(layout=layout))
        windows = 23 if state == "carry" else 60
        kills = [share * windows + numbers.random() for share in (0.2, 0.5, 0.9)]
        out = tmp_path / f"killed-{layout}.hdf5"
        cases.append([str(model.folder), str(text), str(out), state, {"layout": layout}, kills])
    kill_runs(cases)
    compared = list(tmp_path.glob("whole*"))
    assert len(compared) == 6
    for whole in compared:
        assert_same(tmp_path / whole.name.replace("whole", "killed"), whole)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_runs_that_are_killed_many_times_end_with_the_same_content(
    model: SmallModel, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmo_cli.flows.vectors.line_windows.WINDOW_TOKENS", 150)
    numbers, cases = random.Random(4), []
    for seed in range(8):
        vectors = {"layout": ["allennlp", "flat"][seed % 2], "compression": [None, "gzip"][seed // 2 % 2]}
        reports(model, text, tmp_path / f"whole-{seed}.hdf5", vectors=VectorConfig(**vectors))
        kills = [*(numbers.uniform(0, 70) for _ in range(20)), 60.5]
        cases.append([str(model.folder), str(text), str(tmp_path / f"killed-{seed}.hdf5"), "warm", vectors, kills])
    kill_runs(cases)
    for seed in range(8):
        assert_same(tmp_path / f"killed-{seed}.hdf5", tmp_path / f"whole-{seed}.hdf5")


def test_a_run_that_is_closed_goes_on_and_says_so(model: SmallModel, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.hdf5"
    flow = embed(model.folder, str(text), out, device="cpu", threads=1, batch_tokens=64)
    while type(next(flow)).__name__ != "Progress":
        pass
    flow.close()  # type: ignore[attr-defined]
    assert not out.exists()
    assert journal_folder(out).is_dir()
    notices = [report.text for report in reports(model, text, out) if isinstance(report, Notice)]
    assert notices[0] == "going on behind 1,500 sentences that were written before"
    with read_any(out) as features:
        assert len(features) == 1500


@pytest.mark.parametrize(
    ("cores", "waits", "expected"),
    [
        (1, False, set()),
        (1, True, {"work-off_0"}),
        (2, False, {"read-ahead_0", "work-off_0"}),
        (2, True, {"read-ahead_0", "work-off_0"}),
    ],
)
def test_stages_overlap_only_where_a_core_is_left_for_them_or_one_waits_for_the_disk(
    model: SmallModel,
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    waits: bool,
    expected: set[str],
) -> None:
    monkeypatch.setattr("elmo_cli.flows.vectors.embedding_run.usable_cores", lambda: cores)
    monkeypatch.setattr(FeaturesWriter, "waits", waits)
    seen: set[str] = set()
    for _ in embed(model.folder, str(text), tmp_path / "out.hdf5", device="cpu", threads=1):
        seen |= {thread.name for thread in threading.enumerate()}
    assert {name for name in seen if name.startswith(("read-ahead", "work-off"))} == expected


def test_a_run_with_other_settings_does_not_go_on(model: SmallModel, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.hdf5"
    flow = embed(model.folder, str(text), out, device="cpu", threads=1)
    while type(next(flow)).__name__ != "Progress":
        pass
    flow.close()  # type: ignore[attr-defined]
    with pytest.raises(OutputError, match="expected to go on with state 'warm', found 'zero'"):
        reports(model, text, out, state="zero")
    *_, result = reports(model, text, out, state="zero", overwrite=True)
    assert isinstance(result, EmbedResult)
    assert result.sentences == 1500


def test_an_error_in_the_text_leaves_nothing_behind(model: SmallModel, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a b\nc\na b\n")
    with pytest.raises(TextError, match=r"text\.txt:3: .*found 'a b'"):
        reports(model, tmp_path / "text.txt", tmp_path / "out.hdf5", vectors=VectorConfig(sentence_keys=True))
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_a_disk_that_is_too_small_is_found_before_anything_is_computed(
    model: SmallModel, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = type("Usage", (), {"free": 100_000})()
    monkeypatch.setattr(feature_form.shutil, "disk_usage", lambda place: free)
    with pytest.raises(OutputError, match=r"out\.hdf5: expected room for [\d,]+ bytes, found 100,000 free"):
        reports(model, text, tmp_path / "out.hdf5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", ["allennlp", "bilm", "manylangs", "flat"])
def test_the_size_of_the_output_is_said_beforehand(model: SmallModel, text: Path, tmp_path: Path, layout: str) -> None:
    out = tmp_path / "out.hdf5"
    *said, result = [
        report
        for report in reports(model, text, out, vectors=VectorConfig(layout=layout))
        if isinstance(report, Notice | EmbedResult)
    ]
    (notice,) = said
    assert isinstance(notice, Notice)
    assert isinstance(result, EmbedResult)
    begin, _, size = notice.text.partition(" will take up to ")
    assert (begin, size.endswith(" MB")) == (str(out), True)
    assert 0.99 * result.file_bytes <= 1e6 * float(size.removesuffix(" MB")) + 5e4
    assert 1e6 * float(size.removesuffix(" MB")) < 2.5 * result.file_bytes


def test_the_size_in_gigabytes_and_before_compression(
    model: SmallModel, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmo_cli.formats.feature_form.FeatureForm.estimate", lambda *_: 2_340_000_000)
    options = {"vectors": VectorConfig(compression="gzip")}
    said = [
        report.text for report in reports(model, text, tmp_path / "out.hdf5", **options) if isinstance(report, Notice)
    ]
    assert said == [f"{tmp_path / 'out.hdf5'} will take up to 2.3 GB, less what compression saves"]


def test_a_disk_that_fills_up_keeps_what_was_written(model: SmallModel, text: Path, tmp_path: Path) -> None:
    script = f"""
import resource, signal
from pathlib import Path
from elmo_cli.errors import OutputError
from elmo_cli.flows.vectors import embed as flow, line_windows
from elmo_cli.formats import feature_journal
line_windows.WINDOW_TOKENS = 200
feature_journal.SECONDS = 0.0
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
feature_journal._BUFFER = 4096
try:
    list(flow.embed(Path({str(model.folder)!r}), {str(text)!r}, Path({str(tmp_path / "out.hdf5")!r}), threads=1))
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert "out.hdf5: cannot be written: File too large; " in done.stdout
    assert "start the same command again: it goes on behind them" in done.stdout
    said = [report.text for report in reports(model, text, tmp_path / "out.hdf5") if isinstance(report, Notice)]
    assert len(said) == 2
    assert int(said[0].split()[3].replace(",", "")) > 500
    reports(model, text, tmp_path / "whole.hdf5")
    with read_any(tmp_path / "out.hdf5") as found, read_any(tmp_path / "whole.hdf5") as expected:
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)  # other windows, other last bits


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError("no room")], ids=repr)
def test_where_memory_runs_out_less_is_computed_together_and_the_vectors_are_the_same(
    model: SmallModel, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    reports(model, text, tmp_path / "whole.hdf5")
    real = SentenceEmbedder._run

    def small(self: SentenceEmbedder, read: object, batch: np.ndarray, state: object) -> object:
        if len(batch) > 100:
            raise error
        return real(self, read, batch, state)  # type: ignore[arg-type]

    monkeypatch.setattr(SentenceEmbedder, "_run", small)
    _, *said = [report for report in reports(model, text, tmp_path / "less.hdf5") if isinstance(report, Notice)]
    assert said == [
        Notice(text="memory ran out: 128 positions are computed together from now on", warning=True),
    ]
    with read_any(tmp_path / "less.hdf5") as found, read_any(tmp_path / "whole.hdf5") as expected:
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


MEASURED = """
import sys
from pathlib import Path
import resource
from elmo_cli.config import VectorConfig
from elmo_cli.flows.vectors import embed as flow, line_windows
line_windows.WINDOW_TOKENS = 20_000
*_, result = flow.embed(
    Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), vectors=VectorConfig(forget_sentences=True), threads=1
)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_text(model: SmallModel, tmp_path: Path) -> None:
    used = []
    for times in (10_000, 60_000):
        path = tmp_path / f"{times}.txt"
        path.write_text("a bank by the river\n" * times)
        words = [sys.executable, "-c", MEASURED, str(model.folder), str(path), str(tmp_path / f"{times}.hdf5")]
        used.append(int(subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout))
    assert used[1] - used[0] < 30 * 1024 * (1 if resource.getpagesize() == 4096 else 2), used


def test_processes_share_the_work_and_give_the_same_file(model: SmallModel, text: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom elmo_cli.flows.vectors import line_windows\nline_windows.WINDOW_TOKENS = 150\n"
        "from elmo_cli.cli.app import main\nmain()\n"
    )
    words = ["embed", str(model.folder), str(text), "--threads", "1", "--json", "--quiet", "--device", "cpu", "--out"]
    alone = [sys.executable, str(script), *words, str(tmp_path / "alone.hdf5")]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    together = [*launch, str(script), *words, str(tmp_path / "together.hdf5")]
    results = []
    for command in (alone, together):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    assert_same(tmp_path / "together.hdf5", tmp_path / "alone.hdf5")
    for name in ("sentences", "tokens", "blank_lines", "file_bytes"):
        assert results[0][name] == results[1][name]
