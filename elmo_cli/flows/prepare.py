"""What ``elmo prepare`` does: raw text to shards of tokenised sentences, some of them held out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli.config import TextConfig
from elmo_cli.errors import ConfigError, OutputError, TextError
from elmo_cli.files import whole_folder
from elmo_cli.flows.reports import Notice, PrepareResult, Progress, Reports
from elmo_cli.seeds import derive_seed, uniform_at
from elmo_cli.text.prepared import HELD_OUT, is_prepared, shard_name, write_manifest
from elmo_cli.text.readers import STDIN, TextReader, find_inputs
from elmo_cli.text.tokenizers import make_tokenizer

DEAL = 2_000
"""Sentences that are written at a time, and between two progress reports."""


def prepare(
    inputs: Sequence[str],
    out_dir: Path,
    *,
    text: TextConfig,
    held_out: float,
    seed: int = 1,
    shard_sentences: int = 100_000,
    overwrite: bool = False,
) -> Reports:
    """Reads raw text, cuts it into sentences and words, and writes a prepared corpus that appears whole.

    A sentence is held out by a hash of the seed and its running number, so the choice depends on nothing that comes
    after it. Where there are two sentences or more, each side gets one at least.

    Args:
        inputs: Files, folders, glob patterns, or ``-`` for standard input.
        out_dir: Where the corpus goes.
        text: How to read and cut the text.
        held_out: Share of the sentences held out, below 0.5; 0 holds out none.
        seed: Decides which.
        shard_sentences: Sentences per training file.
        overwrite: Whether a prepared corpus that is already there is replaced.

    Raises:
        TextError: An input is missing or not UTF-8, or no sentence was found.
        OutputError: ``out_dir`` is taken, or cannot be written.
        ConfigError: ``held_out`` is no such share.
    """
    if not 0 <= held_out < 0.5:
        raise ConfigError(f"--held-out {held_out}: expected a share from 0 to below 0.5", hint="for example 0.02")
    paths = find_inputs(inputs)
    _check_places(inputs, paths, out_dir, overwrite)
    tokenizer = make_tokenizer(text)
    total = None if STDIN in paths else sum(path.stat().st_size for path in paths)
    done = replaced = 0
    sources = []
    with whole_folder(out_dir) as folder:
        writer = _Writer(folder, held_out, derive_seed(seed, "held out"), shard_sentences)
        for path in paths:
            reader = TextReader(path, text.decode_errors)
            for line in reader.lines():
                for sentence in tokenizer.sentences(line):
                    if writer.take(sentence):
                        yield _progress(path, done + reader.bytes_read, total)
            done += reader.bytes_read
            replaced += reader.replaced
            sources.append({"name": str(path), "size": reader.bytes_read, "sha256": reader.sha256})
        writer.finish()
        if not writer.shards:
            raise TextError(f"{', '.join(inputs)}: no sentence found", hint="check that the text is not empty")
        write_manifest(
            folder,
            text=text,
            held_out=held_out,
            seed=seed,
            sources=sources,
            shards=writer.shards,
            counts=writer.counts,
        )
    yield _progress(paths[-1], done, done)
    if replaced:
        yield Notice(text=f"bytes that were not UTF-8 became U+FFFD (times: {replaced:,})", warning=True)
    yield PrepareResult(
        out_dir=str(out_dir),
        files=len(paths),
        bytes=done,
        shards=writer.shards,
        replaced_bytes=replaced,
        **writer.counts,
    )


class _Writer:
    """Deals sentences out to training files and the held-out file."""

    def __init__(self, folder: Path, held_out: float, seed: int, shard_sentences: int) -> None:
        self.counts = {"sentences": 0, "tokens": 0, "held_out_sentences": 0, "held_out_tokens": 0}
        self.shards = 0
        self._folder = folder
        self._held_out = held_out
        self._seed = seed
        self._shard_sentences = shard_sentences
        self._waiting: list[list[str]] = []
        (folder / HELD_OUT).touch()

    def take(self, sentence: list[str]) -> bool:
        """Takes a sentence; True says that it was time to write some."""
        self._waiting.append(sentence)
        if len(self._waiting) <= DEAL:
            return False
        # The last sentence always waits: it goes where it is needed if the text ends there.
        ready, self._waiting = self._waiting[:-1], self._waiting[-1:]
        self._write(ready, self._choose(len(ready)))
        return True

    def finish(self) -> None:
        """Writes the rest, so that neither side stays empty."""
        chosen = self._choose(len(self._waiting))
        if self._held_out and self._number + len(chosen) >= 2:
            if not self.counts["held_out_sentences"] and not chosen.any():
                chosen[-1] = True
            elif not self.counts["sentences"] and chosen.all():
                chosen[-1] = False
        elif len(chosen) == 1:
            chosen[:] = False
        self._write(self._waiting, chosen)

    @property
    def _number(self) -> int:
        return self.counts["sentences"] + self.counts["held_out_sentences"]

    def _choose(self, count: int) -> npt.NDArray[np.bool_]:
        return uniform_at(np.arange(self._number, self._number + count), self._seed) < self._held_out

    def _write(self, sentences: list[list[str]], chosen: npt.NDArray[np.bool_]) -> None:
        held = [sentence for sentence, out in zip(sentences, chosen, strict=True) if out]
        rest = [sentence for sentence, out in zip(sentences, chosen, strict=True) if not out]
        self._append(HELD_OUT, held)
        self._count("held_out_", held)
        while rest:
            shard, filled = divmod(self.counts["sentences"], self._shard_sentences)
            fitting = rest[: self._shard_sentences - filled]
            self._append(shard_name(shard), fitting)
            self._count("", fitting)
            self.shards = shard + 1
            rest = rest[len(fitting) :]

    def _append(self, name: str, sentences: list[list[str]]) -> None:
        with (self._folder / name).open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{' '.join(sentence)}\n" for sentence in sentences)

    def _count(self, prefix: str, sentences: list[list[str]]) -> None:
        self.counts[f"{prefix}sentences"] += len(sentences)
        self.counts[f"{prefix}tokens"] += sum(map(len, sentences))


def _progress(path: Path, done: int, total: int | None) -> Progress:
    note = "standard input" if path == STDIN else path.name
    return Progress(stage="preparing text", done=done, total=total, unit="bytes", note=note)


def _check_places(inputs: Sequence[str], paths: Sequence[Path], out_dir: Path, overwrite: bool) -> None:
    for folder in map(Path, inputs):
        if is_prepared(folder):
            raise TextError(f"{folder}: prepared already", hint=f"train on it: elmo pretrain {folder}")
    inside = [path for path in paths if path != STDIN and path.resolve().is_relative_to(out_dir.resolve())]
    if inside:
        raise OutputError(
            f"{out_dir}: the input {inside[0]} lies in it", hint="choose another place for the result with --out"
        )
    if is_prepared(out_dir):
        if not overwrite:
            raise OutputError(
                f"{out_dir}: there is a prepared corpus already",
                hint="replace it with --overwrite, or choose another --out",
            )
    elif out_dir.is_file() or (out_dir.is_dir() and any(out_dir.iterdir())):
        raise OutputError(
            f"{out_dir}: exists and is not a prepared corpus; nothing was changed",
            hint="choose another place with --out",
        )
