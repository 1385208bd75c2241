"""Raw text to a prepared corpus."""

import hashlib
import io
import json
import re
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.config import CleaningConfig, InputConfig, SplitConfig, TextConfig
from elmo_cli.errors import ConfigError, OutputError, TextError
from elmo_cli.files import PARTIAL
from elmo_cli.flows.corpora import dealing
from elmo_cli.flows.corpora.prepare import WORK, prepare
from elmo_cli.flows.corpus_results import DroppedResult, PrepareResult
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.text import sources
from elmo_cli.text.prepared import HELD_OUT, read_prepared

WHITESPACE = TextConfig(tokenizer="whitespace")
EVERYTHING = SplitConfig(held_out=0)


def _run(*inputs: Path | str, out: Path, **options: Any) -> list[Report]:
    options = {"text": WHITESPACE, "split": EVERYTHING, "overwrite": True} | options
    return list(prepare([str(path) for path in inputs], out, **options))


def _result(reports: list[Report]) -> PrepareResult:
    result = reports[-1]
    assert isinstance(result, PrepareResult)
    return result


def _corpus(folder: Path, sentences: int, name: str = "corpus.txt") -> Path:
    path = folder / name
    path.write_text("".join(f"sentence {number} .\n" for number in range(sentences)))
    return path


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def _splits(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """The sentences for training, held out and for testing."""
    corpus = read_prepared(folder)
    training = [line for shard in corpus.shards for line in _lines(shard)]
    return training, _lines(corpus.held_out) if corpus.held_out else [], _lines(corpus.test) if corpus.test else []


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")}


def test_raw_text_becomes_one_tokenised_sentence_a_line(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_bytes("\ufeff# A Book\r\n\r\nMr. Beebe came. “Why?” asked\u2028Lucy.\r\n".encode())
    result = _result(_run(tmp_path / "book.txt", out=tmp_path / "out", text=TextConfig()))
    assert _lines(tmp_path / "out/train-00000.txt") == ["# A Book", "Mr. Beebe came .", "“ Why ? ” asked Lucy ."]
    assert (result.files, result.documents, result.bytes) == (1, 1, (tmp_path / "book.txt").stat().st_size)
    assert (result.sentences, result.tokens, result.shards) == (3, 14, 1)
    assert (result.held_out_sentences, result.test_sentences, result.held_out_overlap) == (0, 0, None)
    assert (result.processes, result.dropped) == (1, {})
    assert result.bytes_per_second == result.bytes / result.seconds
    assert sorted(_contents(tmp_path / "out")) == ["held-out.txt", "prepare.json", "train-00000.txt"]


def test_every_sentence_lands_once_on_one_side_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK", 2_000)
    source = _corpus(tmp_path, 1_000)
    split = SplitConfig(held_out=0.1, test=0.05, shard_sentences=400)
    result = _result(_run(source, out=tmp_path / "out", split=split))
    training, held, test = _splits(tmp_path / "out")
    everything = _lines(source)
    assert sorted(training + held + test, key=everything.index) == everything
    assert all(lines == sorted(lines, key=everything.index) for lines in (training, held, test))
    assert 60 < len(held) < 140
    assert 20 < len(test) < 80
    shards = [len(_lines(shard)) for shard in read_prepared(tmp_path / "out").shards]
    assert len(shards) == 3
    assert max(shards) - min(shards) <= 1
    counts = {"": training, "held_out_": held, "test_": test}
    expected = {f"{name}sentences": len(lines) for name, lines in counts.items()}
    expected |= {f"{name}tokens": 3 * len(lines) for name, lines in counts.items()}
    assert read_prepared(tmp_path / "out").counts == expected
    assert {name: getattr(result, name) for name in expected} == expected


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": True, "by": "document", "test": 0.1}])
def test_what_is_written_depends_neither_on_processes_nor_on_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    for number in range(20):
        lines = [f"{'word ' * (line % 7)}{line * number % 190} ." for line in range(300)]
        (tmp_path / f"in{number:02}.txt").write_text("\n".join(lines))
    cleaning = CleaningConfig(min_tokens=3, deduplicate="shuffle" in options)
    settings = {"split": SplitConfig(shard_sentences=1_000, **options), "cleaning": cleaning}
    for processes in (1, 2, 3):
        out = tmp_path / f"out{processes}"
        assert _result(_run(tmp_path / "in*.txt", out=out, processes=processes, **settings)).processes == processes
    for module in ("buckets", "runs", "duplicates"):
        monkeypatch.setattr(f"elmo_cli.text.{module}.BUCKET_BYTES", 2_000)
    _run(tmp_path / "in*.txt", out=tmp_path / "small", **settings)
    contents = _contents(tmp_path / "out1")
    assert len(contents) >= 4
    for name in ("out2", "out3", "small"):
        assert _contents(tmp_path / name) == contents


def test_shuffling_changes_the_order_and_nothing_else(tmp_path: Path) -> None:
    source = _corpus(tmp_path, 500)
    for name, options in (("in order", {}), ("a", {"shuffle": True}), ("b", {"shuffle": True, "seed": 2})):
        _run(source, out=tmp_path / name, split=SplitConfig(held_out=0.0, **options))
    in_order, a, b = (_splits(tmp_path / name)[0] for name in ("in order", "a", "b"))
    assert sorted(a) == sorted(b) == sorted(in_order)
    assert in_order != a != b != in_order
    moves = [abs(a.index(line) - place) for place, line in enumerate(in_order)]
    assert 120 < sum(moves) / len(moves) < 210  # a third of 500 where the order is random
    _run(source, out=tmp_path / "held out", split=SplitConfig(held_out=0.1, shuffle=True))
    _run(source, out=tmp_path / "held out in order", split=SplitConfig(held_out=0.1))
    assert sorted(_splits(tmp_path / "held out")[1]) == sorted(_splits(tmp_path / "held out in order")[1])


def test_no_document_has_sentences_in_two_splits(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.txt").write_text(f"document {number} .\n" * 5)
    split = SplitConfig(held_out=0.2, test=0.2, by="document", shuffle=True)
    result = _result(_run(tmp_path / "*.txt", out=tmp_path / "out", split=split))
    training, held, test = map(set, _splits(tmp_path / "out"))
    assert result.documents == 40
    assert training | held | test == {f"document {number} ." for number in range(40)}
    assert len(training) + len(held) + len(test) == 40
    assert min(len(training), len(held), len(test)) >= 2


def test_documents_too_few_for_the_share_are_reported(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("one .\n" * 50)
    *_, notice, result = _run(tmp_path / "*.txt", out=tmp_path / "out", split=SplitConfig(by="document"))
    assert isinstance(notice, Notice)
    assert notice.text == (
        "33.3% of the sentences are held out where 2.0% were asked for: 3 documents give no closer share with this seed"
    )
    assert isinstance(result, PrepareResult)
    with pytest.raises(TextError, match=r"the text is one document, so none can be kept apart\D+--split-by sentence"):
        _run(tmp_path / "0.txt", out=tmp_path / "one", split=SplitConfig(by="document"))
    assert not (tmp_path / "one").exists()


def test_duplicates_are_dropped_and_the_first_of_them_stay(tmp_path: Path) -> None:
    lines = ["a b", "c", "a  b", "d e f", "c", "a b", "g"]
    (tmp_path / "in.txt").write_text("\n".join(lines))
    reports = _run(tmp_path / "in.txt", out=tmp_path / "out", cleaning=CleaningConfig(deduplicate=True))
    assert _splits(tmp_path / "out")[0] == ["a b", "c", "d e f", "g"]
    assert _result(reports).dropped == {"duplicate": DroppedResult(sentences=3, tokens=5, examples=["a b", "c"])}
    findings = read_prepared(tmp_path / "out").findings
    assert findings["dropped"] == {"duplicate": {"sentences": 3, "tokens": 5, "examples": ["a b", "c"]}}


def test_every_rule_reports_what_it_dropped(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nfine this one\n-- 1 2 3 --\nfar too long is this\nfine this one\n")
    cleaning = CleaningConfig(min_tokens=2, max_tokens=4, max_non_letters=0.5, deduplicate=True)
    result = _result(_run(tmp_path / "in.txt", out=tmp_path / "out", cleaning=cleaning))
    assert {rule: (found.sentences, found.tokens) for rule, found in result.dropped.items()} == {
        "too short": (1, 1),
        "too long": (2, 10),
        "duplicate": (1, 3),
    }
    assert _splits(tmp_path / "out")[0] == ["fine this one"]
    with pytest.raises(TextError, match=r"in\.txt: cleaning left no sentence: too short \(5\)\nHint: let more pass"):
        _run(tmp_path / "in.txt", out=tmp_path / "none", cleaning=CleaningConfig(min_tokens=9))


def test_the_overlap_of_the_splits_is_counted_and_said_where_it_is_high(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("".join(f"number {number % 700} .\n" for number in range(1_000)))
    split = SplitConfig(held_out=0.2, test=0.1)
    *_, first, second, result = _run(tmp_path / "in.txt", out=tmp_path / "out", split=split)
    training, held, test = _splits(tmp_path / "out")
    assert isinstance(result, PrepareResult)
    assert result.held_out_overlap == sum(line in set(training) for line in held) / len(held)
    assert result.test_overlap == sum(line in set(training) for line in test) / len(test)
    assert isinstance(first, Notice)
    assert isinstance(second, Notice)
    assert first.text.startswith(f"{result.held_out_overlap:.1%} of the held-out sentences also stand in the training")
    assert second.text.startswith(f"{result.test_overlap:.1%} of the test sentences")
    clean = _result(
        _run(tmp_path / "in.txt", out=tmp_path / "out", split=split, cleaning=CleaningConfig(deduplicate=True))
    )
    training, held, test = _splits(tmp_path / "out")
    assert len(training) + len(held) + len(test) == 700
    assert set(training).isdisjoint(held + test)
    assert (clean.held_out_overlap, clean.test_overlap) == (0, 0)


def test_what_is_held_out_depends_on_the_seed_and_not_on_what_follows(tmp_path: Path) -> None:
    held = {}
    for name, sentences, seed in (("short", 500, 1), ("long", 900, 1), ("other", 500, 2)):
        _run(_corpus(tmp_path, sentences), out=tmp_path / name, split=SplitConfig(held_out=0.1, seed=seed))
        held[name] = _lines(tmp_path / name / "held-out.txt")
    assert held["long"][: len(held["short"])] == held["short"]
    assert held["other"] != held["short"]


@settings(max_examples=40)
@given(
    sentences=st.integers(2, 9),
    share=st.sampled_from([1e-9, 0.02, 0.499]),
    seed=st.integers(0, 99),
    shuffle=st.booleans(),
    deduplicate=st.booleans(),
)
def test_with_two_sentences_or_more_neither_side_stays_empty(
    tmp_path_factory: pytest.TempPathFactory, sentences: int, share: float, seed: int, shuffle: bool, deduplicate: bool
) -> None:
    folder = tmp_path_factory.mktemp("prepare")
    source = _corpus(folder, sentences)
    source.write_text(source.read_text() * 2)
    split = SplitConfig(held_out=share, seed=seed, shuffle=shuffle)
    result = _result(_run(source, out=folder / "out", split=split, cleaning=CleaningConfig(deduplicate=deduplicate)))
    assert result.sentences >= 1
    assert result.held_out_sentences >= 1
    assert result.sentences + result.held_out_sentences == (sentences if deduplicate else 2 * sentences)


def test_a_single_sentence_is_for_training(tmp_path: Path) -> None:
    for seed in range(9):
        result = _result(_run(_corpus(tmp_path, 1), out=tmp_path / "out", split=SplitConfig(held_out=0.4, seed=seed)))
        assert (result.sentences, result.held_out_sentences) == (1, 0)
    assert read_prepared(tmp_path / "out").held_out is None


def test_the_manifest_names_the_sources_with_size_and_hash(tmp_path: Path) -> None:
    source = _corpus(tmp_path, 5)
    _run(source, out=tmp_path / "out", split=SplitConfig(held_out=0.25, seed=9))
    manifest = json.loads((tmp_path / "out/prepare.json").read_text())
    content = source.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert manifest["sources"] == [{"name": str(source), "size": len(content), "sha256": digest}]
    assert (manifest["split"]["held_out"], manifest["split"]["seed"]) == (0.25, 9)
    assert manifest["text"]["tokenizer"] == "whitespace"


def test_progress_of_every_stage_goes_by_bytes_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK", 200)
    source = _corpus(tmp_path, 100)
    split = SplitConfig(shuffle=True)
    *progress, _ = _run(source, out=tmp_path / "out", split=split, cleaning=CleaningConfig(deduplicate=True))
    stages: dict[str, list[Progress]] = {}
    for report in progress:
        assert isinstance(report, Progress)
        assert report.unit == "bytes"
        stages.setdefault(report.stage, []).append(report)
    assert list(stages) == ["preparing text", "finding duplicates", "shuffling", "writing"]
    for reports in stages.values():
        done = [report.done for report in reports]
        assert done == sorted(done)
        assert done[-1] == reports[-1].total
    assert len(stages["preparing text"]) > 5
    assert stages["preparing text"][-1].done == source.stat().st_size
    assert stages["preparing text"][-1].note == "corpus.txt"
    assert stages["writing"][-1].done == sum((tmp_path / "out" / name).stat().st_size for name in SHARDS_OF_ONE)


SHARDS_OF_ONE = ("train-00000.txt", HELD_OUT)
"""The files of sentences of a small corpus."""


def test_standard_input_is_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"one line .\ntwo\n")))
    reports = _run("-", out=tmp_path / "out")
    assert _result(reports).bytes == 15
    assert isinstance(reports[0], Progress)
    assert (reports[0].note, reports[0].total) == ("standard input", None)
    assert json.loads((tmp_path / "out/prepare.json").read_text())["sources"][0]["name"] == "-"


def test_bytes_that_are_not_utf8_stop_it_or_are_replaced_and_reported(tmp_path: Path) -> None:
    source = tmp_path / "latin.txt"
    source.write_bytes(b"plain\ncaf\xe9 .\n")
    with pytest.raises(TextError, match=r"latin\.txt:2: byte 0xe9 at column 4 is not UTF-8"):
        _run(source, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    *_, notice, result = _run(source, out=tmp_path / "out", reading=InputConfig(decode_errors="replace"))
    assert isinstance(notice, Notice)
    assert notice.warning
    assert notice.text.startswith("replaced bytes: 1 (")
    assert isinstance(result, PrepareResult)
    assert result.oddities == {"replaced bytes": 1}
    assert _lines(tmp_path / "out/train-00000.txt") == ["plain", "caf\ufffd ."]


@pytest.mark.parametrize(
    ("written", "read", "warning"),
    [
        ("utf-16-le", "utf-8", "NUL characters: 24, as UTF-16 has them .*--encoding utf-16-le"),
        ("windows-1252", "latin-1", "control characters: 2; .*--encoding windows-1252 keeps$"),
    ],
)
def test_characters_that_tell_of_another_encoding_are_warned_of(
    tmp_path: Path, written: str, read: str, warning: str
) -> None:
    source = tmp_path / "a.txt"
    text = "A man said “Yes” to all.\n" if written == "windows-1252" else "A man said Yes to them.\n"
    source.write_bytes(text.encode(written))
    *_, notice, result = _run(source, out=tmp_path / "out", reading=InputConfig(encoding=read))
    assert isinstance(notice, Notice)
    assert notice.warning
    assert re.match(warning, notice.text)
    assert isinstance(result, PrepareResult)
    reports = _run(source, out=tmp_path / "out", reading=InputConfig(encoding=written))
    assert not any(isinstance(report, Notice) for report in reports)


def test_text_without_a_sentence_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "blank.txt"
    source.write_text("\n \n")
    with pytest.raises(TextError, match=r"blank\.txt: no sentence found"):
        _run(source, out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["blank.txt"]


@pytest.mark.parametrize("reports", range(1, 12))
def test_a_run_that_is_broken_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reports: int) -> None:
    monkeypatch.setattr(sources, "BLOCK", 200)
    split, cleaning = SplitConfig(shuffle=True), CleaningConfig(deduplicate=True)
    source = _corpus(tmp_path, 50)
    flow = prepare([str(source)], tmp_path / "out", text=WHITESPACE, split=split, cleaning=cleaning)
    taken = list(islice(flow, reports))
    if not isinstance(taken[-1], PrepareResult):
        flow.close()  # type: ignore[attr-defined]
        assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_a_killed_run_leaves_nothing_that_looks_done_and_its_workers_end(tmp_path: Path) -> None:
    for number in range(40):
        _corpus(tmp_path, 4_000, f"{number}.txt")
    command = [sys.executable, "-m", "elmo_cli", "prepare", str(tmp_path / "*.txt"), "--out", str(tmp_path / "out")]
    run = subprocess.Popen([*command, "--processes", "2", "--shuffle"], cwd=Path(__file__).parents[3])
    deadline = time.monotonic() + 600
    while not list(tmp_path.glob(f"{PARTIAL}*/{WORK}/bucket-*/*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    workers = {path.name for path in tmp_path.glob(f"{PARTIAL}*/{WORK}/bucket-*/*")}
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert workers
    assert not (tmp_path / "out").exists()
    while any(Path("/", "proc", pid).exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(Path("/", "proc", pid).exists() for pid in workers)
    result = _result(_run(tmp_path / "*.txt", out=tmp_path / "out", split=SplitConfig(shuffle=True)))
    assert result.sentences + result.held_out_sentences == 160_000
    assert not list(tmp_path.glob(f"{PARTIAL}*"))


def test_unfinished_work_is_cleared_away_unless_somebody_is_still_at_it(tmp_path: Path) -> None:
    flow = prepare([str(_corpus(tmp_path, 50))], tmp_path / "out", text=WHITESPACE)
    next(flow)
    (tmp_path / f"{PARTIAL}out-dead/work").mkdir(parents=True)
    (tmp_path / f"{PARTIAL}out-old-x/out").mkdir(parents=True)
    _run(_corpus(tmp_path, 5), out=tmp_path / "out")
    left = {path.name for path in tmp_path.glob(f"{PARTIAL}*")}
    assert len(left) == 2
    assert f"{PARTIAL}out-old-x" in left
    assert isinstance(list(flow)[-1], PrepareResult)


def test_a_full_disk_is_noticed_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _corpus(tmp_path, 1_000)
    free = SimpleNamespace(free=source.stat().st_size)
    monkeypatch.setattr(dealing, "shutil", SimpleNamespace(disk_usage=lambda _: free))
    with pytest.raises(OutputError, match=r"out: 0\.01 MB are free, and the corpus needs about 0\.03 MB more\D+--out"):
        _run(source, out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_a_disk_that_fills_up_is_an_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("elmo_cli.text.portions.append_frame", full)
    with pytest.raises(OutputError, match=r"out: cannot be written: No space left on device\nHint: .*free space"):
        _run(_corpus(tmp_path, 5), out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_a_prepared_corpus_is_replaced_only_on_demand(tmp_path: Path) -> None:
    source = _corpus(tmp_path, 5)
    _run(source, out=tmp_path / "out")
    with pytest.raises(OutputError, match=r"out: there is a prepared corpus already\nHint: .*--overwrite"):
        _run(source, out=tmp_path / "out", overwrite=False)
    _corpus(tmp_path, 3)
    assert _result(_run(source, out=tmp_path / "out")).sentences == 3
    assert read_prepared(tmp_path / "out").counts["sentences"] == 3


def test_a_place_with_something_else_in_it_is_never_touched(tmp_path: Path) -> None:
    source = _corpus(tmp_path, 5)
    (tmp_path / "folder").mkdir()
    _run(source, out=tmp_path / "folder")  # an empty folder is fine
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    for place in ("mine", "corpus.txt"):
        with pytest.raises(OutputError, match=f"{place}: .*(exists and is not a prepared corpus|lies in it)"):
            _run(source, out=tmp_path / place)
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"


def test_the_result_does_not_replace_its_input(tmp_path: Path) -> None:
    _run(_corpus(tmp_path, 5), out=tmp_path / "out")
    with pytest.raises(OutputError, match=r"out: the input .*train-00000\.txt lies in it"):
        _run(tmp_path / "out/train-00000.txt", out=tmp_path / "out")
    with pytest.raises(TextError, match="out: prepared already\nHint: train on it: elmo pretrain"):
        _run(tmp_path / "out", out=tmp_path / "again")


def test_settings_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    source = _corpus(tmp_path, 5)
    with pytest.raises(ConfigError, match=r"--processes 0: expected at least 1"):
        _run(source, out=tmp_path / "out", processes=0)
    with pytest.raises(
        ConfigError, match=r"--pieces-model m: the tokenizer whitespace has no pieces\nHint: .*sentencepiece"
    ):
        _run(source, out=tmp_path / "out", pieces_model=Path("m"))
    with pytest.raises(ConfigError, match=r"held_out and test must leave a tenth for training, not take 0\.95"):
        SplitConfig(held_out=0.48, test=0.47)


def test_a_real_book_is_prepared_whole(shared: Path, tmp_path: Path) -> None:
    book = shared / "data/books/E.M._Forster__A_Room_with_a_View.txt"
    result = _result(_run(book, out=tmp_path / "out", text=TextConfig(), split=SplitConfig()))
    corpus = read_prepared(tmp_path / "out")
    assert corpus.held_out is not None
    written = "".join(path.read_text(encoding="utf-8") for path in [*corpus.shards, corpus.held_out])
    assert len("".join(written.split())) == len("".join(book.read_text(encoding="utf-8").split()))
    assert written.count("\n") == result.sentences + result.held_out_sentences > 3_500
    assert len(written.split()) == result.tokens + result.held_out_tokens
    assert sum(corpus.findings["scripts"].values()) == len("".join(written.split()))
    lengths = corpus.findings["lengths"]["train"]
    assert sum(int(length) * count for length, count in lengths.items()) == result.tokens
