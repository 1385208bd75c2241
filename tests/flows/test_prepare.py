import hashlib
import io
import json
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.config import TextConfig
from elmo_cli.errors import ConfigError, OutputError, TextError
from elmo_cli.flows import prepare as module
from elmo_cli.flows.prepare import prepare
from elmo_cli.flows.reports import Notice, PrepareResult, Progress, Report
from elmo_cli.text.prepared import read_prepared

WHITESPACE = TextConfig(tokenizer="whitespace")


def _run(*inputs: Path | str, out: Path, **options: Any) -> list[Report]:
    return list(prepare([str(path) for path in inputs], out, **{"text": WHITESPACE, "held_out": 0.0} | options))


def _result(reports: list[Report]) -> PrepareResult:
    result = reports[-1]
    assert isinstance(result, PrepareResult)
    return result


def _corpus(folder: Path, sentences: int) -> Path:
    path = folder / "corpus.txt"
    path.write_text("".join(f"sentence {number} .\n" for number in range(sentences)))
    return path


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def test_raw_text_becomes_one_tokenised_sentence_a_line(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_bytes("\ufeff# A Book\r\n\r\nMr. Beebe came. “Why?” asked\u2028Lucy.\r\n".encode())
    reports = _run(tmp_path / "book.txt", out=tmp_path / "out", text=TextConfig())
    assert _lines(tmp_path / "out/train-00000.txt") == ["# A Book", "Mr. Beebe came .", "“ Why ? ” asked Lucy ."]
    assert _result(reports) == PrepareResult(
        out_dir=str(tmp_path / "out"),
        files=1,
        bytes=(tmp_path / "book.txt").stat().st_size,
        sentences=3,
        tokens=14,
        held_out_sentences=0,
        held_out_tokens=0,
        shards=1,
        replaced_bytes=0,
    )


def test_every_sentence_lands_once_on_one_side_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEAL", 64)
    source = _corpus(tmp_path, 1_000)
    result = _result(_run(source, out=tmp_path / "out", held_out=0.1, shard_sentences=400))
    corpus = read_prepared(tmp_path / "out")
    assert corpus.held_out is not None
    held, shards = _lines(corpus.held_out), [_lines(shard) for shard in corpus.shards]
    training = [line for shard in shards for line in shard]
    assert [len(shard) for shard in shards] == [400, 400, len(training) - 800]
    assert set(held).isdisjoint(training)
    everything = _lines(source)
    assert sorted(held + training, key=everything.index) == everything
    assert training == [line for line in everything if line in set(training)]
    assert 60 < len(held) < 140
    assert (result.sentences, result.held_out_sentences, result.shards) == (len(training), len(held), 3)
    assert (result.tokens, result.held_out_tokens) == (3 * len(training), 3 * len(held))
    assert corpus.counts == {
        "sentences": result.sentences,
        "tokens": result.tokens,
        "held_out_sentences": result.held_out_sentences,
        "held_out_tokens": result.held_out_tokens,
    }


def test_what_is_held_out_depends_on_the_seed_and_not_on_what_follows(tmp_path: Path) -> None:
    held = {}
    for name, sentences, seed in (("short", 500, 1), ("long", 900, 1), ("other", 500, 2)):
        _run(_corpus(tmp_path, sentences), out=tmp_path / name, held_out=0.1, seed=seed)
        held[name] = _lines(tmp_path / name / "held-out.txt")
    assert held["long"][: len(held["short"])] == held["short"]
    assert held["other"] != held["short"]


@settings(max_examples=40)
@given(
    sentences=st.integers(2, 9),
    share=st.sampled_from([1e-9, 0.02, 0.499]),
    seed=st.integers(0, 99),
    deal=st.integers(1, 4),
)
def test_with_two_sentences_or_more_neither_side_stays_empty(
    tmp_path_factory: pytest.TempPathFactory, sentences: int, share: float, seed: int, deal: int
) -> None:
    folder = tmp_path_factory.mktemp("prepare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DEAL", deal)
        result = _result(_run(_corpus(folder, sentences), out=folder / "out", held_out=share, seed=seed))
    assert result.sentences >= 1
    assert result.held_out_sentences >= 1
    assert result.sentences + result.held_out_sentences == sentences


def test_a_single_sentence_is_for_training(tmp_path: Path) -> None:
    for seed in range(9):
        result = _result(_run(_corpus(tmp_path, 1), out=tmp_path / "out", held_out=0.4, seed=seed, overwrite=True))
        assert (result.sentences, result.held_out_sentences) == (1, 0)
    assert read_prepared(tmp_path / "out").held_out is None


def test_the_manifest_names_the_sources_with_size_and_hash(tmp_path: Path) -> None:
    source = _corpus(tmp_path, 5)
    _run(source, out=tmp_path / "out", held_out=0.25, seed=9)
    manifest = json.loads((tmp_path / "out/prepare.json").read_text())
    content = source.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert manifest["sources"] == [{"name": str(source), "size": len(content), "sha256": digest}]
    assert (manifest["held_out"], manifest["seed"], manifest["text"]["tokenizer"]) == (0.25, 9, "whitespace")


def test_progress_goes_by_bytes_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEAL", 10)
    source = _corpus(tmp_path, 100)
    *progress, _ = _run(source, out=tmp_path / "out")
    assert all(isinstance(report, Progress) and report.unit == "bytes" for report in progress)
    done = [report.done for report in progress if isinstance(report, Progress)]
    assert len(done) > 5
    assert done == sorted(done)
    assert progress[-1] == Progress(
        stage="preparing text", done=done[-1], total=source.stat().st_size, unit="bytes", note="corpus.txt"
    )
    assert done[-1] == source.stat().st_size


def test_standard_input_is_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"one line .\ntwo\n")))
    reports = _run("-", out=tmp_path / "out")
    assert _result(reports).bytes == 15
    assert isinstance(reports[-2], Progress)
    assert reports[-2].note == "standard input"
    assert json.loads((tmp_path / "out/prepare.json").read_text())["sources"][0]["name"] == "-"


def test_bytes_that_are_not_utf8_stop_it_or_are_replaced_and_reported(tmp_path: Path) -> None:
    source = tmp_path / "latin.txt"
    source.write_bytes(b"plain\ncaf\xe9 .\n")
    with pytest.raises(TextError, match=r"latin\.txt:2: byte 0xe9 at column 4 is not UTF-8"):
        _run(source, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    replacing = TextConfig(tokenizer="whitespace", decode_errors="replace")
    *_, notice, result = _run(source, out=tmp_path / "out", text=replacing)
    assert notice == Notice(text="bytes that were not UTF-8 became U+FFFD (times: 1)", warning=True)
    assert isinstance(result, PrepareResult)
    assert result.replaced_bytes == 1
    assert _lines(tmp_path / "out/train-00000.txt") == ["plain", "caf\ufffd ."]


def test_text_without_a_sentence_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "blank.txt"
    source.write_text("\n \n")
    with pytest.raises(TextError, match=r"blank\.txt: no sentence found"):
        _run(source, out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["blank.txt"]


def test_a_run_that_is_broken_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEAL", 2)
    flow = prepare([str(_corpus(tmp_path, 50))], tmp_path / "out", text=WHITESPACE, held_out=0.1)
    assert len(list(islice(flow, 3))) == 3
    flow.close()  # type: ignore[attr-defined]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_a_prepared_corpus_is_replaced_only_on_demand(tmp_path: Path) -> None:
    source = _corpus(tmp_path, 5)
    _run(source, out=tmp_path / "out")
    with pytest.raises(OutputError, match=r"out: there is a prepared corpus already\nHint: .*--overwrite"):
        _run(source, out=tmp_path / "out")
    _corpus(tmp_path, 3)
    assert _result(_run(source, out=tmp_path / "out", overwrite=True)).sentences == 3
    assert read_prepared(tmp_path / "out").counts["sentences"] == 3


def test_a_place_with_something_else_in_it_is_never_touched(tmp_path: Path) -> None:
    source = _corpus(tmp_path, 5)
    (tmp_path / "folder").mkdir()
    _run(source, out=tmp_path / "folder")  # an empty folder is fine
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    for place in ("mine", "corpus.txt"):
        with pytest.raises(OutputError, match=f"{place}: .*(exists and is not a prepared corpus|lies in it)"):
            _run(source, out=tmp_path / place, overwrite=True)
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"


def test_the_result_does_not_replace_its_input(tmp_path: Path) -> None:
    _run(_corpus(tmp_path, 5), out=tmp_path / "out")
    with pytest.raises(OutputError, match=r"out: the input .*train-00000\.txt lies in it"):
        _run(tmp_path / "out/train-00000.txt", out=tmp_path / "out", overwrite=True)
    with pytest.raises(TextError, match="out: prepared already\nHint: train on it: elmo pretrain"):
        _run(tmp_path / "out", out=tmp_path / "again")


@pytest.mark.parametrize("share", [-0.1, 0.5, 1.0, float("nan")])
def test_an_impossible_share_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(ConfigError, match=f"--held-out {share}: expected a share from 0 to below 0.5"):
        _run(_corpus(tmp_path, 5), out=tmp_path / "out", held_out=share)


def test_a_real_book_is_prepared_whole(shared: Path, tmp_path: Path) -> None:
    book = shared / "data/books/E.M._Forster__A_Room_with_a_View.txt"
    result = _result(_run(book, out=tmp_path / "out", text=TextConfig(), held_out=0.02))
    corpus = read_prepared(tmp_path / "out")
    assert corpus.held_out is not None
    written = "".join(path.read_text(encoding="utf-8") for path in [*corpus.shards, corpus.held_out])
    assert len("".join(written.split())) == len("".join(book.read_text(encoding="utf-8").split()))
    assert written.count("\n") == result.sentences + result.held_out_sentences > 3_500
    assert len(written.split()) == result.tokens + result.held_out_tokens
