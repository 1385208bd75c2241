"""Every part on a miniature model: what is measured, what is written, and what people read of it."""

import doctest
import importlib
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import corpus_parts, inference_parts, run, session, text_parts, texts, training_parts
from benchmarks.figures import Figure, model_figure
from benchmarks.flops import Product
from benchmarks.lab import Bench, Lab
from benchmarks.limits import LARGE, ProductLimits
from benchmarks.machine import is_busy
from benchmarks.plans import CUDA, PLANS, TINY, Plan
from benchmarks.recorder import recorded
from benchmarks.report import main as report
from benchmarks.session import FORMAT, MODEL_PARTS, PARTS
from benchmarks.texts import BenchText
from benchmarks.timing import Timing
from elmo_cli.errors import ElmoError
from elmo_cli.flows.models.token_vectors import spellings

FOLDER = Path(run.__file__).parent


@pytest.fixture(scope="module")
def measured(small_text: BenchText, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JSON of a run of the tiny plan."""
    out = tmp_path_factory.mktemp("bench") / "tiny.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "find_text", lambda folder: small_text)
        patch.setattr(texts, "SYNTHETIC_TOKENS", 20_000)
        patch.setattr(corpus_parts, "BOOKS", tmp_path_factory.mktemp("no-books"))
        assert run.main(["--plan", "tiny", "--seconds", "0.01", "--threads", "1", "--out", str(out)]) == 0
    return out


@pytest.fixture
def content(measured: Path) -> dict[str, Any]:
    """What it says."""
    return json.loads(measured.read_text(encoding="utf-8"))


def test_the_json_says_what_was_measured_where_and_when(content: dict[str, Any]) -> None:
    assert content["format"] == FORMAT
    assert content["plan"] == "tiny"
    assert content["is_whole"]
    assert content["date"].startswith("20")
    assert "Python's documentation" in content["text"]
    assert content["drawn_text"] == ["miniature, drawn text, 4 rows, bf16"]
    machine = content["machine"]
    assert machine["device"] == "cpu"
    assert machine["threads"] == 1
    assert machine["torch"] == torch.__version__
    assert {"cpu", "cores", "load_average", "python", "vector_units", "float32_products"} <= machine.keys()


def test_every_part_gives_figures_for_every_case(content: dict[str, Any]) -> None:
    parts = [(figure["case"], figure["part"]) for figure in content["figures"]]
    for case in TINY.cases:
        assert {part for where, part in parts if where == case.title} == set(MODEL_PARTS)
    assert {part for _, part in parts} == set(PARTS)


def test_every_figure_has_its_fields_and_its_spread(content: dict[str, Any]) -> None:
    names = {field.name for field in fields(Figure)}
    for figure in content["figures"]:
        assert figure.keys() == names
        assert 0 < figure["low"] <= figure["median"] <= figure["high"], figure
        assert figure["repeats"] >= 3 or figure["part"] == "corpus", "a stage of a corpus takes seconds to minutes"
        assert figure["explanation"]
        counted = [figure[name] for name in ("flops_per_unit", "gflops", "share_of_products", "share_of_large")]
        assert all(value is None for value in counted) or all(value > 0 for value in counted)
        if figure["gflops"]:
            assert figure["gflops"] == pytest.approx(figure["median"] * figure["flops_per_unit"] / 1e9)


def test_the_stages_of_a_step_are_parts_of_it(content: dict[str, Any]) -> None:
    for case in TINY.cases:
        stages = [figure for figure in content["figures"] if figure["case"] == case.title]
        times = {figure["name"]: figure["step_milliseconds"] for figure in stages if figure["step_milliseconds"]}
        assert list(times) == [
            "training step",
            "batch assembly",
            "character CNN, forward",
            "character CNN, backward",
            "LSTM, forward and backward",
            "draw negatives",
            "sampled softmax, forward and backward",
            "clip and update",
        ]


def test_the_words_of_a_step_are_counted_as_pretraining_counts_them(
    content: dict[str, Any], small_text: BenchText
) -> None:
    step = next(figure for figure in content["figures"] if figure["name"] == "training step")
    words, ends = sum(map(len, small_text.sentences)), len(small_text.sentences)
    assert step["median"] / step["details"]["positions_per_second"] == pytest.approx(words / (words + ends))
    assert step["median"] == pytest.approx(4 * 5 * words / (words + ends) / (step["step_milliseconds"] / 1000))


def test_the_report_shows_every_figure_and_takes_steps_apart(
    measured: Path, content: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert report([str(measured)]) == 0
    lines = capsys.readouterr().out.splitlines()
    tables = [line for line in lines if line.startswith("| ")]
    for figure in content["figures"]:
        assert any(line.startswith(f"| {figure['name']} | ") for line in tables)
    assert len({line.count("|") for line in tables}) == 2  # figures, and stages of a step
    assert [line for line in tables if line.startswith("| the whole step")] != []
    assert any(line.startswith("**miniature, 4 rows**, window 5, vocabulary ") for line in lines)
    assert any("log-uniform" in line and "miniature, drawn text, 4 rows, bf16." in line for line in lines)


def test_the_report_refuses_what_no_run_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.json"
    assert report([]) == 2
    assert report([str(other)]) == 1
    other.write_text('{"format": 99}', encoding="utf-8")
    assert report([str(other)]) == 1
    err = capsys.readouterr().err
    assert "cannot be read" in err
    assert f"format 99, this version reads {FORMAT}" in err


def test_the_readme_names_every_part_and_figure(content: dict[str, Any]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for figure in content["figures"]:
        assert f"| {figure['name']} |" in readme
    for part in PARTS[1:]:
        assert f"| `{part}` |" in readme


def test_plans_name_parts_that_exist_and_fit_their_vocabularies() -> None:
    for plan in PLANS.values():
        assert len({case.title for case in plan.cases}) == len(plan.cases)
        for case in plan.cases:
            assert set(case.parts) <= set(MODEL_PARTS)
            assert (case.evaluate_words > 0) == ("evaluate" in case.parts)
            assert (case.embed_sentences > 0) == ("embed" in case.parts)
            assert case.vocabulary_size is None or case.vocabulary_size > case.config.train.negatives
            assert not case.drawn or case.vocabulary_size is not None
    gpu = {case.title: case for case in CUDA.cases if case.name == "original"}
    assert set(gpu) == {"original, 128 rows, bf16", "original, 512 rows, bf16"}
    assert {(case.vocabulary_size, case.config.train.negatives) for case in gpu.values()} == {(793_471, 8_192)}


def test_a_figure_s_shares_are_of_the_products_alone() -> None:
    limits = ProductLimits(torch.device("cpu"), 0.0)
    limits._measured = {LARGE: Timing((0.5,)), Product(8, 8, 8): Timing((0.002, 0.001, 0.003))}
    figure = model_figure(
        limits,
        Timing((0.1, 0.2, 0.4), peak_memory=2**30),
        units=10,
        products=[Product(8, 8, 8, times=50)] * 2,
        runs=2,
        part="lstm",
        case="case",
        name="name",
        unit="words/s",
        explanation="why",
    )
    assert (figure.median, figure.low, figure.high) == (50, 25, 100)
    assert figure.flops_per_unit == 2 * 8**3 * 50 / 10
    assert figure.gflops == pytest.approx(2 * 8**3 * 50 / 0.2 / 1e9)
    assert figure.share_of_products == pytest.approx(50 * 0.002 / 0.2)
    assert figure.share_of_large == pytest.approx(2 * 8**3 * 50 / 0.2 / limits.large_rate)
    assert figure.step_milliseconds is None
    assert figure.details == {"peak_memory_gib": 1.0}


def test_the_recorder_sees_what_a_step_computes(small_text: BenchText, tmp_path: Path) -> None:
    device = torch.device("cpu")
    lab = Lab(Bench(device, 0.0, small_text, tmp_path, ProductLimits(device, 0.0)), TINY.cases[0])
    with recorded(lab.bilm) as calls:
        lab.trainer.step()
    assert calls.batch_sizes == [(4,) * 5]
    assert calls.positions == 20
    assert calls.types == len(lab.batch.chars_UW)
    assert len(calls.forward()) == 2 + 2 + 1 + 2 * 3  # convolutions, highway, projection, LSTM layers
    assert not lab.bilm.token_encoder._forward_pre_hooks
    types = lab.trainer.windows.batch(0).inputs_GBT
    assert lab.batch.targets_N.shape == (types.size,)
    assert (lab.batch.chars_UW == spellings(lab.text, torch.unique(torch.from_numpy(types)).numpy(), lab.bilm)).all()


def test_shares_are_of_products_in_the_figure_s_own_precision(
    small_text: BenchText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_parts, "gpu_precisions", lambda device: ("tf32", "bf16"))
    device = torch.device("cpu")
    bench = Bench(device, 0.0, small_text, tmp_path, ProductLimits(device, 0.0))
    for number, precision in enumerate(("fp32", "tf32", "bf16")):
        bench.limits.of(precision).large_rate = 10.0 ** (9 + number)
    monkeypatch.setattr(texts, "SYNTHETIC_TOKENS", 20_000)
    lab = Lab(bench, next(case for case in TINY.cases if case.config.train.precision == "bf16"))
    figures = {figure.name: figure for figure in [*inference_parts.evaluate(lab), *training_parts.lstm(lab)]}
    shares = {name: figure.gflops / figure.share_of_large for name, figure in figures.items()}  # type: ignore[operator]
    assert shares == pytest.approx(
        {
            "full-softmax evaluation": 1,
            "full-softmax evaluation, tf32": 10,
            "full-softmax evaluation, bf16": 100,
            "LSTM, forward": 100,
            "LSTM, forward and backward": 100,
        }
    )


def test_every_precision_of_a_gpu_is_measured_and_named_in_the_readme(
    small_text: BenchText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference_parts, "gpu_precisions", lambda device: ("bf16",))
    plan = Plan(name="one", cases=(TINY.cases[0],))
    device = torch.device("cpu")
    figures = list(
        session.measure_all(plan, device, small_text, tmp_path, seconds=0.0, only={"evaluate", "embed", "embed-files"})
    )
    names = [figure.name for figure in figures]
    for name in ("large product", "full-softmax evaluation"):
        assert [found for found in names if found.startswith(name)] == [name, f"{name}, bf16"]
    assert {"embed", "embed, bf16", "embed to a file, flat"} <= set(names)
    assert next(figure for figure in figures if figure.name == "embed to a file, flat").details["precision"] == "bf16"
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in names:
        assert f"| {name} |" in readme
        assert f"| {name.replace('bf16', 'tf32')} |" in readme


def test_a_gpu_without_units_for_them_has_no_other_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inference_parts.gpu_precisions(torch.device("cpu")) == ()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
    assert inference_parts.gpu_precisions(torch.device("cuda")) == ()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert inference_parts.gpu_precisions(torch.device("cuda")) == ("tf32", "bf16")


def test_steps_are_timed_when_no_new_graph_has_come_for_a_while() -> None:
    captures = {3, 5, 24}
    program = SimpleNamespace(num_graphs=0, captures=True)
    trainer: Any = SimpleNamespace(static=SimpleNamespace(program=program), steps=0)

    def step() -> None:
        trainer.steps += 1
        program.num_graphs += trainer.steps in captures

    trainer.step = step
    training_parts.settle(trainer)
    assert trainer.steps == 24 + training_parts.SETTLED_STEPS
    program.captures = False
    training_parts.settle(trainer)
    trainer.static = None
    training_parts.settle(trainer)
    assert trainer.steps == 24 + training_parts.SETTLED_STEPS, "what captures nothing has nothing to wait for"


def test_shapes_that_never_settle_are_not_waited_for_for_ever() -> None:
    program = SimpleNamespace(num_graphs=0, captures=True)

    def step() -> None:
        program.num_graphs += 1

    trainer: Any = SimpleNamespace(static=SimpleNamespace(program=program), step=step)
    training_parts.settle(trainer)
    assert program.num_graphs == training_parts.MOST_STEPS


def test_a_part_that_the_machine_s_libraries_cannot_do_costs_no_other(
    small_text: BenchText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(lab: Lab) -> Iterator[Figure]:
        yield from training_parts.batches(lab)
        raise RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED")

    monkeypatch.setitem(MODEL_PARTS, "cudnn", lacking)
    plan, device = Plan(name="one", cases=(TINY.cases[0],)), torch.device("cpu")
    figures = session.measure_all(plan, device, small_text, tmp_path, seconds=0.0, only={"cudnn", "optimizer"})
    assert [figure.part for figure in figures] == ["limit", "batches", "optimizer"]
    assert capsys.readouterr().err == (
        "cudnn of miniature, 4 rows is left out: cuDNN error: CUDNN_STATUS_NOT_SUPPORTED\n"
    )


def test_what_is_measured_is_on_the_disk_after_every_case(
    small_text: BenchText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(lab: Lab) -> Iterator[Figure]:
        if lab.case is TINY.cases[1]:
            raise KeyboardInterrupt
        return training_parts.batches(lab)

    monkeypatch.setattr(run, "find_text", lambda folder: small_text)
    monkeypatch.setattr(texts, "SYNTHETIC_TOKENS", 20_000)
    monkeypatch.setitem(MODEL_PARTS, "optimizer", killed)
    out = tmp_path / "tiny.json"
    words = ["--plan", "tiny", "--only", "batches", "optimizer", "--seconds", "0", "--out", str(out)]
    with pytest.raises(KeyboardInterrupt):
        run.main(words)
    content = json.loads(out.read_text(encoding="utf-8"))
    assert not content["is_whole"]
    assert {figure["case"] for figure in content["figures"]} == {"text", TINY.cases[0].title}
    capsys.readouterr()
    assert report([str(out)]) == 0
    assert "The run ended before its time" in capsys.readouterr().out


def test_without_the_package_of_the_tokenizer_its_part_is_left_out(
    small_text: BenchText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking(line: str) -> list[list[str]]:
        raise ElmoError("a package is not installed")

    monkeypatch.setattr(text_parts, "make_tokenizer", lambda config: SimpleNamespace(sentences=lacking))
    device = torch.device("cpu")
    bench = Bench(device, 0.0, small_text, tmp_path, ProductLimits(device, 0.0))
    assert list(text_parts.tokenise(bench)) == []
    assert capsys.readouterr().err == "tokenise is left out: a package is not installed\n"


def test_busy_cores_are_seen() -> None:
    assert is_busy({"load_average": 1.5, "cores": 2})
    assert not is_busy({"load_average": 0.1, "cores": 2})
    assert not is_busy({"load_average": None, "cores": 2})


def test_busy_cores_are_warned_of(
    small_text: BenchText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "find_text", lambda folder: small_text)
    monkeypatch.setattr(run, "is_busy", lambda machine: True)
    out = tmp_path / "one.json"
    assert run.main(["--plan", "tiny", "--only", "tokenise", "--seconds", "0", "--out", str(out)]) == 0
    written = capsys.readouterr()
    assert "warning: load average" in written.err
    assert "tokenise" in written.out
    assert "MB/s" in written.out
    assert [figure["part"] for figure in json.loads(out.read_text())["figures"]] == ["limit", "limit", "tokenise"]


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--device", "tpu"], "expected auto, cpu, cuda"), (["--threads", "9999"], "--threads 9999: expected 1 to")],
)
def test_a_setting_that_does_not_fit_says_so(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(words) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("path", [path for path in sorted(FOLDER.glob("*.py")) if ">>> " in path.read_text()])
def test_the_examples_in_docstrings_hold(path: Path) -> None:
    outcome = doctest.testmod(importlib.import_module(f"benchmarks.{path.stem}"))
    assert outcome.attempted
    assert not outcome.failed
