"""A corpus to a page."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli.config import CleaningConfig, SplitConfig, TextConfig
from elmo_cli.errors import OutputError, TextError
from elmo_cli.flows.corpora.corpus_figures import prepared_figures, samples, store_figures
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.model_results import ReportResult
from elmo_cli.flows.report import report
from elmo_cli.flows.reports import Progress
from elmo_cli.pages.corpus import CorpusFigures
from elmo_cli.text.store_building import build_store
from elmo_cli.text.vocabulary import Vocabulary

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "naughty-strings" / "blns.txt"


def prepared(tmp_path: Path, text: str, **options: Any) -> Path:
    raw = tmp_path / "raw.txt"
    raw.write_text(text, encoding="utf-8")
    options = {"text": TextConfig(tokenizer="whitespace"), "split": SplitConfig(held_out=0.0), **options}
    list(prepare([str(raw)], tmp_path / "corpus", **options))
    return tmp_path / "corpus"


def figures_of(flow: Any) -> CorpusFigures:
    while True:
        try:
            next(flow)
        except StopIteration as end:
            return end.value


def text() -> str:
    random = np.random.default_rng(3)
    words = ["the", "слово", "語", "end", ".", "x" * 60, *(f"w{number}" for number in range(300))]
    return "".join(
        " ".join(random.choice(words, random.integers(1, 12), p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.01, *[0.19 / 300] * 300]))
        + "\n"
        for _ in range(800)
    )


def test_figures_are_those_of_an_independent_count(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, text(), split=SplitConfig(held_out=0.1, test=0.1))
    figures = figures_of(prepared_figures(corpus, 1))
    training = [line.split() for line in (corpus / "train-00000.txt").read_text(encoding="utf-8").splitlines()]
    held_out = [line.split() for line in (corpus / "held-out.txt").read_text(encoding="utf-8").splitlines()]
    counts = Counter(word for line in training for word in line)
    assert [split.name for split in figures.splits] == ["training", "held-out", "test"]
    assert (figures.splits[0].sentences, figures.splits[0].tokens) == (len(training), sum(map(len, training)))
    assert figures.splits[1].lengths == Counter(map(len, held_out))
    assert figures.types == len(counts)
    assert figures.once == sum(count == 1 for count in counts.values())
    order = sorted(counts, key=lambda word: (-counts[word], word.encode()))
    assert all(order[rank - 1] == word and counts[word] == count for rank, count, word in figures.ranks)
    for name, lines in (("training", training), ("held-out", held_out)):
        for size, share in figures.coverage[name]:
            vocabulary = set(order[:size])
            known = [word in vocabulary for line in lines for word in line]
            assert share == pytest.approx(sum(known) / len(known))
    assert figures.token_bytes == Counter(len(word.encode()) for line in training for word in line)
    assert figures.type_bytes == Counter(len(word.encode()) for word in counts)
    assert figures.scripts["Han"] == counts["語"]
    assert figures.scripts["Cyrillic"] == 5 * counts["слово"]
    assert figures.longest_words[0] == ("x" * 60, 60, counts["x" * 60])
    assert figures.sources == [(str(tmp_path / "raw.txt"), (tmp_path / "raw.txt").stat().st_size)]


def test_the_page_shows_them(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, text(), cleaning=CleaningConfig(min_tokens=3, deduplicate=True))
    *progress, result = report([corpus], tmp_path / "page.html")
    assert isinstance(result, ReportResult)
    assert (result.kind, result.bytes) == ("prepared corpus", (tmp_path / "page.html").stat().st_size)
    last = progress[-1]
    assert isinstance(last, Progress)
    assert last.done == last.total
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    figures = figures_of(prepared_figures(corpus, 1))
    for number in (figures.splits[0].sentences, figures.splits[0].tokens, figures.types):
        assert f"<b>{number:,}</b>" in page
    assert figures.dropped is not None
    assert [one.rule for one in figures.dropped] == ["too short", "duplicate"]
    for one in figures.dropped:
        assert f"Dropped as {one.rule}" in page
        assert f">{one.sentences:,}</bdi>" in page
    assert page.count('class="chart"') == 5


@pytest.mark.skipif(not NAUGHTY.exists(), reason="../shared/data/naughty-strings is not here")
def test_naughty_strings_make_a_page_and_no_tags(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    list(prepare([str(NAUGHTY)], corpus, text=TextConfig(tokenizer="whitespace"), split=SplitConfig(held_out=0.0)))
    list(report([corpus], tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 7  # five charts, what draws them, and the page's own
    assert "<img" not in page.split("<script>")[0]


def test_a_corpus_of_format_1_has_a_page_that_says_what_is_not_known(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, text())
    manifest = json.loads((corpus / "prepare.json").read_text(encoding="utf-8"))
    old = {name: manifest[name] for name in ("libraries", "sources", "shards", "counts")}
    old |= {"format": 1, "held_out": 0.0, "seed": 1}
    old["text"] = {"tokenizer": "whitespace", "language": "en", "decode_errors": "strict"}
    (corpus / "prepare.json").write_text(json.dumps(old), encoding="utf-8")
    list(report([corpus], tmp_path / "page.html"))
    assert "This corpus does not record what was dropped." in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_store_has_the_figures_of_its_text(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, text())
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "the", "."])
    list(build_store([corpus / "train-00000.txt"], vocabulary, tmp_path / "store", 50))
    stored, counted = figures_of(store_figures(tmp_path / "store")), figures_of(prepared_figures(corpus, 1))
    assert stored.splits[0].lengths == counted.splits[0].lengths
    assert stored.coverage["stored"] == counted.coverage["training"]
    assert (stored.types, stored.once, stored.scripts) == (counted.types, counted.once, counted.scripts)
    assert (stored.token_bytes, stored.ranks) == (counted.token_bytes, counted.ranks)


def test_samples_are_whole_lines_spread_over_the_files(tmp_path: Path) -> None:
    lines = [f"line {number} of the text" for number in range(100)]
    for name, part in (("a", lines[:50]), ("b", lines[50:])):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in part), encoding="utf-8")
    found = samples([tmp_path / "a", tmp_path / "b"], 4)
    assert [int(line.split()[1]) // 25 for line in found] == [0, 1, 2, 3]
    assert set(found) <= set(lines)
    (tmp_path / "one").write_text("alone\n", encoding="utf-8")
    assert samples([tmp_path / "one"]) == ["alone"]


def test_a_page_that_is_there_stays(tmp_path: Path) -> None:
    corpus = prepared(tmp_path, "the end .\n")
    (tmp_path / "page.html").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"page\.html: exists already") as error:
        list(report([corpus], tmp_path / "page.html"))
    assert "--overwrite" in error.value.hint
    list(report([corpus], tmp_path / "page.html", overwrite=True))
    assert (tmp_path / "page.html").stat().st_size > 500_000
    with pytest.raises(OutputError, match="exists already"):
        list(report([corpus], tmp_path, overwrite=True))


def test_what_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="nowhere: no such file or folder"):
        list(report([tmp_path / "nowhere"], tmp_path / "page.html"))
    (tmp_path / "raw.txt").write_text("text", encoding="utf-8")
    with pytest.raises(TextError, match="expected a run, a prepared corpus or a corpus store, found none") as error:
        list(report([tmp_path / "raw.txt"], tmp_path / "page.html"))
    assert error.value.hint.startswith("make a corpus of raw text with elmo prepare")
