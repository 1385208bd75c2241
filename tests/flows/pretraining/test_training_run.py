"""What a run does on its way: stopping, ending early, failing, and running out of disk."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from elmo_cli.errors import BusyError, ConfigError, DivergedError, OutputError
from elmo_cli.files import hold
from elmo_cli.flows.pretraining import training_run
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.flows.pretraining.training import StepResult, Trainer
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.flows.run_results import PretrainResult, StoppedResult
from elmo_cli.flows.stopping import Stop
from elmo_cli.train.checkpoint import checkpoints, load_newest
from elmo_cli.train.metrics import MEASURED, read_metrics
from tests.flows.pretraining.test_pretrain import SETTINGS, model_bytes, unmeasured

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "people.txt"
    people, things = ["Ann", "Bob", "Cem", "Eve"], ["tea", "figs", "rice", "bread", "cheese"]
    lines = [f"{people[n % 4]} likes {things[n * n % 5]} and {things[n // 3 % 5]} .\n" for n in range(400)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def begin(text: Path, run_dir: Path, *, train: dict[str, Any] | None = None, **options: Any) -> Iterator[Report]:
    settings = {**SETTINGS, "train": {**SETTINGS["train"], **(train or {})}}
    return pretrain([str(text)], run_dir, preset="tiny", settings=settings, device="cpu", threads=1, **options)


def result_of(flow: Iterator[Report]) -> PretrainResult:
    *_, result = flow
    assert isinstance(result, PretrainResult)
    return result


def warnings_of(reports: list[Report]) -> list[str]:
    return [report.text for report in reports if isinstance(report, Notice) and report.warning]


@pytest.fixture(scope="module")
def whole(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    list(begin(text, run_dir))
    return run_dir


def stop_at(flow: Iterator[Report], stop: Stop, stage: str, number: int) -> StoppedResult:
    """Asks a run to stop when a stage has reported so often."""
    seen = 0
    for report in flow:
        if isinstance(report, Progress) and report.stage.startswith(stage):
            assert stop.heeded
            seen += 1
            if seen == number:
                stop.asked = True
        last = report
    assert isinstance(last, StoppedResult)
    return last


@pytest.mark.parametrize(
    ("stage", "number", "step"),
    [("training", 7, 7), ("training", 20, 20), ("held-out", 1, 20), ("saving", 1, 10), ("training", 40, 40)],
)
def test_a_run_asked_to_stop_saves_where_it_is_and_goes_on_in_the_same_bytes(
    text: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, number: int, step: int
) -> None:
    monkeypatch.setattr(training_run, "QUIET_SECONDS", 0)
    stop = Stop()
    stopped = stop_at(begin(text, tmp_path / "run", stop=stop), stop, stage, number)
    assert stopped.steps == step
    assert stopped.checkpoint == str(tmp_path / f"run/checkpoints/step-{step:09d}")
    assert not stop.heeded
    list(begin(text, tmp_path / "run", resume=True))
    assert model_bytes(tmp_path / "run") == model_bytes(whole)
    assert unmeasured(tmp_path / "run") == unmeasured(whole)


def test_a_run_stopped_at_every_single_step_loses_none(text: Path, whole: Path, tmp_path: Path) -> None:
    for step in range(1, 31):
        stop = Stop()
        assert stop_at(begin(text, tmp_path / "run", stop=stop, resume=True), stop, "training", 1).steps == step
    list(begin(text, tmp_path / "run", resume=True))
    assert model_bytes(tmp_path / "run") == model_bytes(whole)
    assert unmeasured(tmp_path / "run") == unmeasured(whole)


@pytest.mark.parametrize(
    "train",
    [
        {"optimizer": {"name": "adamw", "weight_decay": 0.1}, "schedule": {"name": "plateau"}},
        {"optimizer": {"name": "sgd", "momentum": 0.5}, "schedule": {"name": "cosine"}, "accumulate": 2},
        {"negatives": 5, "optimizer": {"name": "rmsprop", "l1": 0.001}, "recurrent_dropout": 0.1},
    ],
    ids=["adamw", "sgd", "rmsprop"],
)
def test_whatever_the_optimizer_and_the_schedule_a_stopped_run_ends_in_the_same_bytes(
    text: Path, tmp_path: Path, train: dict[str, Any]
) -> None:
    list(begin(text, tmp_path / "whole", train=train))
    for steps in (7, 13, 12):  # 7, 20 and 32 in all
        stop = Stop()
        stop_at(begin(text, tmp_path / "run", train=train, stop=stop, resume=True), stop, "training", steps)
    list(begin(text, tmp_path / "run", train=train, resume=True))
    assert model_bytes(tmp_path / "run") == model_bytes(tmp_path / "whole")
    assert unmeasured(tmp_path / "run") == unmeasured(tmp_path / "whole")


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_saves_a_checkpoint_and_ends_the_command(text: Path, tmp_path: Path, name: str, code: int) -> None:
    run_dir, config = tmp_path / "run", tmp_path / "run.toml"
    config.write_text(_toml({**SETTINGS, "train": {**SETTINGS["train"], "steps": 100_000}}), encoding="utf-8")
    command = [sys.executable, "-m", "elmo_cli", "pretrain", str(text), "--out", str(run_dir), "--preset", "tiny"]
    command += ["--config", str(config), "--device", "cpu", "--threads", "1", "--set", "train.evaluate_every=50000"]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )
    try:
        while not checkpoints(run_dir) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(getattr(signal, name))
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == code
    assert "Stopping: a checkpoint is saved first. The same again stops at once." in said
    newest = checkpoints(run_dir)[0]
    step = int(newest.name.removeprefix("step-"))
    assert f"Stopped at step {step:,}; all of it is in {newest}.\n" in said
    assert "Traceback" not in said
    found, problems = load_newest(run_dir, CPU)
    assert found is not None
    assert found.tensors["step"] == step
    assert problems == []


def _toml(settings: dict[str, Any]) -> str:
    lines = []
    for section in ("train", "vocabulary"):
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in settings[section].items())]
    for part in ("char_cnn", "lstm"):
        lines += [f"[model.{part}]", *(f"{key} = {value}" for key, value in settings["model"][part].items())]
    return "\n".join(lines)


def test_two_runs_in_one_folder_exclude_each_other(text: Path, whole: Path) -> None:
    with hold(whole), pytest.raises(BusyError, match="whole: another elmo process is at work in it"):
        list(begin(text, whole, resume=True))


def damage(folder: Path, how: str) -> None:
    path = folder / "tensors.safetensors"
    content = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(content[:-100])
    else:
        content[len(content) // 2] ^= 4
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "bit flipped"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it_with_a_word(
    text: Path, whole: Path, tmp_path: Path, how: str
) -> None:
    flow = begin(text, tmp_path / "run")
    for report in flow:
        if len(checkpoints(tmp_path / "run")) == 2 and isinstance(report, Progress) and report.stage == "training":
            break
    flow.close()  # type: ignore[attr-defined]
    newest, before = checkpoints(tmp_path / "run")
    damage(newest, how)
    reports = list(begin(text, tmp_path / "run", resume=True))
    said = f"{newest}: its bytes are not those that were saved; going on from {before.name}"
    assert said in warnings_of(reports)
    assert model_bytes(tmp_path / "run") == model_bytes(whole)


def test_where_no_checkpoint_is_whole_the_run_begins_anew_and_says_so(text: Path, whole: Path, tmp_path: Path) -> None:
    list(begin(text, tmp_path / "run", train={"steps": 10}))
    (only,) = checkpoints(tmp_path / "run")
    damage(only, "truncated")
    reports = list(begin(text, tmp_path / "run", resume=True))
    assert any("no whole checkpoint is left: beginning anew" in text for text in warnings_of(reports))
    assert model_bytes(tmp_path / "run") == model_bytes(whole)


def test_on_a_full_disk_the_last_checkpoint_stays_and_is_named(text: Path, tmp_path: Path) -> None:
    # In a process of its own: the limit on the size of files stands in for a disk that is full.
    script = f"""
import resource, signal, sys
from pathlib import Path
from tests.flows.pretraining.test_training_run import begin, checkpoints
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
flow = begin(Path({str(text)!r}), Path({str(tmp_path / "run")!r}))
for report in flow:
    if checkpoints(Path({str(tmp_path / "run")!r})):
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    list(flow)
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("OutputError"), done.stderr
    assert "cannot be written: File too large" in done.stdout
    (kept,) = checkpoints(tmp_path / "run")
    assert kept.name == "step-000000010"
    assert f"the last good checkpoint is {kept}" in done.stdout
    assert "go on with --resume" in done.stdout
    assert not list((tmp_path / "run").rglob(".partial-*"))


def test_a_checkpoint_that_takes_long_shows_how_far_it_is(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = list(begin(text, tmp_path / "quick", train={"steps": 10}))
    assert not [report for report in quick if isinstance(report, Progress) and report.stage.startswith("saving")]
    monkeypatch.setattr(training_run, "QUIET_SECONDS", 0)
    reports = [report for report in begin(text, tmp_path / "run", train={"steps": 10}) if isinstance(report, Progress)]
    saving = [report for report in reports if report.stage == "saving step 10"]
    assert saving[-1].done == saving[-1].total
    assert saving[-1].unit == "bytes"
    size = (tmp_path / "run/checkpoints/step-000000010/tensors.safetensors").stat().st_size
    assert 0 < size - saving[-1].total < 5000  # the table of what is in it


def test_checkpoints_that_a_kill_left_too_many_of_are_cleared_away(text: Path, tmp_path: Path) -> None:
    list(begin(text, tmp_path / "run"))
    newest, older = checkpoints(tmp_path / "run")
    shutil.copytree(older, older.with_name("step-000000020"))
    list(begin(text, tmp_path / "run", resume=True))
    assert checkpoints(tmp_path / "run") == [newest, older]


def test_what_a_kill_left_of_a_checkpoint_is_cleared_away(text: Path, tmp_path: Path) -> None:
    list(begin(text, tmp_path / "run", train={"steps": 10}))
    left = tmp_path / "run/checkpoints/.partial-step-000000020-x"
    left.mkdir()
    (left / "tensors.safetensors").write_bytes(b"half")
    list(begin(text, tmp_path / "run", resume=True))
    assert not left.exists()


def test_a_model_that_a_kill_took_away_between_two_renames_is_written_again(text: Path, tmp_path: Path) -> None:
    list(begin(text, tmp_path / "run", train={"steps": 20}))
    (tmp_path / "run/model").rename(tmp_path / "gone")
    longer = result_of(begin(text, tmp_path / "run", resume=True))
    assert (tmp_path / "run/model/weights.hdf5").exists()
    assert longer.held_out_step == 40


@pytest.mark.parametrize("damaged", ["{", "[]", '{"config": {}}'])
def test_a_run_whose_settings_are_damaged_says_so(text: Path, tmp_path: Path, damaged: str) -> None:
    list(begin(text, tmp_path / "run", train={"steps": 10}))
    (tmp_path / "run/config.json").write_text(damaged)
    with pytest.raises(ConfigError, match=r"config\.json: not the settings of a run \(\w+Error: "):
        list(begin(text, tmp_path / "run", resume=True))


def test_where_nothing_can_be_written_the_place_is_named(text: Path, tmp_path: Path) -> None:
    list(begin(text, tmp_path / "run", train={"steps": 10}))
    shutil.move(tmp_path / "run/checkpoints", tmp_path / "aside")
    (tmp_path / "run/checkpoints").write_text("in the way, as a read-only folder is for people who are not root")
    with pytest.raises(OutputError, match=r"step-000000010: cannot be written") as caught:
        list(begin(text, tmp_path / "run", resume=True))
    assert "no checkpoint was saved before; free space or check the folder's permissions" in caught.value.hint


# Length and ending early


def test_a_run_by_words_reads_as_many_as_were_asked_for(text: Path, tmp_path: Path) -> None:
    result = result_of(begin(text, tmp_path / "run", train={"steps": None, "words": 500}))
    per_step = result.words / result.steps
    assert 500 <= result.words < 500 + per_step


class Clock:
    """A clock on which every look takes a tenth of a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 0.1
        return self.now


def test_a_run_by_hours_ends_in_time_over_all_its_calls(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run, "time", Clock())
    train = {"steps": None, "hours": 30 / 3600, "evaluate_every": None, "checkpoint_every": None}
    stop = Stop()
    stopped = stop_at(begin(text, tmp_path / "run", train=train, stop=stop), stop, "training", 25)
    assert 0 < stopped.seconds < 30
    result = result_of(begin(text, tmp_path / "run", train=train, resume=True))
    assert 30 <= result.running_seconds < 33
    assert result.seconds < 30
    records = read_metrics(tmp_path / "run/metrics.jsonl")
    assert len([record for record in records if "held_out_perplexity" in record]) == pytest.approx(10, abs=1)
    left = [record["seconds_left"] for record in records if "seconds_left" in record]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0


def test_a_run_that_gets_no_better_ends_after_its_patience(text: Path, tmp_path: Path) -> None:
    train = {"steps": 1000, "evaluate_every": 5, "patience": 3, "learning_rate": 1e-12}
    result = result_of(begin(text, tmp_path / "run", train=train))
    assert result.stopped_early
    records = read_metrics(tmp_path / "run/metrics.jsonl")
    better = [record["best"] for record in records if "best" in record]
    assert better[-3:] == [False] * 3
    assert not any(not any(better[begin : begin + 3]) for begin in range(len(better) - 3))
    assert result.steps == 5 * len(better)
    # It is over: going on does nothing, and more patience goes on.
    assert result_of(begin(text, tmp_path / "run", train=train, resume=True)).steps == result.steps
    patient = result_of(begin(text, tmp_path / "run", train=train | {"patience": 5}, resume=True))
    assert patient.steps > result.steps


# Figures


def test_the_log_has_every_figure_and_they_agree(whole: Path) -> None:
    records = [record for record in read_metrics(whole / "metrics.jsonl") if "loss_sampled" in record]
    assert [record["step"] for record in records] == [10, 20, 30, 40]
    for record in records:
        assert set(MEASURED) - {"peak_device_bytes", "exchange_share", "exchange_bytes"} <= set(record)
        assert 0 < record["waiting_share"] < 1
        assert record["words_per_second"] > 0
        assert record["gradient_norm_worst"] >= record["gradient_norm"] > 0
        assert record["learning_rate"] == 0.2
        assert record["sampled"] is False  # fewer words than negatives
        # Far above what Python and torch take, and no more than this process ever had.
        assert 50e6 < record["peak_memory_bytes"] <= 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = [record["seconds"] for record in records]
    assert seconds == sorted(seconds)
    assert records[-1]["seconds_left"] == 0
    assert records[1]["seconds_left"] == pytest.approx(seconds[1], rel=0.05)  # half of the steps


def test_the_bar_names_its_figures(text: Path, tmp_path: Path) -> None:
    notes = [report.note for report in begin(text, tmp_path / "run") if isinstance(report, Progress)]
    last = [note for note in notes if note][-1]
    for word in ("epoch 0.", "training perplexity ", "held-out ", "rate 0.2, norm ", "waiting ", "peak "):
        assert word in last


# A loss that is no number


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps whose loss is made no number; each is taken from the list when it has failed."""
    steps: list[int] = []
    real = Trainer.step

    def step(self: Trainer) -> StepResult:
        result = real(self)
        if self.step_number in steps:
            steps.remove(self.step_number)
            return StepResult(torch.tensor(float("nan")), *list(vars(result).values())[1:])
        return result

    monkeypatch.setattr(Trainer, "step", step)
    return steps


def test_a_loss_that_is_no_number_stops_with_step_rate_norm_and_the_last_good_checkpoint(
    text: Path, tmp_path: Path, failing: list[int]
) -> None:
    failing.append(27)
    with pytest.raises(
        DivergedError,
        match=r"run: the loss is no longer a number at step 27 \(learning rate 0.2, gradient norm [\d.]+\)\n",
    ) as caught:
        list(begin(text, tmp_path / "run"))
    assert f"the last good checkpoint is {tmp_path / 'run/checkpoints/step-000000020'}" in caught.value.hint
    assert "--set train.learning_rate=0.1" in caught.value.hint
    assert "--resume --set train.on_non_finite=back_off" in caught.value.hint


def test_without_a_checkpoint_the_error_says_so(text: Path, tmp_path: Path, failing: list[int]) -> None:
    failing.append(2)
    with pytest.raises(DivergedError, match="no longer a number at step 2") as caught:
        list(begin(text, tmp_path / "run"))
    assert "no checkpoint was saved before" in caught.value.hint


def test_a_wild_rate_stops_by_itself(text: Path, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"no longer a number at step \d+ \(learning rate 1e\+30"):
        list(begin(text, tmp_path / "run", train={"learning_rate": 1e30}))


def test_by_option_a_run_goes_back_and_on_at_half_the_rate(text: Path, tmp_path: Path, failing: list[int]) -> None:
    failing.append(27)
    reports = list(begin(text, tmp_path / "run", train={"on_non_finite": "back_off"}))
    result = reports[-1]
    assert isinstance(result, PretrainResult)
    assert (result.steps, result.back_offs) == (40, 1)
    (warning,) = [text for text in warnings_of(reports) if "no longer a number" in text]
    assert warning.endswith("going back to step 20, on from there at 0.5 of the rate")
    records = read_metrics(tmp_path / "run/metrics.jsonl")
    assert [record["back_off"] for record in records if "back_off" in record] == [
        {"step": 30, "to_step": 20, "rate_scale": 0.5}
    ]
    rates = {record["step"]: record["learning_rate"] for record in records if "learning_rate" in record}
    assert rates == {10: 0.2, 20: 0.2, 30: 0.1, 40: 0.1}
    found, _ = load_newest(tmp_path / "run", CPU)
    assert found is not None
    assert found.meta["rate_scale"] == 0.5
    # A resumed run keeps to the lower rate.
    longer = begin(text, tmp_path / "run", train={"steps": 50, "on_non_finite": "back_off"}, resume=True)
    assert result_of(longer).back_offs == 1
    assert read_metrics(tmp_path / "run/metrics.jsonl")[-2]["learning_rate"] == 0.1


def test_a_checkpoint_that_fails_twice_is_given_up_for_the_one_before(
    text: Path, tmp_path: Path, failing: list[int]
) -> None:
    failing += [24, 24]
    reports = list(begin(text, tmp_path / "run", train={"on_non_finite": "back_off"}))
    back = [text.partition("going back to ")[2] for text in warnings_of(reports) if "going back" in text]
    assert back == ["step 20, on from there at 0.5 of the rate", "step 10, on from there at 0.25 of the rate"]
    assert isinstance(reports[-1], PretrainResult)


def test_without_a_checkpoint_it_begins_anew_and_after_some_times_it_stops(
    text: Path, tmp_path: Path, failing: list[int]
) -> None:
    failing += [3, 3, 3]
    with pytest.raises(DivergedError, match="after backing off 2 times"):
        list(begin(text, tmp_path / "run", train={"on_non_finite": "back_off", "back_offs": 2}))


def test_the_old_weights_are_gone_before_new_ones_are_made(
    text: Path, tmp_path: Path, failing: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing += [3]
    made: list[weakref.ref[Trainer]] = []

    def make(*arguments: Any) -> Trainer:
        assert [trainer() for trainer in made] == [None] * len(made)
        trainer = Trainer(*arguments)
        made.append(weakref.ref(trainer))
        return trainer

    monkeypatch.setattr(training_run, "Trainer", make)
    reports = list(begin(text, tmp_path / "run", train={"on_non_finite": "back_off", "steps": 4}))
    assert isinstance(reports[-1], PretrainResult)
    assert len(made) == 2


def test_a_run_that_backs_off_and_is_killed_meanwhile_comes_to_the_same_end(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Trainer.step

    def step(self: Trainer) -> StepResult:
        result = real(self)
        # Fails as weights and rates have it: always at the same place, until the rate is low enough.
        fails = (self.step_number, self.rate_scale) in ((27, 1.0), (24, 0.5))
        return StepResult(torch.tensor(float("nan")), *list(vars(result).values())[1:]) if fails else result

    monkeypatch.setattr(Trainer, "step", step)
    train = {"on_non_finite": "back_off"}
    reports = list(begin(text, tmp_path / "whole", train=train))
    assert isinstance(reports[-1], PretrainResult)
    assert reports[-1].back_offs == 2
    places = [number for number, report in enumerate(reports) if isinstance(report, Progress)]
    for number in places[-1 :: -max(1, len(places) // 5)]:
        run_dir = tmp_path / f"run-{number}"
        flow = begin(text, run_dir, train=train)
        for _ in range(number):
            next(flow)
        flow.close()  # type: ignore[attr-defined]
        list(begin(text, run_dir, train=train, resume=True))
        assert model_bytes(run_dir) == model_bytes(tmp_path / "whole")
        assert unmeasured(run_dir) == unmeasured(tmp_path / "whole")


def test_a_failed_write_of_the_log_is_an_error_of_the_user_s(text: Path, tmp_path: Path) -> None:
    list(begin(text, tmp_path / "run", train={"steps": 10}))
    (tmp_path / "run/metrics.jsonl").unlink()
    (tmp_path / "run/metrics.jsonl").mkdir()
    with pytest.raises(OutputError, match=r"metrics\.jsonl: cannot be"):
        list(begin(text, tmp_path / "run", resume=True))


# TensorBoard


def test_tensorboard_has_the_same_figures(text: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    list(begin(text, tmp_path / "run", tensorboard=True))
    script = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
print(json.dumps({tag: [[one.step, one.value] for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
"""
    folder = str(tmp_path / "run/tensorboard")
    read = subprocess.run([sys.executable, "-W", "ignore", "-c", script, folder], capture_output=True, text=True)
    scalars = json.loads(read.stdout)
    records = read_metrics(tmp_path / "run/metrics.jsonl")
    for tag, name in (("held-out/held_out_perplexity", "held_out_perplexity"), ("training/loss_sampled",) * 2):
        name = name.rpartition("/")[2]
        written = [[record["step"], pytest.approx(record[name], rel=1e-6)] for record in records if name in record]
        assert scalars[tag] == written


def test_without_tensorboard_the_error_names_the_extra(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(Exception, match="--tensorboard: the package tensorboard is not installed") as caught:
        list(begin(text, tmp_path / "run", tensorboard=True))
    assert "pip install 'elmo-cli[tensorboard]'" in str(caught.value)
