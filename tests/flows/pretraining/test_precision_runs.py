"""Runs whose products are less exact."""

import json
from pathlib import Path

import pytest
import torch

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig, TrainConfig
from elmo_cli.errors import ConfigError
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.reports import Notice
from elmo_cli.model import precision
from elmo_cli.text.store import encode
from elmo_cli.text.vocabulary import Vocabulary
from tests.flows.pretraining.test_pretrain import result_of, run

MODEL = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 16), (2, 32)), max_characters=12, highways=1),
    lstm=LstmConfig(cell_dim=64, projection_dim=32),
)


@pytest.fixture(autouse=True)
def rounds_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small matrices are rounded as well."""
    monkeypatch.setattr(precision, "SMALL_MATRIX", 0)
    monkeypatch.setattr(precision, "SMALL_PRODUCT", 0)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "people.txt"
    people, things = ["Ann", "Bob", "Cem", "Eve"], ["tea", "figs", "rice", "bread", "cheese"]
    lines = [f"{people[n % 4]} likes {things[n * n % 5]} and {things[n // 3 % 5]} .\n" for n in range(400)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def trainer(named: str, negatives: int) -> Trainer:
    words = [f"w{n}" for n in range(200)]
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", *words])
    sentences = [[words[(n * n + k) % 200] for k in range(7)] for n in range(300)]
    train = TrainConfig(rows=8, window=10, negatives=negatives, dropout=0.0, precision=named)
    return Trainer(MODEL, train, encode(sentences, vocabulary, 12), torch.device("cpu"))


@pytest.mark.parametrize("negatives", [50, 5000], ids=["sampled softmax", "full softmax"])
def test_a_step_in_bf16_goes_where_one_in_fp32_goes(negatives: int) -> None:
    exact, rounded = trainer("fp32", negatives), trainer("bf16", negatives)
    before = {name: value.detach().clone() for name, value in exact.parameters.items()}
    losses = exact.step().loss, rounded.step().loss
    assert losses[0] != losses[1], "nothing was rounded"
    assert losses[1] == pytest.approx(float(losses[0]), rel=5e-3)
    for name, begin in before.items():
        moved = [(one.parameters[name].detach() - begin).flatten() for one in (exact, rounded)]
        assert rounded.parameters[name].dtype == torch.float32
        assert torch.cosine_similarity(*moved, dim=0) > 0.99, name
    assert all(part.dtype == torch.float32 for part in rounded.state)


def test_a_run_in_bf16_reaches_what_one_in_fp32_reaches_and_keeps_its_precision(text: Path, tmp_path: Path) -> None:
    reached = {}
    for named in ("fp32", "bf16"):
        reports = run(text, tmp_path / named, train={"precision": named})
        reached[named] = result_of(reports).held_out_perplexity
        assert json.loads((tmp_path / named / "config.json").read_text())["config"]["train"]["precision"] == named
    assert reached["bf16"] == pytest.approx(reached["fp32"], rel=0.01)
    with pytest.raises(ConfigError, match=r"a run goes on with the settings it began with; changed: train\.precision"):
        run(text, tmp_path / "bf16", resume=True, train={"precision": "fp32"})


def test_a_killed_run_in_bf16_goes_on_to_the_bit(text: Path, tmp_path: Path) -> None:
    train = {"precision": "bf16", "steps": 20}
    run(text, tmp_path / "whole", train=train)
    run(text, tmp_path / "parts", train={**train, "steps": 10})
    run(text, tmp_path / "parts", train=train, resume=True)
    newest = "checkpoints/step-000000020/tensors.safetensors"
    assert (tmp_path / "parts" / newest).read_bytes() == (tmp_path / "whole" / newest).read_bytes()


def test_a_processor_without_units_for_it_is_named(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_fast_bf16", lambda _: False)
    reports = run(text, tmp_path / "run", train={"precision": "bf16", "steps": 2})
    assert [report.text for report in reports if isinstance(report, Notice) and "precision" in report.text] == [
        "precision bf16: this processor has no units for it, so it is slower than --precision fp32"
    ]


def test_tf32_is_refused_before_anything_is_made(text: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="precision tf32: CPUs have no such products, only CUDA devices"):
        run(text, tmp_path / "run", train={"precision": "tf32"})
    assert not (tmp_path / "run" / "config.json").exists()


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"train\.precision must be fp32, tf32, bf16, not 'fp8'"):
        TrainConfig(precision="fp8")


def test_a_precision_that_is_not_there_is_refused_before_there_is_a_folder(text: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="precision tf32: CPUs have no such products"):
        list(pretrain([str(text)], tmp_path / "run", settings={"train": {"precision": "tf32"}}, device="cpu"))
    assert list(tmp_path.iterdir()) == []
