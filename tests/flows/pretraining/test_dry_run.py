"""What a run will take, beside what it then takes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from elmo_cli.config import SplitConfig
from elmo_cli.errors import BusyError, ConfigError, OutputError
from elmo_cli.files import hold
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.dry_run_results import DryRunResult
from elmo_cli.flows.pretraining import dry_run as module
from elmo_cli.flows.pretraining import tried_run
from elmo_cli.flows.pretraining.dry_run import dry_run
from elmo_cli.flows.pretraining.own_process import here
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.train.checkpoint import checkpoints
from tests.flows.pretraining.test_pretrain import SETTINGS

WIKITEXT = Path(__file__).parents[4] / "shared" / "data" / "wikitext-2"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "people.txt"
    people, things = ["Ann", "Bob", "Cem", "Eve"], ["tea", "figs", "rice", "bread", "cheese"]
    lines = [f"{people[n % 4]} likes {things[n * n % 5]} and {things[n // 3 % 5]} .\n" for n in range(400)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STEP_SECONDS", "EVALUATION_SECONDS", "FIT_SECONDS"):
        monkeypatch.setattr(module, name, 0.01)
    monkeypatch.setattr(module, "in_own_process", here)  # which another test starts; here it would take seconds


def begin(text: Path, run_dir: Path, *, train: dict[str, Any] | None = None, **options: Any) -> list[Report]:
    settings = {**SETTINGS, "train": {**SETTINGS["train"], **(train or {})}}
    return list(dry_run([str(text)], run_dir, preset="tiny", settings=settings, device="cpu", threads=1, **options))


def result_of(reports: list[Report]) -> DryRunResult:
    assert isinstance(reports[-1], DryRunResult)
    return reports[-1]


def notices_of(reports: list[Report]) -> list[str]:
    return [report.text for report in reports if isinstance(report, Notice)]


def test_nothing_is_left_behind(text: Path, tmp_path: Path) -> None:
    reports = begin(text, tmp_path / "runs" / "one")
    assert list(tmp_path.iterdir()) == []
    assert any("made ready for this estimate alone; elmo prepare" in note for note in notices_of(reports))


def test_nothing_is_left_behind_when_it_is_stopped_or_fails(text: Path, tmp_path: Path) -> None:
    settings = {**SETTINGS, "train": {**SETTINGS["train"], "rows": 2}}
    flow = dry_run([str(text)], tmp_path / "run", preset="tiny", settings=settings, device="cpu", threads=1)
    for report in flow:
        if isinstance(report, Progress) and report.stage == "trying steps":
            break
    assert [path.name for path in tmp_path.iterdir()] == [".partial-dry-run-run"]
    flow.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="precision tf32: CPUs have no such products"):
        begin(text, tmp_path / "run", train={"precision": "tf32"})
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_left_is_cleared_away_and_two_at_once_are_not_mixed(text: Path, tmp_path: Path) -> None:
    leftover = tmp_path / ".partial-dry-run-run"
    (leftover / "corpus").mkdir(parents=True)
    (leftover / "config.json").write_text("half a thing")
    begin(text, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    with hold(leftover):
        (leftover / "of another").touch()
        with pytest.raises(BusyError, match="another elmo process is at work in it"):
            begin(text, tmp_path / "run")
        assert (leftover / "of another").exists()


def test_the_store_of_a_prepared_folder_stays_and_is_what_the_run_reads(text: Path, tmp_path: Path) -> None:
    list(prepare([str(text)], tmp_path / "corpus", split=SplitConfig(held_out=0.1)))
    reports = begin(tmp_path / "corpus", tmp_path / "run")
    assert f"the corpus store stays in {tmp_path / 'corpus'}, where the run will find it" in notices_of(reports)
    stores = sorted(path for path in (tmp_path / "corpus" / "store").rglob("*") if path.is_file())
    before = {path: path.stat().st_mtime_ns for path in stores}
    assert result_of(reports).disk.stores == sum(
        path.stat().st_size for path in stores if path.parent.name in ("train", "held-out")
    )
    settings = {**SETTINGS, "train": {**SETTINGS["train"], "steps": 2}}
    list(pretrain([str(tmp_path / "corpus")], tmp_path / "run", preset="tiny", settings=settings, device="cpu"))
    assert {path: path.stat().st_mtime_ns for path in stores} == before


def test_what_is_counted_is_what_the_run_has(text: Path, tmp_path: Path) -> None:
    result = result_of(begin(text, tmp_path / "run", train={"optimizer": {"name": "adamw"}}))
    settings = {**SETTINGS, "train": {**SETTINGS["train"], "optimizer": {"name": "adamw"}}}
    *_, ran = pretrain([str(text)], tmp_path / "run", preset="tiny", settings=settings, device="cpu", threads=1)
    newest = checkpoints(tmp_path / "run")[0] / "tensors.safetensors"
    assert result.disk.checkpoint <= newest.stat().st_size < result.disk.checkpoint + 8192
    assert result.disk.checkpoints == 3 * result.disk.checkpoint
    numbers = sum(result.parameters.values())
    assert list(result.parameters) == ["characters", "highways", "token projection", "LSTM", "softmax"]
    assert result.memory.parameters == 4 * numbers
    assert result.memory.optimizer >= 8 * numbers
    assert result.memory.gradients <= 4 * numbers
    assert result.memory.state == 4 * 2 * 2 * 4 * (16 + 8)
    assert (result.time.steps, result.time.evaluations) == (40, 2)
    assert result.time.epochs == pytest.approx(ran.epochs)
    assert result.time.words_per_step == pytest.approx(ran.words / ran.steps, rel=0.02)


@pytest.mark.parametrize(
    ("length", "evaluations"),
    [({"epochs": 2.0}, 10), ({"words": 2000}, 10), ({"steps": 7, "evaluate_every": 3}, 3), ({"hours": 0.01}, 10)],
)
def test_the_time_is_that_of_the_runs_own_length(
    text: Path, tmp_path: Path, length: dict[str, Any], evaluations: int
) -> None:
    settings = {"steps": None, "evaluate_every": None, **length}
    time = result_of(begin(text, tmp_path / "run", train=settings)).time
    assert time.evaluations == evaluations
    assert time.epoch_seconds == pytest.approx(time.steps_per_epoch * time.step_seconds)
    assert time.words_per_second == pytest.approx(time.words_per_step / time.step_seconds)
    assert time.step_seconds_lowest <= time.step_seconds <= time.step_seconds_highest
    if "hours" in length:
        assert time.run_seconds == 36
        assert time.steps * time.step_seconds < 36
    else:
        expected = time.steps * time.step_seconds + evaluations * time.evaluation_seconds
        assert time.run_seconds == pytest.approx(expected)
    if "epochs" in length:
        assert time.steps == 2 * time.steps_per_epoch


def test_a_run_that_is_there_is_not_touched(text: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    (tmp_path / "run" / "config.json").write_text("{}")
    with pytest.raises(OutputError, match="holds a run already; a dry run is for one that is to begin"):
        begin(text, tmp_path / "run")
    with pytest.raises(OutputError, match="exists and is not a run of elmo pretrain; nothing was changed"):
        begin(text, text)


def test_several_processes_are_refused(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="a dry run is of one process, and torchrun started several"):
        begin(text, tmp_path / "run")


def test_the_largest_number_of_rows_is_tried_out(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A memory that grows by 10 kB a row, whatever the steps really take.
    monkeypatch.setattr(tried_run, "program_bytes", lambda _: 1_000_000)
    monkeypatch.setattr(tried_run, "text_bytes", lambda _: 0)
    monkeypatch.setattr(module, "_for_evaluation", lambda _: 0)
    monkeypatch.setattr(tried_run, "OUTGROWN", 1)
    tried: list[int] = []

    class Meter:
        def __init__(self, _: torch.device) -> None: ...

        def peak(self) -> int:
            return 10_000 * tried[-1]

    real = tried_run.TrainingRun

    def training_run(folder, config, *rest):
        tried.append(config.train.rows)
        return real(folder, config, *rest)

    monkeypatch.setattr(tried_run, "MemoryMeter", Meter)
    monkeypatch.setattr(tried_run, "TrainingRun", training_run)
    fit = result_of(begin(text, tmp_path / "run", fit_rows=True, memory=1_500_000)).fit
    assert fit is not None
    assert (fit.rows, fit.budget, fit.peak, fit.bound_by) == (50, 1_500_000, 1_500_000, "memory")
    assert (fit.fixed_bytes, fit.bytes_per_row) == (1_000_000, 10_000)
    fit = result_of(begin(text, tmp_path / "run", fit_rows=True, memory=10**12)).fit
    assert fit is not None and fit.bound_by == "text"
    with pytest.raises(ConfigError, match=r"no number of rows fits into 0.00 GB of memory: 1 rows 0.00 GB, 2 rows"):
        begin(text, tmp_path / "run", fit_rows=True, memory=900_000)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    real = tried_run.TrainingRun

    def training_run(folder, config, *rest):
        if config.train.rows > 100:
            raise torch.OutOfMemoryError
        return real(folder, config, *rest)

    monkeypatch.setattr(tried_run, "TrainingRun", training_run)
    monkeypatch.setattr(module, "free_bytes", lambda _: 3_210_000_000)


@pytest.mark.usefixtures("little_memory")
def test_running_out_of_memory_is_an_answer(text: Path, tmp_path: Path) -> None:
    reports = begin(text, tmp_path / "run", fit_rows=True, memory=10**12)
    fit = result_of(reports).fit
    assert fit is not None and 60 <= fit.rows <= 100
    assert any(note.endswith("rows: memory ran out") for note in notices_of(reports))


@pytest.mark.usefixtures("little_memory")
def test_rows_that_do_not_fit_are_refused_with_what_to_do(text: Path, tmp_path: Path) -> None:
    said = "120 rows of 5 positions: memory ran out in the first steps; 3.21 GB were free before them"
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        begin(text, tmp_path / "run", train={"rows": 120})
    assert error.value.hint.startswith("take fewer --rows (--fit-rows finds the most that fit), a smaller --preset")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("little_memory")
def test_where_the_rows_do_not_fit_the_figures_are_those_of_the_most_that_do(text: Path, tmp_path: Path) -> None:
    reports = begin(text, tmp_path / "run", train={"rows": 120}, fit_rows=True, memory=10**12)
    result = result_of(reports)
    assert result.fit is not None and 60 <= result.fit.rows <= 100
    assert result.rows == result.fit.rows
    assert any(note.startswith("120 rows of 5 positions: memory ran out") for note in notices_of(reports))


def test_a_number_of_rows_leaves_room_for_evaluations(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_for_evaluation", lambda _: 10**12)
    with pytest.raises(ConfigError, match=r"no number of rows fits into 500.00 GB of memory: 1 rows 1000.00 GB"):
        begin(text, tmp_path / "run", fit_rows=True, memory=5 * 10**11)


def test_what_is_short_is_said(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tried_run, "free_memory", lambda: 1000)
    reports = begin(text, tmp_path / "run")
    (warning,) = [r.text for r in reports if isinstance(r, Notice) and r.warning and "memory more" in r.text]
    assert "0.00 GB are free: take fewer --rows, or compute a step in parts, --set train.accumulate=4" in warning
    monkeypatch.setattr(tried_run, "free_memory", lambda: None)
    with pytest.raises(ConfigError, match="this system does not tell how much memory is free") as error:
        begin(text, tmp_path / "run", fit_rows=True)
    assert error.value.hint == "say it: --memory 8GB"


SCRIPT = """
import json, resource, sys
from pathlib import Path
import torch
from elmo_cli.flows.pretraining.dry_run import dry_run
from elmo_cli.flows.pretraining.memory_use import program_bytes
from elmo_cli.flows.pretraining.own_process import here
from elmo_cli.flows.pretraining.pretrain import pretrain

real, folder, text = sys.argv[1] == "real", Path(sys.argv[2]), Path(sys.argv[3])
before = program_bytes(torch.device("cpu"))
settings = {"text": {"tokenizer": "whitespace"}, "train": {"steps": 12, "rows": int(sys.argv[4])}}
*_, result = (pretrain if real else dry_run)(
    [str(text / "valid.sentences.txt")], folder / "run", preset="compact", settings=settings,
    vocabulary_path=text / "vocab.txt", validation=[str(text / "test.sentences.txt")], threads=1, device="cpu",
)
peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if real else result.memory.peak
print(peak - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not WIKITEXT.exists(), reason="shared/data/wikitext-2 is not here")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the resident memory")
@pytest.mark.parametrize("rows", [32, 128])
def test_the_memory_that_was_said_is_what_the_run_takes(tmp_path: Path, rows: int) -> None:
    grown = {}
    for kind in ("real", "dry"):
        (tmp_path / kind).mkdir()
        words = [sys.executable, "-c", SCRIPT, kind, str(tmp_path / kind), str(WIKITEXT), str(rows)]
        ended = subprocess.run(
            words, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        grown[kind] = json.loads(ended.stdout)
    assert grown["dry"] == pytest.approx(grown["real"], rel=0.15)
