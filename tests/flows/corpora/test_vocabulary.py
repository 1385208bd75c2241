import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from elmo_cli.config import InputConfig, SplitConfig, TextConfig, VocabularyConfig
from elmo_cli.errors import OutputError, TextError
from elmo_cli.flows.corpora import counting
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.corpora.vocabulary import build_vocabulary
from elmo_cli.flows.corpus_results import Coverage, SpellingFigures, VocabularyResult
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.text import word_types
from elmo_cli.text.prepared import read_prepared
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary

WHITESPACE = TextConfig(tokenizer="whitespace")
ALL = VocabularyConfig(min_count=1)


def _run(*inputs: Path | str, out: Path, **options: Any) -> list[Report]:
    names = [str(path) for path in inputs]
    return list(build_vocabulary(names, out, **{"config": ALL, "text": WHITESPACE} | options))


def _result(reports: list[Report]) -> VocabularyResult:
    assert isinstance(reports[-1], VocabularyResult)
    return reports[-1]


def _text(folder: Path, text: str, name: str = "text.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _counted(vocabulary: Vocabulary) -> dict[str, int]:
    assert vocabulary.counts_V is not None
    return dict(zip(vocabulary.words[3:], vocabulary.counts_V[3:].tolist(), strict=True))


def _content(path: Path) -> tuple[bytes, bytes]:
    return path.read_bytes(), path.with_suffix(".counts.tsv").read_bytes()


def test_words_are_counted_and_written_most_frequent_first(tmp_path: Path) -> None:
    source = _text(tmp_path, "b a b\n\nb a c\nrare\n")
    reports = _run(source, out=tmp_path / "vocab.txt", config=VocabularyConfig(min_count=2))
    assert (tmp_path / "vocab.txt").read_text() == "<S>\n</S>\n<UNK>\nb\na\n"
    assert (tmp_path / "vocab.counts.tsv").read_text() == "<S>\t3\n</S>\t3\n<UNK>\t2\nb\t3\na\t2\n"
    assert reports[-1] == VocabularyResult(
        path=str(tmp_path / "vocab.txt"),
        size=5,
        types=4,
        tokens=7,
        coverage=5 / 7,
        least_count=2,
        forced=0,
        forced_rare=0,
        forgotten_types=0,
        forgotten_tokens=0,
        largest_loss=0,
        spelling=SpellingFigures(
            max_characters=50,
            bytes_per_token=10 / 7,
            bytes_per_character=1.0,
            cut_types=0,
            cut_tokens=0,
            cut_share=0.0,
            share_wanted=0.999,
            width_needed=6,
            longest=[("rare", 4, 1), ("b", 1, 3), ("a", 1, 2), ("c", 1, 1)],
        ),
        held_out=None,
    )


def test_raw_text_is_tokenised_first(tmp_path: Path) -> None:
    _run(_text(tmp_path, "Don't go. Don't stay."), out=tmp_path / "vocab.txt", text=TextConfig())
    vocabulary = Vocabulary.read(tmp_path / "vocab.txt")
    assert vocabulary.words == [*SPECIALS, ".", "Don't", "go", "stay"]
    assert vocabulary.counts_V is not None
    assert vocabulary.counts_V[vocabulary.begin_id] == 2


def _prepared(folder: Path, text: str, held_out: float = 0.2) -> Path:
    source, place = _text(folder, text, "source.txt"), folder / "prepared"
    list(prepare([str(source)], place, text=WHITESPACE, split=SplitConfig(held_out=held_out, shard_sentences=50)))
    return place


def test_of_a_prepared_folder_the_training_text_is_counted_and_not_the_held_out(tmp_path: Path) -> None:
    place = _prepared(tmp_path, "".join(f"word{number % 90} , end\n" for number in range(200)))
    result = _result(_run(place, out=tmp_path / "vocab.txt", text=TextConfig()))
    corpus = read_prepared(place)
    assert len(corpus.shards) > 1
    expected = Counter(word for shard in corpus.shards for word in shard.read_text().split())
    vocabulary = Vocabulary.read(tmp_path / "vocab.txt")
    assert _counted(vocabulary) == expected
    assert (result.tokens, result.types, result.coverage) == (corpus.counts["tokens"], len(expected), 1)
    assert corpus.held_out is not None
    held = corpus.held_out.read_text().split()
    outside = [word for word in held if word not in expected]
    assert result.held_out == Coverage(
        text=str(corpus.held_out),
        tokens=len(held),
        types=len(set(held)),
        oov_tokens=len(outside),
        oov_types=len(set(outside)),
        oov_rate=len(outside) / len(held),
    )


def test_coverage_is_measured_on_text_that_is_named(tmp_path: Path) -> None:
    place = _prepared(tmp_path, "a b\n" * 20)
    other = _text(tmp_path, "a new b\nnew newer\n", "other.txt")
    held = _result(_run(place, out=tmp_path / "vocab.txt", held_out=[str(other)])).held_out
    assert held == Coverage(text=str(other), tokens=5, types=4, oov_tokens=3, oov_types=2, oov_rate=0.6)
    also = _result(_run(other, out=tmp_path / "vocab.txt", held_out=[str(place)])).held_out
    assert also is not None and also.tokens == read_prepared(place).counts["tokens"]


def test_a_prepared_folder_without_held_out_text_has_no_coverage_of_it(tmp_path: Path) -> None:
    assert _result(_run(_prepared(tmp_path, "a b\n" * 9, 0.0), out=tmp_path / "vocab.txt")).held_out is None


def test_words_too_long_for_the_character_table_are_reported(tmp_path: Path) -> None:
    source = _text(tmp_path, "long-er long-er longest fits\n")
    spelling = _result(_run(source, out=tmp_path / "vocab.txt", max_characters=7)).spelling
    assert (spelling.cut_types, spelling.cut_tokens, spelling.cut_share) == (2, 3, 0.75)
    assert spelling.width_needed == 9
    assert spelling.longest == [("long-er", 7, 2), ("longest", 7, 1), ("fits", 4, 1)]


def test_forced_words_are_in_it_however_rare(tmp_path: Path) -> None:
    source = _text(tmp_path, "a a a b b c\n")
    words = _text(tmp_path, "c\n\nnever\n<UNK>\na\nc\n", "words.txt")
    result = _result(_run(source, out=tmp_path / "vocab.txt", config=VocabularyConfig(min_count=2), forced=words))
    assert _counted(Vocabulary.read(tmp_path / "vocab.txt")) == {"a": 3, "b": 2, "c": 1, "never": 0}
    assert (result.forced, result.forced_rare) == (3, 2)
    words.write_text("fine\nNew York\n")
    with pytest.raises(
        TextError, match=r"words\.txt:2: 'New York' has whitespace inside.*\nHint: give one word a line"
    ):
        _run(source, out=tmp_path / "vocab.txt", forced=words)


def test_any_number_of_processes_counts_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_types, "PART", 500)
    place = _prepared(tmp_path, "".join(f"word{number**2 % 97} , end\n" for number in range(500)))
    raw = _text(tmp_path, "Some raw text. It isn't much.\n", "raw.txt")
    results = []
    for processes in (1, 2):
        out = tmp_path / f"{processes}.txt"
        result = _result(_run(place, raw, out=out, text=TextConfig(), processes=processes))
        results.append((_content(out), result.types, result.tokens, result.spelling, result.held_out))
    assert results[0] == results[1]


@pytest.mark.parametrize("max_types", [2_000, 1_000_000])
def test_any_number_of_processes_counts_real_text_alike(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_types: int, others_in_time: list[float]
) -> None:
    monkeypatch.setattr(word_types, "PART", 20_000)
    text = (shared / "data/wikitext-2/valid.sentences.txt").read_text(encoding="utf-8")
    place = _prepared(tmp_path, text + "naïve\ufeff <UNK> a-word-of-more-than-eight-bytes \u202e 東京都庁前駅\n")
    results = []
    for processes in (1, 2, 3):
        others_in_time.clear()
        out = tmp_path / f"{processes}.txt"
        config = VocabularyConfig(min_count=1, max_types=max_types)
        result = _result(_run(place, out=out, config=config, processes=processes))
        results.append((_content(out), result.types, result.tokens, result.forgotten_tokens, result.largest_loss))
        assert processes == 1 or 0 < len(others_in_time) < len(read_prepared(place).shards), "the others worked, too"
    assert results[0] == results[1] == results[2]
    assert (results[0][3] > 0) == (max_types == 2_000)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_not_utf8_is_named_by_file_and_line_whichever_process_meets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others_in_time: list[float], processes: int
) -> None:
    place = _prepared(tmp_path, "the end\n" * 500, 0.0)
    shard = read_prepared(place).shards[2]
    lines = shard.read_bytes().split(b"\n")
    lines[30] += b"\xff"
    shard.write_bytes(b"\n".join(lines))
    if processes == 2:  # the first shard is read here, and three that follow are given away
        monkeypatch.setattr(word_types.ShardPart, "_not_utf8", None)
    with pytest.raises(TextError, match=rf"{shard.name}:31: byte 0xff is not UTF-8\nHint: .*elmo prepare"):
        _run(place, out=tmp_path / "vocab.txt", processes=processes)
    assert not (tmp_path / "vocab.txt").exists()


@pytest.mark.parametrize("raw", [False, True])
def test_a_small_text_is_counted_by_one_process_where_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bool
) -> None:
    monkeypatch.setattr(counting, "WORTH_STARTING" if raw else "WORTH_SHARING", 1_000)
    monkeypatch.setattr("elmo_cli.processes.usable_cores", lambda: 5)
    asked: list[int] = []

    def noted(function: Any, items: Any, *, processes: int, **options: Any) -> Iterator[Any]:
        asked.append(processes)
        return map_in_order(function, items, processes=1, **options)

    map_in_order = counting.map_in_order
    monkeypatch.setattr(counting, "map_in_order", noted)
    for size in (992, 1_000):
        folder = tmp_path / f"{size}"
        folder.mkdir()
        text = "the end\n" * (size // 8)
        source = _text(folder, text) if raw else _prepared(folder, text, 0.0)
        _run(source, out=folder / "vocab.txt")
    assert asked == [1, 5]


def test_rare_words_are_forgotten_with_a_word_about_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_types, "PART", 2_000)
    lines = [f"often w{number} often w{number % 700}" for number in range(1_500)]
    place = _prepared(tmp_path, "".join(f"{line}\n" for line in lines), 0.0)
    true = Counter(word for line in lines for word in line.split())
    for min_count, warns in ((1, True), (1_000, False)):
        config = VocabularyConfig(min_count=min_count, max_types=1_000)
        *reports, result = _run(place, out=tmp_path / "vocab.txt", config=config)
        assert isinstance(result, VocabularyResult)
        assert result.types <= 1_000 < len(true)
        assert result.types + result.forgotten_types >= len(true)
        assert result.tokens == true.total()
        kept = _counted(Vocabulary.read(tmp_path / "vocab.txt"))
        assert kept["often"] == true["often"]
        assert all(true[word] - result.largest_loss <= count <= true[word] for word, count in kept.items())
        [notice] = [report for report in reports if isinstance(report, Notice)]
        assert notice.warning == warns
        assert notice.text.startswith(
            f"more than 1,000 different words: {result.forgotten_tokens:,} tokens of the rarest were forgotten, and no "
            f"count is too small by more than {result.largest_loss};"
        )


def test_progress_goes_by_bytes_to_the_end(tmp_path: Path) -> None:
    first, second = _text(tmp_path, "a b\n" * 35, "a.txt"), _text(tmp_path, "c\n" * 15, "b.txt")
    *progress, _ = _run(first, second, out=tmp_path / "vocab.txt")
    assert [(report.done, report.total) for report in progress if isinstance(report, Progress)] == [
        (140, 170),
        (170, 170),
    ]


def test_standard_input_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a b a\n")))
    _run("-", out=tmp_path / "vocab.txt", processes=1)
    assert Vocabulary.read(tmp_path / "vocab.txt").words == [*SPECIALS, "a", "b"]


def test_bytes_that_were_replaced_are_told(tmp_path: Path) -> None:
    source = tmp_path / "text.txt"
    source.write_bytes(b"a b\xff\xfe c\n")
    with pytest.raises(TextError, match=r"text\.txt:1: .*0xff"):
        _run(source, out=tmp_path / "vocab.txt")
    reports = _run(source, out=tmp_path / "vocab.txt", reading=InputConfig(decode_errors="replace"))
    [notice] = [report for report in reports if isinstance(report, Notice)]
    assert notice.warning
    assert notice.text.startswith("replaced bytes: ")


def test_text_without_frequent_words_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="no word was seen at least 2 times"):
        _run(_text(tmp_path, "a b c\n"), out=tmp_path / "vocab.txt", config=VocabularyConfig())
    with pytest.raises(TextError, match="no such file or folder"):
        _run(tmp_path / "gone.txt", out=tmp_path / "vocab.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_an_older_vocabulary_is_replaced_and_any_other_file_is_not(tmp_path: Path) -> None:
    source = _text(tmp_path, "a a b\n")
    _run(source, out=tmp_path / "vocab.txt")
    _run(_text(tmp_path, "c\n"), out=tmp_path / "vocab.txt")
    assert Vocabulary.read(tmp_path / "vocab.txt").words == [*SPECIALS, "c"]
    for place in (_text(tmp_path, "dear\n", "letter.txt"), tmp_path):
        with pytest.raises(OutputError, match=f"{place.name}: exists and is not a vocabulary; nothing was changed"):
            _run(source, out=place)
    with pytest.raises(OutputError, match=r"vocab\.txt: is also an input"):
        _run(tmp_path / "vocab.txt", out=tmp_path / "vocab.txt")
    assert (tmp_path / "letter.txt").read_text() == "dear\n"


def test_wikitext_gives_the_vocabulary_that_other_programs_were_measured_with(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data/wikitext-2"
    result = _result(_run(folder / "valid.sentences.txt", out=tmp_path / "vocab.txt"))
    ours, theirs = Vocabulary.read(tmp_path / "vocab.txt"), Vocabulary.read(folder / "vocab.txt")
    assert sorted(ours.words) == sorted(theirs.words)
    words = (folder / "valid.sentences.txt").read_text(encoding="utf-8").split()
    assert result.tokens == len(words)
    assert result.types == len(set(words))
    assert result.coverage == pytest.approx(1 - words.count("<UNK>") / len(words))


def test_pieces_are_classes_however_rare_and_words_are_not(tmp_path: Path) -> None:
    source = _text(tmp_path, "a a b\na c\n")
    assert _result(_run(source, out=tmp_path / "words.txt", config=VocabularyConfig())).size == 4
    pieces = TextConfig(tokenizer="sentencepiece")
    assert VocabularyConfig().settled(pieces).least_count == 1
    assert VocabularyConfig(min_count=3).settled(pieces).least_count == 3
    assert VocabularyConfig().settled(TextConfig()).least_count == 2
