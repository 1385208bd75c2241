"""Several processes train the model that one trains, go on as another number of them, and notice when one is gone."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.errors import ConfigError
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.flows.pretraining.ranks import DealtRows
from elmo_cli.formats.model_folder import read_model_folder
from elmo_cli.train.checkpoint import checkpoints
from elmo_cli.train.metrics import read_metrics
from elmo_cli.train.process_group import ProcessGroup
from tests.two_processes import run_ranks

STEPS = """
import json
import sys
from dataclasses import replace
import torch
from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig, OptimizerConfig, TrainConfig
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.text.store import encode
from elmo_cli.text.vocabulary import Vocabulary
from elmo_cli.train.process_group import process_group

group = process_group(torch.device("cpu"))
torch.set_num_threads(1)
lines = [line.split() for line in open(sys.argv[1], encoding="utf-8")]
words = sorted({word for line in lines for word in line})
text = encode(lines, Vocabulary(["<S>", "</S>", "<UNK>", *words]), 8)
lstm = LstmConfig(cell_dim=12, projection_dim=6)
characters = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 4), (2, 8)), highways=1, max_characters=8), lstm=lstm
)
table = ModelConfig(char_cnn=None, lstm=lstm)
train = TrainConfig(rows=7, window=6, negatives=10, recurrent_dropout=0.1)
cases = {
    "characters": (characters, train),
    "word table": (table, train),
    "shared table": (replace(table, share_embedding_softmax=True), train),
    "rows that owe decay": (table, replace(train, optimizer=OptimizerConfig(name="adamw", weight_decay=0.1))),
    "in parts": (characters, replace(train, accumulate=3)),
    "full softmax": (characters, replace(train, negatives=1000)),
    "start state of carried states": (characters, replace(train, reset_probability=0.0)),
}
found = {}
for name, (model, config) in cases.items():
    trainer = Trainer(model, config, text, torch.device("cpu"), group)
    losses = [float(trainer.step().loss) for _ in range(50)]
    state = [float(part.double().abs().sum()) for part in trainer.tensors()["state"]]
    start = [float(part.double().abs().sum()) for part in trainer.start_state()]
    found[name] = losses, state, start
if group.is_first:
    print(json.dumps(found))
"""
CASES = (
    "characters",
    "word table",
    "shared table",
    "rows that owe decay",
    "in parts",
    "full softmax",
    "start state of carried states",
)

SETTINGS: dict[str, Any] = {
    "model": {
        "char_cnn": {"embedding_dim": 4, "filters": [[1, 8], [2, 16]], "max_characters": 12},
        "lstm": {"cell_dim": 16, "projection_dim": 8},
    },
    "train": {"rows": 5, "window": 5, "negatives": 20, "steps": 40, "evaluate_every": 20, "checkpoint_every": 10},
    "vocabulary": {"min_count": 1},
}

RUN = """
import json
import os
import signal
import sys
from pathlib import Path
from elmo_cli.errors import ElmoError
from elmo_cli.flows.pretraining.pretrain import pretrain

text, run_dir, settings, die_after, *other = sys.argv[1:]
rank = int(os.environ["RANK"])
if other:  # a machine with a disk of its own
    os.environ["LOCAL_RANK"] = "0"
    run_dir, text = (other[0], other[1]) if rank else (run_dir, text)
flow = pretrain([text], Path(run_dir), preset="tiny", settings=json.loads(settings), device="cpu", threads=1)
steps = 0
try:
    for report in flow:
        steps += getattr(report, "stage", "") == "training"
        if rank == 1 and steps == int(die_after) > 0:
            os.kill(os.getpid(), signal.SIGKILL)
except ElmoError as error:
    print(error.message)
    sys.exit(1)
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    people, things = ["Ann", "Bob", "Cem", "Dörte", "Eve"], [f"thing{number}" for number in range(60)]
    lines = [" ".join([rng.choice(people), "likes", *rng.choice(things, rng.integers(1, 6)), "."]) for _ in range(600)]
    path = tmp_path_factory.mktemp("text") / "people.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def steps_of(ranks: int, text: Path) -> dict[str, list[list[float]]]:
    outcomes = run_ranks(ranks, "-c", STEPS, str(text), seconds=120)
    assert [code for code, _, _ in outcomes] == [0] * ranks, outcomes
    return json.loads(outcomes[0][1])


@pytest.fixture(scope="module")
def by_one(text: Path) -> dict[str, list[list[float]]]:
    return steps_of(1, text)


@pytest.fixture(scope="module")
def by_two(text: Path) -> dict[str, list[list[float]]]:
    return steps_of(2, text)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_what_one_trains(case: str, by_one: Any, by_two: Any) -> None:
    for one, two in zip(by_one[case], by_two[case], strict=True):
        assert two == pytest.approx(one, abs=1e-5, rel=1e-5)
    assert len(set(by_one[case][0])) == 50


@pytest.mark.slow
def test_four_processes_train_what_one_trains(by_one: Any, text: Path) -> None:
    by_four = steps_of(4, text)
    for case in CASES:
        for one, four in zip(by_one[case], by_four[case], strict=True):
            assert four == pytest.approx(one, abs=1e-5, rel=1e-5)


def run(text: Path, run_dir: Path, *other: str, die_after: int = 0, restarts: int = 0) -> list[tuple[int, str, str]]:
    environment = {"TORCHELASTIC_RESTART_COUNT": str(restarts)}
    arguments = [str(text), str(run_dir), json.dumps(SETTINGS), str(die_after), *other]
    return run_ranks(2, "-c", RUN, *arguments, environment=environment, seconds=120)


@pytest.fixture(scope="module")
def whole(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes that nothing happened to."""
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    outcomes = run(text, run_dir)
    assert [code for code, _, _ in outcomes] == [0, 0], outcomes
    return run_dir


def held_out(run_dir: Path) -> list[float]:
    records = read_metrics(run_dir / "metrics.jsonl")
    return [record["held_out_perplexity"] for record in records if "held_out_perplexity" in record]


def test_a_run_of_two_measures_and_writes_what_a_run_of_one_does(text: Path, whole: Path, tmp_path: Path) -> None:
    list(pretrain([str(text)], tmp_path / "run", preset="tiny", settings=SETTINGS, device="cpu", threads=1))
    assert held_out(whole) == pytest.approx(held_out(tmp_path / "run"), rel=1e-4)
    names = sorted(path.name for path in (tmp_path / "run").rglob("*") if path.name != ".lock")
    assert sorted(path.name for path in whole.rglob("*") if path.name != ".lock") == names
    steps = [record["step"] for record in read_metrics(whole / "metrics.jsonl")]
    assert steps == [record["step"] for record in read_metrics(tmp_path / "run/metrics.jsonl")]
    exchanged = [record for record in read_metrics(whole / "metrics.jsonl") if "exchange_bytes" in record]
    assert len(exchanged) == 4 and all(0 < record["exchange_share"] < 1 for record in exchanged)


def test_a_run_of_two_goes_on_as_a_run_of_one(text: Path, whole: Path, tmp_path: Path) -> None:
    settings = {**SETTINGS, "train": {**SETTINGS["train"], "steps": 60}}
    list(pretrain([str(text)], tmp_path / "run", preset="tiny", settings=settings, device="cpu", threads=1))
    longer = tmp_path / "longer"
    shutil.copytree(whole, longer)
    reports = list(pretrain([], longer, settings=settings, device="cpu", threads=1, resume=True))
    assert any("going on from step 40" in getattr(report, "text", "") for report in reports)
    assert held_out(longer) == pytest.approx(held_out(tmp_path / "run"), rel=1e-3)


def test_a_dead_process_stops_the_others_and_started_again_they_end_in_the_same_bits(
    text: Path, whole: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    (code, out, _), (killed, _, _) = run(text, run_dir, die_after=25)
    assert (code, killed) == (1, -9)
    assert out.startswith("rank 0 stops, because rank 1 (process ") and out.endswith(") died\n")
    assert checkpoints(run_dir)[0].name == "step-000000020"
    assert [code for code, _, _ in run(text, run_dir, restarts=1)] == [0, 0]
    for name in ("step-000000030", "step-000000040"):
        tensors = f"checkpoints/{name}/tensors.safetensors"
        assert (run_dir / tensors).read_bytes() == (whole / tensors).read_bytes()
    ours, theirs = (read_model_folder(folder / "model").weights for folder in (run_dir, whole))
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_machines_with_disks_of_their_own_make_the_text_ready_each(text: Path, whole: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    outcomes = run(text, here, str(there), str(text))
    assert [code for code, _, _ in outcomes] == [0, 0], outcomes
    assert held_out(here) == held_out(whole)
    assert (there / "corpus").is_dir()
    assert not {"checkpoints", "model", "metrics.jsonl"} & {path.name for path in there.iterdir()}


def test_a_machine_with_another_text_is_refused(text: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(text.read_text(encoding="utf-8").replace("Ann", "Zoe"), encoding="utf-8")
    (_, first, _), (code, second, _) = run(text, tmp_path / "here", str(tmp_path / "there"), str(other))
    assert code == 1
    assert "there: rank 1 has another vocabulary than rank 0: expected" in second
    assert "rank 0 stops, because rank 1 ended: " in first and "has another vocabulary" in first


def test_more_processes_than_rows_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"train.rows is 3 and there are 4 processes: expected a row or more"
    ) as caught:
        DealtRows(ProcessGroup(0, 4), 3)
    assert "--rows, 4 at least" in caught.value.hint


@pytest.mark.parametrize(("ranks", "rows"), [(1, 5), (2, 5), (4, 5), (5, 5), (3, 128)])
def test_every_row_is_dealt_once_and_evenly(ranks: int, rows: int) -> None:
    dealt = DealtRows(ProcessGroup(0, ranks), rows).slices
    assert [row for one in dealt for row in range(rows)[one]] == list(range(rows))
    sizes = [one.stop - one.start for one in dealt]
    assert max(sizes) - min(sizes) <= 1
