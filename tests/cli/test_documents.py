"""The commands that our pages tell people to type."""

import re
import shlex
from pathlib import Path

import pytest

from elmo_cli.errors import ElmoError
from elmo_cli.measure.perplexity import DEFINITIONS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "data" / "README.md", *sorted(ROOT.glob("docs/*.md"))]
PAGES = [path for path in PAGES if path.exists()]
FLOWS = {
    "corpora.prepare": "prepare",
    "corpora.vocabulary": "build_vocabulary",
    "corpora.part_counts": "count_only",
    "corpora.merging": "merge_counts",
    "corpora.vocabulary_check": "check_vocabulary",
    "report": "report",
    "pretraining.compare_runs": "compare_runs",
    "vectors.neighbors": "neighbors",
    "vectors.plot": "plot",
    "evaluation.predict": "predict",
    "evaluation.score": "score_lines",
    "pretraining.pretrain": "pretrain",
    "pretraining.dry_run": "dry_run",
    "evaluation.evaluate": "evaluate",
    "evaluation.compare": "compare",
    "evaluation.reference_evaluation": "evaluate_as_reference",
    "vectors.embed": "embed",
    "info": "info",
    "models.export": "export",
    "models.verify": "verify",
}


def _commands(page: Path) -> list[str]:
    """What begins with ``elmo`` inside the page's code blocks, continued lines joined, pipes and comments cut off."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    typed = [line.strip().removeprefix("$ ").rpartition("| ")[2] for line in lines]
    return [line for line in typed if line.startswith("elmo ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_can_be_typed(elmo, play, page: Path) -> None:
    for module, function in FLOWS.items():
        play(module, ElmoError("so far so good"), function)
    for command in _commands(page):
        outcome = elmo(*shlex.split(command, comments=True)[1:])
        works = outcome.code == 0 or outcome.err.endswith("Error: so far so good\n")
        assert works, f"{command}\n{outcome.err}"


def test_the_page_on_data_has_commands() -> None:
    assert len(_commands(ROOT / "data" / "README.md")) >= 9


def test_every_figure_of_eval_is_explained_with_its_formula() -> None:
    page = (ROOT / "docs" / "perplexity.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", page, re.MULTILINE))
    plain = {name: formula.partition(":")[0].partition(";")[0] for name, formula in DEFINITIONS.items()}
    shorter = {"bits_per_byte": "L / ln 2 / bytes", "bits_per_character": "L / ln 2 / characters"}
    assert {name: rows.get(name) for name in plain} == plain | shorter
