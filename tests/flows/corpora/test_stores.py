import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.files import hold
from elmo_cli.flows.corpora import stores
from elmo_cli.flows.corpora.stores import StorePlan, ready_store
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.text import store_building, word_types
from elmo_cli.text.store import EncodedText, open_store
from elmo_cli.text.store_building import build_store
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary

VOCABULARY = Vocabulary([*SPECIALS, "the", "."], np.array([3, 3, 4, 2, 2]))


def _plan(folder: Path, text: str = "the end .\n", **changes: object) -> StorePlan:
    folder.mkdir(exist_ok=True)
    shard = folder / "train-00000.txt"
    if not shard.exists():
        shard.write_text(text)
    plan = StorePlan(
        name="train", folder=folder, files=[shard], vocabulary=VOCABULARY, max_characters=50, max_types=1_000
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


def _follow(flow: Generator[Report, None, EncodedText]) -> tuple[EncodedText, list[Report]]:
    reports: list[Report] = []
    while True:
        try:
            reports.append(next(flow))
        except StopIteration as end:
            return end.value, reports


def _notices(reports: list[Report]) -> list[str]:
    return [report.text for report in reports if isinstance(report, Notice)]


def test_two_runs_on_one_text_share_a_store(tmp_path: Path) -> None:
    plan = _plan(tmp_path / "prepared")
    first, reports = _follow(ready_store(plan, tmp_path / "one"))
    assert [type(report) for report in reports] == [Progress] * len(reports) and reports
    second, nothing = _follow(ready_store(plan, tmp_path / "two"))
    assert nothing == []
    assert first.tokens_N.tolist() == second.tokens_N.tolist() == [3, 5, 4]
    assert not (tmp_path / "one").exists() and not (tmp_path / "two").exists()
    place = tmp_path / "prepared/store" / plan.fingerprint / "train"
    assert open_store(place).num_tokens == 3


def test_other_settings_have_a_store_of_their_own(tmp_path: Path) -> None:
    plan = _plan(tmp_path / "prepared")
    other = Vocabulary([*SPECIALS, "end"])
    plans = [plan, replace(plan, max_characters=9), replace(plan, max_types=2_000), replace(plan, vocabulary=other)]
    texts = [_follow(ready_store(each, tmp_path))[0] for each in plans]
    assert len({each.fingerprint for each in plans}) == 4
    assert [text.chars_UW.shape for text in texts] == [(6, 50), (6, 9), (6, 50), (6, 50)]
    assert texts[3].tokens_N.tolist() == [4, 3, 5]
    assert _follow(ready_store(plan, tmp_path))[1] == [], "the first is still there"


def test_a_text_that_changed_is_encoded_again(tmp_path: Path) -> None:
    plan = _plan(tmp_path / "prepared")
    _follow(ready_store(plan, tmp_path))
    plan.files[0].write_text("the eve .\n")
    text, reports = _follow(ready_store(plan, tmp_path))
    assert list(text.lexicon)[-1] == "eve"
    assert [
        notice.endswith("train: its text changed, so the store is built again") for notice in _notices(reports)
    ] == [True]


def test_a_damaged_store_is_built_again_with_a_warning(tmp_path: Path) -> None:
    plan = _plan(tmp_path / "prepared")
    _follow(ready_store(plan, tmp_path))
    tokens = tmp_path / "prepared/store" / plan.fingerprint / "train/tokens.u32"
    tokens.write_bytes(b"\1" + tokens.read_bytes()[1:])
    text, reports = _follow(ready_store(plan, tmp_path))
    assert text.tokens_N.tolist() == [3, 5, 4]
    warning = reports[0]
    assert isinstance(warning, Notice) and warning.warning
    assert "tokens.u32: damaged: SHA-256" in warning.text and "built again" in warning.text
    assert _follow(ready_store(plan, tmp_path))[1] == []


def test_counts_are_those_of_the_vocabulary_at_hand(tmp_path: Path) -> None:
    plan = _plan(tmp_path / "prepared")
    _follow(ready_store(plan, tmp_path))
    other = replace(plan, vocabulary=Vocabulary(VOCABULARY.words, np.array([9, 9, 9, 9, 9])))
    text, reports = _follow(ready_store(other, tmp_path))
    assert reports == []
    assert text.vocabulary is other.vocabulary


def test_where_the_prepared_folder_cannot_be_written_the_store_goes_to_the_run(tmp_path: Path) -> None:
    plan = _plan(tmp_path / "prepared")
    (tmp_path / "prepared/store").write_text("in the way")
    text, reports = _follow(ready_store(plan, tmp_path / "run"))
    assert text.num_tokens == 3
    assert (tmp_path / "run/store" / plan.fingerprint / "train/meta.json").is_file()
    assert _notices(reports) == [
        f"{tmp_path / 'prepared'} cannot be written to, so the corpus store goes to "
        f"{tmp_path / 'run/store' / plan.fingerprint}"
    ]


def test_words_beyond_the_bound_are_told(tmp_path: Path) -> None:
    plan = _plan(tmp_path / "prepared", "the one two three three .\n", max_types=6)
    text, reports = _follow(ready_store(plan, tmp_path))
    assert text.num_types == 6
    assert _notices(reports) == [
        "more than 6 different words in the train text: 3 tokens of those that came up last are read as <UNK>; "
        "a larger vocabulary.max_types keeps more"
    ]


def test_a_store_that_was_begun_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_types, "PART", 100)
    monkeypatch.setattr(store_building, "JOURNAL_SECONDS", 0.0)
    plan = _plan(tmp_path / "prepared", "the end .\n" * 100)
    flow = ready_store(plan, tmp_path)
    for _ in range(4):
        next(flow)
    flow.close()
    text, reports = _follow(ready_store(plan, tmp_path))
    assert text.num_sentences == 100
    assert _notices(reports) == ["going on with the train store where an earlier process stopped"]
    progress = [report.done for report in reports if isinstance(report, Progress)]
    assert progress[0] > 0 and progress[-1] == 1_000


def test_a_store_that_another_process_builds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = _plan(tmp_path / "prepared")
    place = tmp_path / "prepared/store" / plan.fingerprint
    flow = ready_store(plan, tmp_path)
    with hold(place):
        waiting = next(flow)
        assert isinstance(waiting, Notice)
        assert waiting.text == f"{place}: another elmo process is building this store; waiting for it"
        for _ in build_store(plan.files, plan.vocabulary, place / "train", 50, max_types=1_000):
            pass
    monkeypatch.setattr(stores, "WAIT_SECONDS", 0.01)
    text, reports = _follow(flow)
    assert text.num_tokens == 3
    assert reports == [], "nothing is left to do"


RACE = """
import sys, time
from pathlib import Path
from elmo_cli.flows.corpora import stores
from elmo_cli.text import store_building, word_types
from elmo_cli.text.vocabulary import Vocabulary
word_types.PART, stores.WAIT_SECONDS = 2_000, 0.02
folder = Path(sys.argv[1])
plan = stores.StorePlan(
    name="train", folder=folder, files=[folder / "train-00000.txt"],
    vocabulary=Vocabulary(["<S>", "</S>", "<UNK>", "the"]), max_characters=50, max_types=10_000,
)
while not (folder / "go").exists():
    time.sleep(0.005)
flow = stores.ready_store(plan, folder)
while True:
    try:
        next(flow)
    except StopIteration as end:
        print(int(end.value.tokens_N.sum()), end.value.num_tokens)
        break
"""


def test_processes_that_build_one_store_at_once_all_get_it(tmp_path: Path) -> None:
    plan = _plan(tmp_path / "prepared", "".join(f"the end {number}\n" for number in range(3_000)))
    processes = [
        subprocess.Popen([sys.executable, "-c", RACE, plan.folder], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    time.sleep(0.5)
    (plan.folder / "go").touch()
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    expected = 3_000 * (3 + 4) + sum(range(5, 3_005))
    assert outputs == [f"{expected} 9000\n"] * 3
    [place] = (plan.folder / "store").iterdir()
    assert sorted(path.name for path in place.iterdir()) == [".lock", "train"]
