"""Runs read back from their folders, compared, and drawn."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from elmo_cli.config import TINY, to_dict
from elmo_cli.errors import TextError
from elmo_cli.flows.model_results import ReportResult
from elmo_cli.flows.pretraining.compare_runs import compare_runs
from elmo_cli.flows.pretraining.runs import differing, is_run, read_runs
from elmo_cli.flows.report import report
from elmo_cli.flows.run_results import CompareRunsResult


def write_run(
    path: Path,
    *,
    train: dict[str, Any] | None = None,
    perplexities: tuple[float, ...] = (300.0, 200.0, 210.0),
    **record: Any,
) -> Path:
    """A run folder with a log of ten steps to each evaluation."""
    path.mkdir(parents=True)
    config = to_dict(replace(TINY, train=TINY.train.settled()))  # as a run records it
    config["train"] |= train or {}
    record = {"tool": "elmo 0.1.0", "preset": "tiny", "inputs": ["a.txt"], "device": "CPU", **record, "config": config}
    (path / "config.json").write_text(json.dumps(record), encoding="utf-8")
    records: list[dict[str, Any]] = []
    for number, perplexity in enumerate(perplexities, 1):
        step = 10 * number
        place = {"step": step, "epoch": number / 10, "words": 1000 * number, "seconds": 60.0 * number}
        records.append(
            place
            | {"loss_sampled": 5.0 / number, "learning_rate": 0.2, "gradient_norm": 3.0, "sampled": True}
            | {"words_per_second": 100.0 * number, "waiting_share": 0.01, "peak_memory_bytes": number * 10**9}
        )
        both = {"held_out_forward": perplexity - 1, "held_out_backward": perplexity + 1}
        records.append(place | {"held_out_perplexity": perplexity, **both, "best": True})
    (path / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def test_a_run_is_read_as_it_lies_there(tmp_path: Path) -> None:
    (run,) = read_runs([write_run(tmp_path / "run")])
    assert run.name == "run"
    assert run.steps == 30
    assert run.best is not None
    assert (run.best["step"], run.best["held_out_perplexity"]) == (20, 200.0)
    assert run.last("words") == 3000
    assert run.middle("words_per_second") == 200.0
    assert run.middle("peak_device_bytes") is None
    assert run.settings["train.rows"] == 16
    assert run.settings["inputs"] == ["a.txt"]


def test_runs_have_names_of_their_own(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / place) for place in ("a/run", "b/run", "c/other")]
    assert [run.name for run in read_runs(paths)] == ["a/run", "b/run", "c/other"]
    assert [run.name for run in read_runs(paths[1:])] == ["run", "other"]
    assert len({run.name for run in read_runs([paths[0], paths[0]])}) == 2


def test_settings_of_an_older_version_have_their_defaults(tmp_path: Path) -> None:
    new, old = write_run(tmp_path / "new"), write_run(tmp_path / "old")
    record = json.loads((old / "config.json").read_text())
    del record["config"]["train"]["patience"], record["config"]["input"]
    (old / "config.json").write_text(json.dumps(record))
    assert differing(read_runs([new, old])) == []


def test_settings_of_a_newer_version_are_shown_as_they_stand(tmp_path: Path) -> None:
    new, old = write_run(tmp_path / "new", train={"magic": 7}), write_run(tmp_path / "old")
    assert differing(read_runs([new, old])) == ["train.magic"]


def test_the_best_run_comes_first_with_what_sets_it_apart(tmp_path: Path) -> None:
    paths = [
        write_run(tmp_path / "slow", train={"learning_rate": 0.05}, perplexities=(400.0, 350.0)),
        write_run(tmp_path / "begun", train={"learning_rate": 0.1}, perplexities=()),
        write_run(tmp_path / "good", train={"learning_rate": 0.2}),
    ]
    (result,) = compare_runs(paths)
    assert isinstance(result, CompareRunsResult)
    assert result.differing == ["train.learning_rate"]
    assert [run.name for run in result.runs] == ["good", "slow", "begun"]
    good = result.runs[0]
    assert good.settings == {"train.learning_rate": 0.2}
    assert (good.steps, good.words, good.seconds, good.words_per_second) == (30, 3000, 180.0, 200.0)
    assert (good.held_out_perplexity, good.held_out_forward, good.held_out_backward) == (200.0, 199.0, 201.0)
    assert good.held_out_step == 20
    begun = result.runs[2]
    assert (begun.steps, begun.words, begun.held_out_perplexity, begun.train_perplexity_sampled) == (
        0,
        None,
        None,
        None,
    )


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    assert not is_run(tmp_path)
    with pytest.raises(TextError, match=r"expected the folder of a run, with config\.json and metrics\.jsonl"):
        list(compare_runs([tmp_path]))
    run = write_run(tmp_path / "run")
    (run / "config.json").write_text('{"config": ')
    with pytest.raises(TextError, match=r"config\.json: not the settings of a run: JSONDecodeError"):
        list(compare_runs([run]))


def page(paths: list[Path], tmp_path: Path) -> str:
    *_, result = report(paths, tmp_path / "page.html", overwrite=True)
    assert isinstance(result, ReportResult)
    assert result.kind == ("run" if len(paths) == 1 else "runs")
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_page_of_a_run_has_its_curves_figures_and_settings_with_their_meaning(tmp_path: Path) -> None:
    html = page([write_run(tmp_path / "run")], tmp_path)
    assert html.count('class="chart"') == 8
    assert "<h1><bdi" in html
    assert "Training run run" in html
    assert "<b>200</b>" in html
    assert "The lowest held-out perplexity is 200.0." in html
    assert "training loss, nats (sampled softmax, dropout on)" in html
    assert "its exponential is no perplexity" in html
    assert "At most 1.0% of a step is spent waiting" in html
    assert "Training runs at 300 words per second in the end." in html
    assert "The peak of memory is 3.00 GB." in html
    row = re.search(r"<tr><td><bdi[^>]*>train\.window</bdi></td>.*?</tr>", html)
    assert row is not None
    assert ">20<" in row[0]
    assert "positions per row and step" in row[0]
    assert "http:" not in re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)


def test_the_page_of_several_runs_lays_them_over_one_another(tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", train={"rows": 8}, perplexities=(190.0,))
    html = page([write_run(tmp_path / "run"), other], tmp_path)
    assert "2 training runs" in html
    assert "The lowest held-out perplexity is 190.0 (other)." in html
    assert "Settings in which the runs differ." in html
    tables = html.split("Settings in which the runs differ.")[1].split("All settings")[0]
    assert re.findall(r"<td><bdi[^>]*>([\w.]+)</bdi></td><td>", tables)[0] == "train.rows"
    assert "train.window" not in tables


def test_the_page_of_an_older_run_runs_over_steps_and_says_what_is_missing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    measured = ("words", "words_per_second", "waiting_share", "peak_memory_bytes", "seconds", "sampled")
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kept = [{name: value for name, value in record.items() if name not in measured} for record in records]
    (run / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in kept))
    html = page([run], tmp_path)
    assert html.count('class="chart"') == 5
    assert "These runs do not record them." in html


def test_the_page_tells_of_back_offs_and_of_a_run_without_an_evaluation(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", perplexities=())
    back = {"step": 21, "back_off": {"step": 30, "to_step": 20, "rate_scale": 0.5}}
    nan = {"step": 20, "words": 9, "loss_sampled": 4.0, "gradient_norm": float("inf"), "sampled": False}
    (run / "metrics.jsonl").write_text(json.dumps(nan) + "\n" + json.dumps(back) + "\n")
    html = page([run], tmp_path)
    assert "At step 30 the loss was no number; it went back to step 20, and on from there at 0.5 of the rate." in html
    assert "Nothing was measured yet." in html
    assert "training loss, nats (full softmax, dropout on)" in html


def test_several_paths_have_to_be_runs(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    with pytest.raises(TextError, match="corpus: expected the folder of a run"):
        list(report([write_run(tmp_path / "run"), tmp_path / "corpus"], tmp_path / "page.html"))
