"""``elmo report``."""

import json
from pathlib import Path

from elmo_cli.flows.model_results import ReportResult

RESULT = ReportResult(path="corpus", kind="prepared corpus", out="page.html", bytes=1_003_321, seconds=2.5)


def test_options_arrive_and_the_page_is_named(elmo, play) -> None:
    calls = play("report", [RESULT])
    outcome = elmo("report", "corpus", "--out", "page.html", "--overwrite", "--processes", "2")
    assert calls[0].args == ([Path("corpus")], Path("page.html"))
    assert calls[0].options == {"processes": 2, "overwrite": True}
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "corpus: prepared corpus",
        "  page     page.html  open it in a browser",
        "  bytes    1,003,321  the script that draws is in it",
        "  seconds  2.500      to read and write",
    ]


def test_the_page_has_a_name_of_its_own_where_none_is_given(elmo, play) -> None:
    calls = play("report", [RESULT])
    assert json.loads(elmo("report", "corpus", "--json").out)["bytes"] == 1_003_321
    assert calls[0].args == ([Path("corpus")], Path("report.html"))


def test_several_runs_arrive_together(elmo, play) -> None:
    calls = play("report", [RESULT])
    assert elmo("report", "run", "run-2").code == 0
    assert calls[0].args == ([Path("run"), Path("run-2")], Path("report.html"))
