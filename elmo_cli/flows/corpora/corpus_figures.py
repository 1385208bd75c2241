"""The figures of a corpus that its page shows, counted from its files in bounded memory."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.config import VocabularyConfig, to_dict
from elmo_cli.errors import TextError
from elmo_cli.flows.corpora.word_figures import coverage, ranked_words, spellings
from elmo_cli.flows.reports import Progress, Report
from elmo_cli.pages.corpus import CorpusFigures, Dropped, Split
from elmo_cli.processes import map_in_order, suitable_processes
from elmo_cli.text.cleaning import shortened
from elmo_cli.text.counting import PartCounts, WordCounts
from elmo_cli.text.oddities import ODDITIES
from elmo_cli.text.prepared import PreparedCorpus, read_prepared
from elmo_cli.text.readers import size_of
from elmo_cli.text.scripts import count_scripts
from elmo_cli.text.store import EncodedText, open_store
from elmo_cli.text.word_types import ShardPart, shard_parts, word_types

SAMPLES = 8
"""Sentences shown of each split, evenly spaced over its bytes."""

BLOCK = 1 << 22
"""Tokens of a store that are counted at a time."""

FigureSteps = Generator[Report, None, CorpusFigures]


@dataclass
class _Counted:
    words: WordCounts
    lengths: Counter[int]
    scripts: Counter[str]


def prepared_figures(folder: Path, processes: int | None) -> FigureSteps:
    """The figures of a prepared corpus.

    Raises:
        TextError: It is damaged, or has no training text.
    """
    prepared = read_prepared(folder)
    files: dict[str, Sequence[Path]] = {"training": prepared.shards}
    files |= {name: [path] for name, path in (("held-out", prepared.held_out), ("test", prepared.test)) if path}
    counted = yield from _count(files, processes)
    if not counted["training"].lengths:
        raise TextError(f"{folder}: no training sentence in it", hint="prepare it again, holding less out")
    words = counted["training"].words
    ranked = ranked_words(words.counts)
    covered = {name: coverage(ranked, one.words.counts, one.words.tokens) for name, one in counted.items()}
    findings = prepared.findings
    return CorpusFigures(
        title=folder.resolve().name,
        subtitle=_subtitle(prepared),
        splits=[Split(name=name, lengths=one.lengths, samples=samples(files[name])) for name, one in counted.items()],
        types=len(ranked.words),
        once=int((ranked.counts_U == 1).sum()),
        ranks=ranked.points(),
        coverage=covered,
        **spellings(ranked),
        scripts=counted["training"].scripts,
        forgotten=words.forgotten_tokens,
        documents=findings.get("documents"),
        dropped=_dropped(findings["dropped"]) if "dropped" in findings else None,
        overlap={name.replace("_", "-"): share for name, share in findings.get("overlap", {}).items()},
        oddities=_oddities(findings["oddities"]) if "oddities" in findings else None,
        sources=[(str(source["name"]), int(source["size"])) for source in prepared.sources],
        settings=list(_settings(prepared)),
    )


def store_figures(folder: Path) -> FigureSteps:
    """The figures of a corpus store, which knows its words and nothing of where they come from.

    Raises:
        TextError: It is damaged, or has no sentence.
    """
    text = open_store(folder)
    if not text.num_tokens:
        raise TextError(f"{folder}: no sentence in it", hint="build it from other text")
    counts_U = np.zeros(text.num_types, dtype=np.int64)
    for begin in range(0, text.num_tokens, BLOCK):
        counts_U += np.bincount(text.tokens_N[begin : begin + BLOCK], minlength=text.num_types)
        done = min(begin + BLOCK, text.num_tokens)
        yield Progress(stage="counting words", done=done, total=text.num_tokens, unit="words")
    words = {
        word.encode(errors="surrogatepass"): count
        for word, count in zip(text.lexicon, counts_U.tolist(), strict=True)
        if count
    }
    ranked = ranked_words(words)
    lengths, counts = np.unique(np.diff(text.starts), return_counts=True)
    by_length = dict(zip(lengths.tolist(), counts.tolist(), strict=True))
    return CorpusFigures(
        title=folder.resolve().name,
        subtitle=f"Corpus store · vocabulary of {len(text.vocabulary):,} words",
        splits=[Split(name="stored", lengths=by_length, samples=_stored_samples(text))],
        types=len(words),
        once=int((ranked.counts_U == 1).sum()),
        ranks=ranked.points(),
        coverage={"stored": coverage(ranked, words, text.num_tokens)},
        **spellings(ranked),
        scripts=_scripts_of(words),
    )


def samples(paths: Sequence[Path], number: int = SAMPLES) -> list[str]:
    """Lines evenly spaced over the bytes of some files; fewer where the text has fewer."""
    sizes_P = np.array([size_of(path) for path in paths])
    ends_P = np.cumsum(sizes_P)
    found: dict[tuple[int, int], str] = {}
    for offset in (np.arange(number) * int(ends_P[-1]) // number).tolist():
        place = int(np.searchsorted(ends_P, offset, side="right"))
        if place == len(paths):
            continue
        with paths[place].open("rb") as stream:
            stream.seek(max(0, offset - int(ends_P[place] - sizes_P[place]) - 1))
            if stream.tell():
                stream.readline()
            begin = stream.tell()
            line = stream.readline().decode(errors="replace").rstrip("\r\n")
        if line:
            found.setdefault((place, begin), shortened(line))
    return list(found.values())


def _count(files: Mapping[str, Sequence[Path]], processes: int | None) -> Generator[Report, None, dict[str, _Counted]]:
    total = sum(size_of(path) for paths in files.values() for path in paths)
    counted = {name: _Counted(WordCounts.within(VocabularyConfig()), Counter(), Counter()) for name in files}
    done = 0
    for name, one in counted.items():
        parts = [part for path in files[name] for part in shard_parts(path)]
        measured = map_in_order(_measure, parts, processes=suitable_processes(processes, total))
        for part, (words, lengths, scripts) in zip(parts, measured, strict=True):
            one.words.add(words)
            one.lengths += lengths
            one.scripts += scripts
            done += part.end - part.begin
            yield Progress(stage="counting words", done=done, total=total, unit="bytes", note=part.path.name)
    return {name: one for name, one in counted.items() if one.lengths or name == "training"}


def _measure(part: ShardPart) -> tuple[PartCounts, Counter[int], Counter[str]]:
    lines = part.read()
    found = word_types(lines)
    lengths, counts = np.unique(np.diff(found.ends_S, prepend=0), return_counts=True)
    return (
        PartCounts(b"\n".join(found.words), found.counts_U, len(found.ends_S)),
        Counter(dict(zip(lengths.tolist(), counts.tolist(), strict=True))),
        count_scripts(lines.decode()),
    )


def _dropped(found: Mapping[str, Mapping[str, Any]]) -> list[Dropped]:
    return [
        Dropped(rule=rule, sentences=int(one["sentences"]), tokens=int(one["tokens"]), examples=list(one["examples"]))
        for rule, one in found.items()
    ]


def _oddities(found: Mapping[str, int]) -> dict[str, tuple[int, str]]:
    return {name: (count, ODDITIES.get(name, "")) for name, count in found.items()}


def _subtitle(prepared: PreparedCorpus) -> str:
    size = sum(int(source["size"]) for source in prepared.sources)
    files = "1 source file" if len(prepared.sources) == 1 else f"{len(prepared.sources):,} source files"
    return f"Prepared corpus · {files}, {size / 1e6:,.1f} MB"


def _settings(prepared: PreparedCorpus) -> list[tuple[str, str]]:
    rows = [
        (f"{section}.{name}", str(value))
        for section, values in to_dict(prepared.settings).items()
        for name, value in values.items()
    ]
    return rows + [(f"version of {name}", version) for name, version in prepared.libraries.items()]


def _stored_samples(text: EncodedText) -> list[str]:
    chosen = dict.fromkeys((np.arange(SAMPLES) * text.num_sentences // SAMPLES).tolist())
    spans = [text.tokens_N[text.starts[number] : text.starts[number + 1]] for number in chosen]
    return [shortened(" ".join(text.lexicon[int(token)] for token in span)) for span in spans if len(span)]


def _scripts_of(words: Mapping[bytes, int]) -> Counter[str]:
    scripts: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for word, count in words.items():
        for character in word.decode(errors="replace"):
            characters[character] += count
    for character, count in characters.items():
        scripts += Counter(dict.fromkeys(count_scripts(character), count))
    return scripts
