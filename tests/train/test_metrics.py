"""The metrics file survives kills and resumes."""

from pathlib import Path

import pytest

from elmo_cli.errors import OutputError
from elmo_cli.train.metrics import MetricsLog, read_metrics


def test_records_of_steps_that_will_be_done_again_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, 0)
    for step in (10, 20, 30):
        log.append(step=step, loss_sampled=1 / step)
    MetricsLog(path, 20).append(step=25, loss_sampled=0.5)
    assert [record["step"] for record in read_metrics(path)] == [10, 20, 25]


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    MetricsLog(path, 0).append(step=1)
    with path.open("a") as stream:
        stream.write('{"step": 2, "los')
    assert read_metrics(path) == [{"step": 1}]
    MetricsLog(path, 1).append(step=2)
    assert read_metrics(path) == [{"step": 1}, {"step": 2}]


def test_a_spoiled_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"st\xffep": 2}\n[3]\n"four"\n{"step": "five"}\n{"step": 6}\n')
    assert read_metrics(path) == [{"step": 1}, {"step": 6}]


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "nowhere" / "metrics.jsonl", 0)
    with pytest.raises(OutputError, match=r"metrics\.jsonl: cannot be written: No such file or directory"):
        log.append(step=1)
