"""An interrupted evaluation of many files goes on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.errors import OutputError
from elmo_cli.flows.evaluation.evaluate import evaluate
from elmo_cli.flows.evaluation_results import EvaluateResult
from elmo_cli.flows.reports import Notice, Progress
from tests.flows.small_model import SmallModel

TEXTS = ["the bank .\na river\n", "\n", "the .\n", "a very long way to the bank of the river , a bank\nthe\n"]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SmallModel:
    return SmallModel(tmp_path_factory.mktemp("kept") / "model")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for number, text in enumerate(TEXTS):
        (tmp_path / f"{number}.txt").write_text(text)
    return [str(tmp_path / f"{number}.txt") for number in range(len(TEXTS))]


def figures(result: EvaluateResult) -> dict[str, Any]:
    """All that does not depend on time."""
    return {name: value for name, value in result.to_json().items() if name not in ("seconds", "words_per_second")}


def run(example: SmallModel, files: list[str], **options: Any) -> tuple[EvaluateResult, list[str]]:
    """The result, and what was said of the folder."""
    *reports, result = evaluate(example.folder, files, device="cpu", threads=1, **options)
    assert isinstance(result, EvaluateResult)
    return result, [each.text for each in reports if isinstance(each, Notice) and "scored before" in each.text]


def test_kept_losses_give_the_same_figures_without_scoring(
    example: SmallModel, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    plain, first = run(example, files)[0], run(example, files, scores_dir=kept)
    assert first[0].loss == pytest.approx(plain.loss, rel=1e-6)
    assert vars(first[0].joint) == pytest.approx(vars(plain.joint), rel=1e-6)
    assert first[1] == [] and len(list(kept.iterdir())) == 3, "a file without sentences has no losses"
    monkeypatch.setattr("elmo_cli.flows.evaluation.shared_scoring.score", None)
    again = run(example, files, scores_dir=kept)
    assert again[1] == [f"3 of 3 files were scored before: {kept}"]
    assert figures(again[0]) == figures(first[0])


def test_an_interrupted_evaluation_goes_on_with_the_file_it_was_at(
    example: SmallModel, files: list[str], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    flow = evaluate(example.folder, files, device="cpu", threads=1, scores_dir=kept)
    for report in flow:
        if isinstance(report, Progress) and report.stage == "scoring" and report.done > 7:
            flow.close()  # the second file is being scored
    assert len(list(kept.iterdir())) == 1
    result, said = run(example, files, scores_dir=kept)
    assert said == [f"1 of 3 files were scored before: {kept}"]
    assert result.loss == pytest.approx(run(example, files)[0].loss, rel=1e-6)


def test_what_is_kept_is_found_by_all_that_it_depends_on(
    example: SmallModel, files: list[str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept = tmp_path / "kept"
    run(example, files, scores_dir=kept)
    assert run(example, files[::-1], scores_dir=kept)[1] == [f"3 of 3 files were scored before: {kept}"]
    Path(files[2]).write_text("the bank\n")
    assert run(example, files, scores_dir=kept)[1] == [f"2 of 3 files were scored before: {kept}"]
    assert run(example, files, scores_dir=kept, start="zero")[1] == []
    assert run(SmallModel(tmp_path_factory.mktemp("other") / "model", seed=5), files, scores_dir=kept)[1] == []
    assert len(list(kept.iterdir())) == 3 + 1 + 3 + 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no array", "cannot be read: "),
        (np.zeros((2, 6), np.float32), r"expected \(2, 7\) finite losses"),
        (np.zeros((2, 7)), r"expected \(2, 7\) finite losses"),
        (np.full((2, 7), np.nan, np.float32), r"expected \(2, 7\) finite losses"),
    ],
    ids=["bytes", "shape", "type", "nan"],
)
def test_a_damaged_file_of_losses_is_refused_by_name(
    example: SmallModel, files: list[str], tmp_path: Path, content: Any, message: str
) -> None:
    kept = tmp_path / "kept"
    run(example, files[:1], scores_dir=kept)
    (file,) = kept.iterdir()
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content)
    with pytest.raises(OutputError, match=f"{file.name}: {message}") as caught:
        run(example, files[:1], scores_dir=kept)
    assert caught.value.hint == "delete it; the losses are computed again"


def test_a_folder_that_cannot_be_written_is_an_error(example: SmallModel, files: list[str], tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        run(example, files, scores_dir=tmp_path / "kept")
