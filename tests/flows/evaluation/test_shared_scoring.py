"""Two processes give the figures of one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elmo_cli.flows.evaluation.compare import compare
from elmo_cli.flows.evaluation.evaluate import evaluate
from elmo_cli.flows.evaluation.reference_evaluation import evaluate_as_reference
from elmo_cli.flows.reports import Reports
from tests.flows.small_model import SmallModel
from tests.two_processes import ROOT, run_two

SENTENCES = ["the bank .", "a river", "the .", "a very long way to the bank of the river , a bank . . .", "a"]

SCRIPT = """
import json, sys
from pathlib import Path
from elmo_cli.flows.evaluation.compare import compare
from elmo_cli.flows.evaluation.evaluate import evaluate
from elmo_cli.flows.evaluation.reference_evaluation import evaluate_as_reference

model, other, text, folder = sys.argv[1:]
at = {"device": "cpu", "batch_tokens": 5}
flows = [
    evaluate(model, [text], **at),
    evaluate(model, [text], context="stream", **at),
    evaluate_as_reference(model, [text], rows=2, **at),
    evaluate_as_reference(model, [text], rows=9, **at),
    compare([model, other], [text], **at),
    evaluate(model, [text], scores_dir=Path(folder, "kept"), sentences_table=Path(folder, "s.tsv"), **at),
    evaluate(model, [text], scores_dir=Path(folder, "kept"), **at),
]
print(json.dumps([list(flow)[-1].to_json() for flow in flows]))
"""


def timeless(found: Any) -> Any:
    """A result without what depends on time."""
    if isinstance(found, dict):
        times = ("seconds", "words_per_second")
        return {name: timeless(value) for name, value in found.items() if name not in times}
    return [timeless(value) for value in found] if isinstance(found, list) else found


def last(flow: Reports) -> Any:
    *_, result = flow
    return timeless(json.loads(json.dumps(result.to_json())))  # type: ignore[attr-defined]


def assert_same(found: Any, expected: Any) -> None:
    """Equal but for rounding: a process computes the vectors of its own words only, in products of another size."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            assert_same(found[name], expected[name])
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)
    else:
        assert found == expected


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "text.txt").write_text("\n".join(SENTENCES) + "\n")
    for seed in (3, 5):
        (folder / str(seed)).mkdir()
    return [str(SmallModel(folder / str(seed) / "model", seed=seed).folder) for seed in (3, 5)]


def test_two_processes_find_what_one_finds(models: list[str], tmp_path: Path) -> None:
    text = str(Path(models[0]).parents[1] / "text.txt")
    outcomes = run_two("-c", SCRIPT, *models, text, str(tmp_path))
    assert [code for code, _, _ in outcomes] == [0, 0], outcomes
    first, second = (timeless(json.loads(out)) for _, out, _ in outcomes)
    assert first == second
    at: dict[str, Any] = {"device": "cpu", "batch_tokens": 5}
    plain = last(evaluate(models[0], [text], **at))
    expected = [
        plain,
        last(evaluate(models[0], [text], context="stream", **at)),
        last(evaluate_as_reference(models[0], [text], rows=2, **at)),
        last(evaluate_as_reference(models[0], [text], rows=9, **at)),
        last(compare(models, [text], **at)),
        plain,
        plain,
    ]
    assert_same(first, expected)
    assert len(list((tmp_path / "kept").iterdir())) == 1
    assert len((tmp_path / "s.tsv").read_text().splitlines()) == 1 + len(SENTENCES)


@pytest.mark.slow
def test_standard_input_is_refused_where_several_processes_would_read_it(models: list[str]) -> None:
    outcomes = run_two("-m", "elmo_cli", "eval", models[0], "-", "--device", "cpu")
    for code, out, err in outcomes:
        assert (code, out) == (1, "")
        assert "-: standard input can be read once, and each of 2 processes reads the text" in err


@pytest.mark.slow
def test_torchrun_gives_one_result(models: list[str]) -> None:
    text = str(Path(models[0]).parents[1] / "text.txt")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "elmo_cli", "eval", models[0], text, "--json", "--device", "cpu"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert_same(timeless(json.loads(done.stdout)), last(evaluate(models[0], [text], device="cpu")))
