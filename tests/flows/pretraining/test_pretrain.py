"""From text to a model: whole runs on the tiny end, killed and resumed ones included."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.config import SplitConfig
from elmo_cli.errors import ConfigError, OutputError, TextError
from elmo_cli.flows.corpora.corpus import _suitable_share
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.flows.pretraining.run_settings import suitable_preset
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.flows.run_results import PretrainResult
from elmo_cli.formats.model_folder import read_model_folder
from elmo_cli.train.checkpoint import checkpoints
from elmo_cli.train.metrics import MEASURED, read_metrics

SETTINGS: dict[str, Any] = {
    "model": {
        "char_cnn": {"embedding_dim": 4, "filters": [[1, 8], [2, 16]], "max_characters": 12},
        "lstm": {"cell_dim": 16, "projection_dim": 8},
    },
    "train": {"rows": 4, "window": 5, "negatives": 20, "steps": 40, "evaluate_every": 20, "checkpoint_every": 10},
    "vocabulary": {"min_count": 1},
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hundred sentences that a model of this size can learn something about."""
    rng = np.random.default_rng(1)
    people, things = ["Ann", "Bob", "Cem", "Dörte", "Eve"], ["apples", "bread", "cheese", "tea", "figs", "rice"]
    lines = [
        f"{rng.choice(people)} likes {rng.choice(things)} and {rng.choice(things)} ."
        if rng.random() < 0.7
        else f"Does {rng.choice(people)} eat {rng.choice(things)} ?"
        for _ in range(600)
    ]
    path = tmp_path_factory.mktemp("text") / "people.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(text: Path | None, run_dir: Path, **changes: Any) -> list[Report]:
    settings = {**SETTINGS, "train": {**SETTINGS["train"], **changes.pop("train", {})}}
    inputs = [str(text)] if text else []
    return list(pretrain(inputs, run_dir, preset="tiny", settings=settings, device="cpu", threads=1, **changes))


def result_of(reports: list[Report]) -> PretrainResult:
    assert isinstance(reports[-1], PretrainResult)
    return reports[-1]


def model_bytes(run_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run_dir / "model").iterdir()) if path.suffix == ".hdf5"}


def unmeasured(run_dir: Path) -> list[dict[str, Any]]:
    """Records without the figures that differ from one time to the next."""
    records = read_metrics(run_dir / "metrics.jsonl")
    return [{name: value for name, value in record.items() if name not in MEASURED} for record in records]


@pytest.fixture(scope="module")
def finished(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Report]]:
    run_dir = tmp_path_factory.mktemp("runs") / "finished"
    return run_dir, run(text, run_dir)


def test_a_run_leaves_a_published_model_a_record_and_its_last_checkpoints(
    finished: tuple[Path, list[Report]],
) -> None:
    run_dir, reports = finished
    result = result_of(reports)
    files = read_model_folder(run_dir)
    assert files.softmax is not None
    assert files.info["held_out"]["perplexity"] == pytest.approx(result.held_out_perplexity)
    assert files.info["training"]["steps"] == result.held_out_step
    assert files.info["text"]["tokenizer"] == "words"
    assert json.loads((run_dir / "model/options.json").read_text())["char_cnn"]["n_characters"] == 262
    record = json.loads((run_dir / "config.json").read_text())
    assert record["config"]["train"]["steps"] == 40
    assert record["preset"] == "tiny"
    assert [folder.name for folder in checkpoints(run_dir)] == ["step-000000040", "step-000000030"]


def test_perplexity_falls_and_the_figures_agree_with_the_log(finished: tuple[Path, list[Report]]) -> None:
    run_dir, reports = finished
    result, records = result_of(reports), read_metrics(run_dir / "metrics.jsonl")
    measured = {record["step"]: record["held_out_perplexity"] for record in records if "held_out_perplexity" in record}
    assert list(measured) == [20, 40]
    assert measured[40] < measured[20] < 18  # 18 words
    assert result.held_out_perplexity == pytest.approx(min(measured.values()))
    losses = [record["loss_sampled"] for record in records if "loss_sampled" in record]
    assert len(losses) == 4
    assert result.train_perplexity_sampled == pytest.approx(np.exp(np.mean(losses)))
    assert result.steps == 40
    progress = [report for report in reports if isinstance(report, Progress) and report.stage == "training"]
    assert progress[-1].done == progress[-1].total == result.words
    # 20 positions a step, of which one per sentence is its end: a sentence has 4.9 words on average.
    assert result.words == pytest.approx(40 * 20 * 0.83, rel=0.03)
    notices = " ".join(report.text for report in reports if isinstance(report, Notice))
    assert "held-out perplexity" in notices
    assert "40 steps of 4 x 5 positions" in notices


def test_a_closed_run_goes_on_as_if_nothing_had_happened(
    text: Path, finished: tuple[Path, list[Report]], tmp_path: Path
) -> None:
    whole, reports = finished
    # Closing the generator after some reports stands in for a kill, wherever in the run it falls.
    for stop in (3, len(reports) // 3, len(reports) // 2, len(reports) - 2):
        run_dir = tmp_path / f"stopped-{stop}"
        flow = pretrain([str(text)], run_dir, preset="tiny", settings=SETTINGS, device="cpu", threads=1)
        list(islice(flow, stop))
        flow.close()  # type: ignore[attr-defined]
        again = result_of(run(text, run_dir, resume=True))
        assert model_bytes(run_dir) == model_bytes(whole)
        assert again.held_out_perplexity == result_of(reports).held_out_perplexity
        assert again.train_perplexity_sampled == result_of(reports).train_perplexity_sampled
        assert unmeasured(run_dir) == unmeasured(whole)


def test_a_finished_run_can_be_trained_longer(text: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run(text, run_dir, train={"steps": 20})
    longer = result_of(run(None, run_dir, train={"steps": 30}, resume=True))
    assert longer.steps == 30


def test_a_finished_run_resumed_reports_what_it_reached(text: Path, finished: tuple[Path, list[Report]]) -> None:
    run_dir, reports = finished
    again = result_of(run(text, run_dir, resume=True))
    assert again.held_out_perplexity == result_of(reports).held_out_perplexity
    assert again.words_per_second == 0


def test_a_run_is_not_overwritten_and_its_settings_do_not_change(
    text: Path, finished: tuple[Path, list[Report]]
) -> None:
    run_dir, _ = finished
    with pytest.raises(OutputError, match=r"finished: holds a run already") as caught:
        run(text, run_dir)
    assert "--resume" in caught.value.hint
    with pytest.raises(ConfigError, match=r"settings it began with; changed: train.rows"):
        run(text, run_dir, train={"rows": 5}, resume=True)


def test_a_folder_that_is_no_run_is_left_alone(text: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="exists and is not a run of elmo pretrain; nothing was changed"):
        run(text, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_without_text_and_without_a_run_there_is_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run to resume and no text to train on"):
        run(None, tmp_path / "run", resume=True)


def test_a_text_too_short_for_one_step_says_so(tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("One sentence.\nAnother one.\nA third.\n")
    with pytest.raises(TextError, match=r"has \d+ positions .* one step needs 4 rows x 5 = 20"):
        run(short, tmp_path / "run")


def test_validation_text_and_vocabulary_of_ones_own_are_used(text: Path, tmp_path: Path) -> None:
    validation, vocabulary = tmp_path / "validation.txt", tmp_path / "words.txt"
    validation.write_text("Ann likes tea and rice .\nDoes Zoe eat figs ?\n", encoding="utf-8")
    vocabulary.write_text("tea\n</S>\nAnn\n<UNK>\n<S>\nlikes\n", encoding="utf-8")
    run_dir = tmp_path / "run"
    run(text, run_dir, validation=[str(validation)], vocabulary_path=vocabulary, train={"steps": 5})
    assert (run_dir / "model/vocab.txt").read_text(encoding="utf-8").split() == vocabulary.read_text().split()
    files = read_model_folder(run_dir)
    assert files.info["held_out"]["targets_per_direction"] == 6 + 1 + 5 + 1
    assert files.info["training"]["sentences"] == 600
    # As if it had been killed before the vocabulary was copied: the one that was named comes back.
    (run_dir / "vocab.txt").unlink()
    run(None, run_dir, train={"steps": 6}, resume=True)
    assert (run_dir / "vocab.txt").read_text(encoding="utf-8").split() == vocabulary.read_text().split()


def prepared(text: Path, folder: Path, held_out: float) -> Path:
    list(prepare([str(text)], folder, split=SplitConfig(held_out=held_out)))
    return folder


def test_a_prepared_folder_is_trained_on_as_it_is(text: Path, tmp_path: Path) -> None:
    corpus = prepared(text, tmp_path / "corpus", 0.1)
    result = result_of(run(corpus, tmp_path / "run", train={"steps": 5}))
    assert result.held_out_text == str(corpus)
    assert not (tmp_path / "run/corpus").exists()
    again = result_of(run(corpus, tmp_path / "run", train={"steps": 10}, resume=True))
    assert again.steps == 10
    assert result_of(run(None, tmp_path / "run", train={"steps": 12}, resume=True)).steps == 12
    other = run(text, tmp_path / "run", train={"steps": 14}, resume=True)
    warnings = [report.text for report in other if isinstance(report, Notice) and report.warning]
    assert warnings == [f"going on with the text that the run began with: {corpus}"]
    assert not (tmp_path / "run/corpus").exists()


def test_a_prepared_folder_without_held_out_text_needs_validation_text(text: Path, tmp_path: Path) -> None:
    corpus = prepared(text, tmp_path / "corpus", 0.0)
    with pytest.raises(TextError, match="nothing was held out of it, and training needs text to measure on"):
        run(corpus, tmp_path / "run")
    result = result_of(run(corpus, tmp_path / "other", train={"steps": 5}, validation=[str(text)]))
    assert result.held_out_text == str(text)


@pytest.mark.parametrize(
    ("size", "share"), [(2_000, 0.1), (110_000, 0.1), (550_000, 0.05), (50_000_000, 0.02), (0, 0.02)]
)
def test_of_a_small_text_a_larger_share_is_held_out(size: int, share: float, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"x" * size)
    assert _suitable_share([str(path)]) == pytest.approx(share)
    assert _suitable_share([str(path), "-"]) == 0.02


@pytest.mark.parametrize(
    ("device", "words", "expected"),
    [("cpu", 30_000, "tiny"), ("cpu", 3_000_000, "compact"), ("cuda", 30_000, "compact"), ("cuda", 10**9, "original")],
)
def test_the_preset_suits_machine_and_corpus(device: str, words: int, expected: str) -> None:
    import torch

    assert suitable_preset(words, torch.device(device)) == expected
