import io
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from elmo_cli.config import TextConfig, VocabularyConfig
from elmo_cli.errors import OutputError, TextError
from elmo_cli.flows import vocabulary as module
from elmo_cli.flows.prepare import prepare
from elmo_cli.flows.reports import Progress, Report, VocabularyResult
from elmo_cli.flows.vocabulary import build_vocabulary
from elmo_cli.text.prepared import read_prepared
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary

WHITESPACE = TextConfig(tokenizer="whitespace")
ALL = VocabularyConfig(min_count=1)


def _run(*inputs: Path | str, out: Path, **options: Any) -> list[Report]:
    names = [str(path) for path in inputs]
    return list(build_vocabulary(names, out, **{"config": ALL, "text": WHITESPACE} | options))


def _text(folder: Path, text: str, name: str = "text.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


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
        cut_types=0,
        cut_tokens=0,
    )


def test_raw_text_is_tokenised_first(tmp_path: Path) -> None:
    _run(_text(tmp_path, "Don't go. Don't stay."), out=tmp_path / "vocab.txt", text=TextConfig())
    vocabulary = Vocabulary.read(tmp_path / "vocab.txt")
    assert vocabulary.words == [*SPECIALS, ".", "Don't", "go", "stay"]
    assert vocabulary.counts_V is not None
    assert vocabulary.counts_V[vocabulary.begin_id] == 2


def test_of_a_prepared_folder_the_training_text_is_counted_and_not_the_held_out(tmp_path: Path) -> None:
    source = _text(tmp_path, "".join(f"word{number} , end\n" for number in range(200)))
    list(prepare([str(source)], tmp_path / "prepared", text=WHITESPACE, held_out=0.2, shard_sentences=50))
    *_, result = _run(tmp_path / "prepared", out=tmp_path / "vocab.txt", text=TextConfig())
    corpus = read_prepared(tmp_path / "prepared")
    expected = Counter(word for shard in corpus.shards for word in shard.read_text().split())
    vocabulary = Vocabulary.read(tmp_path / "vocab.txt")
    assert vocabulary.counts_V is not None
    assert dict(zip(vocabulary.words[3:], vocabulary.counts_V[3:].tolist(), strict=True)) == expected
    assert isinstance(result, VocabularyResult)
    assert result.tokens == corpus.counts["tokens"]
    assert result.coverage == 1


def test_words_too_long_for_the_character_table_are_reported(tmp_path: Path) -> None:
    source = _text(tmp_path, "long-er long-er longest fits\n")
    *_, result = _run(source, out=tmp_path / "vocab.txt", max_characters=7)
    assert isinstance(result, VocabularyResult)
    assert (result.cut_types, result.cut_tokens) == (2, 3)


def test_progress_goes_by_bytes_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPORT_SENTENCES", 10)
    first, second = _text(tmp_path, "a b\n" * 35, "a.txt"), _text(tmp_path, "c\n" * 15, "b.txt")
    *progress, _ = _run(first, second, out=tmp_path / "vocab.txt")
    assert all(isinstance(report, Progress) and report.total == 170 for report in progress)
    assert [report.done for report in progress if isinstance(report, Progress)] == [140, 140, 140, 170, 170, 170]


def test_standard_input_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a b a\n")))
    _run("-", out=tmp_path / "vocab.txt")
    assert Vocabulary.read(tmp_path / "vocab.txt").words == [*SPECIALS, "a", "b"]


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
    *_, result = _run(folder / "valid.sentences.txt", out=tmp_path / "vocab.txt")
    ours, theirs = Vocabulary.read(tmp_path / "vocab.txt"), Vocabulary.read(folder / "vocab.txt")
    assert sorted(ours.words) == sorted(theirs.words)
    assert isinstance(result, VocabularyResult)
    words = (folder / "valid.sentences.txt").read_text(encoding="utf-8").split()
    assert result.tokens == len(words)
    assert result.types == len(set(words))
    assert result.coverage == pytest.approx(1 - words.count("<UNK>") / len(words))
