import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.errors import OutputError, TextError
from elmo_cli.text import store, store_building, word_types
from elmo_cli.text.store import EncodedText, encode, open_store
from elmo_cli.text.store_building import build_store, building_place
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary

VOCABULARY = Vocabulary([*SPECIALS, "the", "."], np.array([3, 3, 4, 2, 2]))


def _shards(folder: Path, *texts: str) -> list[Path]:
    paths = [folder / f"shard-{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode())
    return paths


def _build(shards: list[Path], store_dir: Path, **options: int) -> None:
    for _ in build_store(shards, VOCABULARY, store_dir, 50, **options):
        pass


def _sentences(text: EncodedText) -> list[list[str]]:
    words = [text.lexicon[number] for number in text.tokens_N]
    return [words[begin:end] for begin, end in zip(text.starts[:-1], text.starts[1:], strict=True)]


def _content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _invented(seed: int, lines: int) -> str:
    """Text with old and new words everywhere."""
    draw = random.Random(seed)
    words = (str(int(draw.paretovariate(0.3)))[:12] for _ in range(5 * lines))
    return "".join(f"{' '.join(islice(words, 5))}\n" for _ in range(lines))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(word_types, "PART", 1_000)
    monkeypatch.setattr(store_building, "JOURNAL_SECONDS", 0.0)
    yield


@settings(max_examples=30, deadline=None)
@given(
    sentences=st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=12), min_size=1, max_size=5
        ),
        max_size=12,
    ),
    part=st.integers(1, 20),
    cut=st.integers(0, 12),
)
def test_a_store_and_memory_agree_however_parts_and_shards_are_cut(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[str]], part: int, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    texts = ["".join(f"{' '.join(sentence)}\n" for sentence in some) for some in (sentences[:cut], sentences[cut:])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_types, "PART", part)
        patch.setattr(store, "TABLE_ROWS", part)
        _build(_shards(folder, *texts), folder / "store")
    stored, expected = open_store(folder / "store"), encode(sentences, VOCABULARY, 50)
    assert np.array_equal(stored.tokens_N, expected.tokens_N)
    assert np.array_equal(stored.starts, expected.starts)
    assert np.array_equal(stored.chars_UW, expected.chars_UW)
    assert list(stored.lexicon) == expected.lexicon


def test_any_number_of_processes_builds_the_same_store(tmp_path: Path, small_parts: None) -> None:
    shards = _shards(tmp_path, _invented(1, 500), "", _invented(2, 300))
    for processes in (1, 2, 3):
        _build(shards, tmp_path / f"store-{processes}", processes=processes)
    assert _content(tmp_path / "store-1") == _content(tmp_path / "store-2") == _content(tmp_path / "store-3")


def test_any_number_of_processes_reads_real_text_alike(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others_in_time: list[float]
) -> None:
    monkeypatch.setattr(word_types, "PART", 20_000)
    text = (shared / "data/wikitext-2/valid.sentences.txt").read_bytes()
    odd = "naïve\0 \ufeff <UNK> a-word-of-more-than-eight-bytes \u202e 東京都庁前駅\n".encode()
    shards = _shards(tmp_path, "", "")
    shards[0].write_bytes(odd + text)
    shards[1].write_bytes(text[1::2].decode(errors="ignore").encode() + b"\n" + odd)
    parts = sum(path.stat().st_size for path in shards) // 21_000
    for max_types, most in ((500, 3), (100_000, 2)):
        for processes in range(1, most + 1):
            others_in_time.clear()
            _build(shards, tmp_path / f"{max_types}-{processes}", max_types=max_types, processes=processes)
            assert processes == 1 or 0 < len(others_in_time) < parts, "the others worked, too"
            assert _content(tmp_path / f"{max_types}-{processes}") == _content(tmp_path / f"{max_types}-1")
        meta = json.loads((tmp_path / f"{max_types}-2/meta.json").read_text())
        assert (meta["beyond_lexicon"] > 0, meta["types"] == 500) == (max_types == 500, max_types == 500)


def test_a_small_text_is_encoded_by_one_process_where_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_building, "WORTH_SHARING", 1_000)
    monkeypatch.setattr("elmo_cli.processes.usable_cores", lambda: 5)
    asked: list[int] = []

    def noted(function: Any, items: Any, *, processes: int) -> Iterator[Any]:
        asked.append(processes)
        return map(function, items)

    monkeypatch.setattr(store_building, "map_in_order", noted)
    for size in (999, 1_000):
        _build(_shards(tmp_path, "a" * (size - 1) + "\n"), tmp_path / f"{size}")
    assert asked == [1, 5]


def test_a_build_by_two_processes_that_was_broken_off_goes_on_with_three(
    tmp_path: Path, small_parts: None, others_in_time: list[float]
) -> None:
    shards = _shards(tmp_path, _invented(1, 3_000), _invented(2, 500))
    _build(shards, tmp_path / "whole")
    building = build_store(shards, VOCABULARY, tmp_path / "store", 50, processes=2)
    begun = [done for done, _ in islice(building, 40)][-1]
    building.close()
    going_on = build_store(shards, VOCABULARY, tmp_path / "store", 50, processes=3)
    assert next(going_on)[0] == begun > 0
    list(going_on)
    assert _content(tmp_path / "store") == _content(tmp_path / "whole")


def test_an_empty_corpus_is_a_store_without_sentences(tmp_path: Path) -> None:
    _build(_shards(tmp_path, "", "\n\n"), tmp_path / "store")
    text = open_store(tmp_path / "store")
    assert (text.num_sentences, text.num_tokens, text.num_types) == (0, 0, 5)


def test_very_long_lines_are_one_sentence(tmp_path: Path) -> None:
    _build(_shards(tmp_path, "the . " * 300_000 + "\n" + "x" * 3_000_000 + "\n"), tmp_path / "store")
    text = open_store(tmp_path / "store")
    assert text.starts.tolist() == [0, 600_000, 600_001]
    assert text.chars_UW[-1].tolist() == [258, *[ord("x")] * 48, 259]


def test_progress_counts_bytes_to_the_end(tmp_path: Path) -> None:
    shards = _shards(tmp_path, "the end\n", "the\n")
    assert list(build_store(shards, VOCABULARY, tmp_path / "store", 50)) == [(0, 12), (8, 12), (12, 12), (12, 12)]


def test_the_store_says_what_it_was_built_from(tmp_path: Path) -> None:
    shards = _shards(tmp_path, "the end\n\n", "the\n")
    _build(shards, tmp_path / "store")
    meta = json.loads((tmp_path / "store/meta.json").read_text())
    assert meta["sources"] == [
        {"name": path.name, "size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in shards
    ]
    assert {name: file["sha256"] for name, file in meta["files"].items()} == {
        name: digest for name, digest in _content(tmp_path / "store").items() if name != "meta.json"
    }
    assert (meta["sentences"], meta["tokens"], meta["types"], meta["blank_lines"]) == (2, 3, 6, 1)
    assert (meta["max_characters"], meta["vocabulary_sha256"]) == (50, VOCABULARY.sha256)


def test_a_full_lexicon_reads_later_words_as_unknown_and_counts_them(tmp_path: Path) -> None:
    shards = _shards(tmp_path, "the one two three .\nthree one two four three\n")
    _build(shards, tmp_path / "store", max_types=7)
    text = open_store(tmp_path / "store")
    assert list(text.lexicon) == [*SPECIALS, "the", ".", "one", "two"]
    assert text.tokens_N.tolist() == [3, 5, 6, 2, 4, 2, 5, 6, 2, 2]
    assert json.loads((tmp_path / "store/meta.json").read_text())["beyond_lexicon"] == 4
    _build(shards, tmp_path / "least", max_types=1)
    assert list(open_store(tmp_path / "least").lexicon) == VOCABULARY.words, "the vocabulary is always in it"


def test_a_build_that_was_broken_off_goes_on(tmp_path: Path, small_parts: None) -> None:
    shards = _shards(tmp_path, _invented(1, 300), _invented(2, 300))
    _build(shards, tmp_path / "whole")
    stopped: list[int] = []
    while not (tmp_path / "store").exists():
        assert len(stopped) < 100, "every attempt gets further"
        building = build_store(shards, VOCABULARY, tmp_path / "store", 50)
        begun, _ = next(building)
        assert begun == (stopped[-1] if stopped else 0), "it begins where the last one stopped"
        stopped.append([done for done, _ in islice(building, 3)][-1])
        building.close()
    assert len(stopped) >= 3
    assert _content(tmp_path / "store") == _content(tmp_path / "whole")
    assert not building_place(tmp_path / "store").exists()


def test_what_was_begun_on_another_text_or_vocabulary_is_begun_anew(tmp_path: Path, small_parts: None) -> None:
    shards = _shards(tmp_path, _invented(1, 300))
    for change in ("text", "width", "journal", "file"):
        building = build_store(shards, VOCABULARY, tmp_path / "store", 50)
        assert [done for done, _ in islice(building, 3)][-1] > 0
        building.close()
        unfinished = building_place(tmp_path / "store")
        if change == "text":
            shards[0].write_text(_invented(3, 300))
        if change == "journal":
            (unfinished / "journal.json").write_text("{")
        if change == "file":
            (unfinished / "tokens.u32").write_bytes(b"")
        again = build_store(shards, VOCABULARY, tmp_path / "store", 51 if change == "width" else 50)
        assert next(again)[0] == 0, change
        again.close()
    _build(shards, tmp_path / "store")
    _build(shards, tmp_path / "whole")
    assert _content(tmp_path / "store") == _content(tmp_path / "whole")


def test_text_that_changes_meanwhile_is_an_error(tmp_path: Path, small_parts: None) -> None:
    shards = _shards(tmp_path, _invented(1, 300))
    building = build_store(shards, VOCABULARY, tmp_path / "store", 50)
    next(building)
    with shards[0].open("a") as file:
        file.write("more\n")
    with pytest.raises(TextError, match=r"the text changed while it was encoded\nHint: run the command again"):
        list(building)
    assert not (tmp_path / "store").exists()


BUILD = """
import sys
import time
from pathlib import Path
from elmo_cli.text import store_building, word_types
from elmo_cli.text.vocabulary import Vocabulary
word_types.PART, store_building.JOURNAL_SECONDS = 2_000, 0.0
folder, vocabulary = Path(sys.argv[1]), Vocabulary(["<S>", "</S>", "<UNK>", "the", "."])
print("ready", flush=True)
for _ in store_building.build_store(sorted(folder.glob("*.txt")), vocabulary, folder / "store", 50, processes=1):
    time.sleep(0.01)  # no machine is done before the first kill
"""


def test_a_build_that_is_killed_at_any_moment_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    shards = _shards(tmp_path, _invented(1, 4_000), _invented(2, 2_000))
    vocabulary = Vocabulary(VOCABULARY.words)
    for _ in build_store(shards, vocabulary, tmp_path / "whole", 50):
        pass
    draw = random.Random(5)
    kills = 0
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", BUILD, tmp_path], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            time.sleep(draw.uniform(0.0, 0.25))
            os.kill(process.pid, signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        if (tmp_path / "store").exists():
            break
    assert kills >= 2
    for _ in build_store(shards, vocabulary, tmp_path / "store", 50):
        pass
    assert _content(tmp_path / "store") == _content(tmp_path / "whole")
    assert list(open_store(tmp_path / "store").lexicon) == list(open_store(tmp_path / "whole").lexicon)


BUILD_BY_TWO = """
import sys
import time
from pathlib import Path
from elmo_cli import processes, shared_memory
from elmo_cli.text import store_building, word_types
from elmo_cli.text.vocabulary import Vocabulary
word_types.PART, store_building.JOURNAL_SECONDS = 2_000, 0.0
given, arrived = [], []
submit, unpacked, done = processes.ProcessPoolExecutor.submit, shared_memory.Slots.unpacked, processes._done


def noted(pool, *work):
    given.append(submit(pool, *work))
    return given[-1]


def counted(*packed):
    arrived.append(unpacked(*packed))
    return arrived[-1]


def patient(function, item):
    given[0].result()  # until the other process is there
    return done(function, item)


if __name__ == "__main__":
    processes.ProcessPoolExecutor.submit, shared_memory.Slots.unpacked, processes._done = noted, counted, patient
    folder, vocabulary = Path(sys.argv[1]), Vocabulary(["<S>", "</S>", "<UNK>", "the", "."])
    shards, store_dir = sorted(folder.glob("*.txt")), folder / "store"
    for encoded, total in store_building.build_store(shards, vocabulary, store_dir, 50, processes=2):
        while len(arrived) >= 5 and not (store_building.building_place(store_dir) / "journal.json").exists():
            time.sleep(0.01)
        print(len(arrived), encoded, total, flush=True)
        if len(arrived) >= 5:
            time.sleep(600)  # until it is killed, with the other process and the journal at work
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_build_by_two_processes_that_is_killed_goes_on_with_any_number(tmp_path: Path, processes: int) -> None:
    shards = _shards(tmp_path, _invented(1, 8_000), _invented(2, 1_000))
    vocabulary = Vocabulary(VOCABULARY.words)
    for _ in build_store(shards, vocabulary, tmp_path / "whole", 50):
        pass
    script = tmp_path / "build.py"
    script.write_text(BUILD_BY_TWO)
    for _ in range(2):
        with subprocess.Popen([sys.executable, script, tmp_path], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                arrived, encoded, total = map(int, line.split())
                if arrived >= 5:
                    process.kill()
        assert process.returncode == -signal.SIGKILL and 0 < encoded < total
    going_on = build_store(shards, vocabulary, tmp_path / "store", 50, processes=processes)
    assert next(going_on)[0] > 0, "what the journal says is not done again"
    list(going_on)
    assert _content(tmp_path / "store") == _content(tmp_path / "whole")


@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_not_utf8_is_named_by_file_and_line_whichever_process_meets_it(
    tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch, others_in_time: list[float], processes: int
) -> None:
    shards = _shards(tmp_path, "the end\n", _invented(2, 500))
    content = shards[1].read_bytes()
    shards[1].write_bytes(content[:1_500] + b"\xff" + content[1_500:])
    line = content[:1_500].count(b"\n") + 1
    if processes == 2:  # the first part is read here, and three that follow are given away
        monkeypatch.setattr(word_types.ShardPart, "_not_utf8", None)
    with pytest.raises(TextError, match=rf"shard-1\.txt:{line}: byte 0xff is not UTF-8\nHint: .*elmo prepare"):
        _build(shards, tmp_path / "store", processes=processes)
    assert not (tmp_path / "store").exists()


def test_memory_holds_the_lexicon_and_not_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_types, "PART", 20_000)
    monkeypatch.setattr(store, "HASHED", 1_000)
    word_types.word_types(b"once\n")  # the first call takes memory once, and gives it back
    peaks = []
    for files in (2, 8):
        shards = _shards(tmp_path, *["the end of it .\n" * 10_000] * files)
        tracemalloc.start()
        _build(shards, tmp_path / f"store-{files}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_disk_that_takes_no_more_ends_the_build_though_the_journal_is_written_beside_it(
    tmp_path: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_building, "flush", full)
    with pytest.raises(OutputError, match=r"store: cannot be written: No space left on device\nHint: .*--out"):
        _build(_shards(tmp_path, _invented(1, 300)), tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"gone\.txt: cannot be read"):
        next(build_store([tmp_path / "gone.txt"], VOCABULARY, tmp_path / "store", 50))


def test_wikitext_keeps_every_token(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/wikitext-2/valid.sentences.txt"
    vocabulary = Vocabulary.read(shared / "data/wikitext-2/vocab.txt")
    for _ in build_store([source], vocabulary, tmp_path / "store", 50):
        pass
    text = open_store(tmp_path / "store")
    lines = source.read_text(encoding="utf-8").split("\n")[:-1]
    assert text.num_sentences == len(lines) == 8_753
    assert _sentences(text) == [line.split() for line in lines]
    assert text.num_types == len(vocabulary), "its vocabulary is every word of it"
