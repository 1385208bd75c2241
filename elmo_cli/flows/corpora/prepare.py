"""What ``elmo prepare`` does: raw text to shards of tokenised sentences, some of them kept apart."""

import codecs
import glob
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from elmo_cli.config import CleaningConfig, InputConfig, PiecesConfig, SplitConfig, TextConfig
from elmo_cli.errors import ConfigError, OutputError, TextError
from elmo_cli.files import PARTIAL, hold, whole_folder
from elmo_cli.flows.corpora.dealing import Dealing
from elmo_cli.flows.corpora.learned_pieces import learn_pieces, read_pieces
from elmo_cli.flows.corpus_results import DroppedResult, PrepareResult
from elmo_cli.flows.found_inputs import found_inputs
from elmo_cli.flows.reports import Notice, Report, Reports
from elmo_cli.processes import suitable_processes, workers
from elmo_cli.text.buckets import bucket_bits
from elmo_cli.text.oddities import ODDITIES
from elmo_cli.text.pieces import PIECES_FILE
from elmo_cli.text.portions import Plan, begin_cutting
from elmo_cli.text.prepared import COUNTS, Settings, is_prepared, write_manifest
from elmo_cli.text.readers import STDIN
from elmo_cli.text.sources import BlockReader
from elmo_cli.text.splits import NAMES
from elmo_cli.text.tokenizers import make_tokenizer

WORK = "work"
"""Where bucket files lie in the folder that is being made."""

COMPRESSED = (".gz", ".xz", ".bz2", ".zst")
"""Ends of the names of files whose size says little about that of the text."""

WARNED = ("replaced bytes", "skipped lines")
"""Oddities by which text was lost."""

APART = {"held_out": "held out", "test": "for testing"}
"""How messages speak of the splits that are no training text."""

NULS = 0.1
"""NUL characters for each that stays, from which on a word is said about them."""

HIGH_OVERLAP = 0.1
"""Share of a split's sentences that also stand in training, from which on a word is said about it."""


def prepare(
    inputs: Sequence[str],
    out_dir: Path,
    *,
    reading: InputConfig | None = None,
    text: TextConfig | None = None,
    cleaning: CleaningConfig | None = None,
    split: SplitConfig | None = None,
    pieces: PiecesConfig | None = None,
    pieces_model: Path | None = None,
    processes: int | None = None,
    overwrite: bool = False,
) -> Reports:
    """Reads raw text, cuts it into sentences and words, and writes a prepared corpus that appears whole.

    A sentence's split is decided by a hash of the seed and its place in the input, so it depends on nothing that comes
    after it. What is written depends neither on the number of processes nor on the memory there is.

    Args:
        inputs: Files, folders, glob patterns, or ``-`` for standard input.
        out_dir: Where the corpus goes.
        reading: How files are read.
        text: How text is cut.
        cleaning: Which sentences are dropped.
        split: What is held out, what is for testing, and whether sentences are shuffled.
        pieces: How SentencePiece's inventory is learned, where the tokenizer needs one and none is given.
        pieces_model: A SentencePiece model.
        processes: How many cut the text; None is one per core, and one for a small text.
        overwrite: Whether a prepared corpus that is already there is replaced.

    Raises:
        TextError: An input is missing or not readable as it should be, or no sentence was found.
        OutputError: ``out_dir`` is taken, or cannot be written.
        ConfigError: Settings do not go together.
    """
    began = time.perf_counter()
    settings = Settings(
        input=reading or InputConfig(),
        text=(text or TextConfig()).settled(),
        pieces=pieces or PiecesConfig(),
        cleaning=cleaning or CleaningConfig(),
        split=split or SplitConfig(),
    )
    if processes is not None and processes < 1:
        raise ConfigError(f"--processes {processes}: expected at least 1")
    paths = yield from found_inputs(inputs)
    _check_places(inputs, paths, out_dir, overwrite)
    _remove_leftovers(out_dir)
    with whole_folder(out_dir) as folder, hold(folder / WORK):
        reader = BlockReader(paths, settings.input)
        count = suitable_processes(processes, reader.total_bytes)
        model = yield from _pieces(paths, settings, pieces_model, count, folder)
        make_tokenizer(settings.text, model)  # what it lacks is said here, and not by some process
        plan = _plan(folder / WORK, settings, model, _text_bytes(paths, reader))
        with workers(count, prepare=begin_cutting, arguments=(plan,)) as pool:
            dealing = Dealing(out_dir, folder, plan, pool)
            yield from dealing.cut(reader)
            bounds = yield from dealing.compare()
            yield from dealing.settle(bounds)
            _check_sentences(inputs, dealing)
            yield from dealing.write()
        shutil.rmtree(plan.folder)
        if model is not None:
            (folder / PIECES_FILE).write_bytes(model)
        _write_manifest(folder, settings, reader, dealing)
    yield from _notices(settings, dealing)
    yield _result(out_dir, reader, dealing, count, time.perf_counter() - began)


def _pieces(
    paths: Sequence[Path], settings: Settings, given: Path | None, processes: int, folder: Path
) -> Generator[Report, None, bytes | None]:
    """The SentencePiece model that was given, or one that is learned from the text; None where none is needed."""
    if settings.text.tokenizer != "sentencepiece":
        if given is not None:
            raise ConfigError(
                f"--pieces-model {given}: the tokenizer {settings.text.tokenizer} has no pieces",
                hint="add --tokenizer sentencepiece",
            )
        return None
    if given is not None:
        return read_pieces(given)
    return (
        yield from learn_pieces(
            paths,
            reading=settings.input,
            text=settings.text,
            pieces=settings.pieces,
            processes=processes,
            workspace=folder,
        )
    )


def _text_bytes(paths: Sequence[Path], reader: BlockReader) -> int | None:
    return None if any(path.suffix in COMPRESSED for path in paths) else reader.total_bytes


def _plan(work: Path, settings: Settings, model: bytes | None, text_bytes: int | None) -> Plan:
    split, cleaning = settings.split, settings.cleaning
    return Plan(
        folder=work,
        reading=settings.input,
        text=settings.text,
        pieces=model,
        cleaning=cleaning,
        split=split,
        bits=bucket_bits(text_bytes),
        compares=cleaning.deduplicate or split.held_out > 0 or split.test > 0,
    )


def _check_sentences(inputs: Sequence[str], dealing: Dealing) -> None:
    if sum(dealing.sentences):
        return
    if dealing.dropped:
        rules = ", ".join(f"{rule} ({dropped.sentences:,})" for rule, dropped in dealing.dropped.items())
        raise TextError(
            f"{', '.join(inputs)}: cleaning left no sentence: {rules}", hint="let more pass, or leave the rule away"
        )
    raise TextError(f"{', '.join(inputs)}: no sentence found", hint="check that the text is not empty")


def _write_manifest(folder: Path, settings: Settings, reader: BlockReader, dealing: Dealing) -> None:
    settled = dealing.settled
    findings = {
        "documents": dealing.documents,
        "dropped": {rule: dropped.to_json() for rule, dropped in dealing.dropped.items()},
        "overlap": dealing.overlap,
        "oddities": dict(dealing.oddities),
        "lengths": {name: dict(sorted(lengths.items())) for name, lengths in zip(NAMES, settled.lengths, strict=True)},
        "scripts": dict(settled.scripts.most_common()),
    }
    write_manifest(
        folder,
        settings=settings,
        sources=reader.sources,
        shards=dealing.shards,
        counts=_counts(dealing),
        findings=findings,
    )


def _counts(dealing: Dealing) -> dict[str, int]:
    figures = (figure for both in zip(dealing.sentences, dealing.settled.tokens, strict=True) for figure in both)
    return dict(zip(COUNTS, figures, strict=True))


def _notices(settings: Settings, dealing: Dealing) -> Iterator[Report]:
    for name, count in dealing.oddities.items():
        if name in WARNED:
            yield Notice(text=f"{name}: {count:,} ({ODDITIES[name]})", warning=True)
    yield from _wrong_encodings(settings, dealing)
    for name, share in dealing.overlap.items():
        if share is not None and share >= HIGH_OVERLAP:
            words = name.replace("_", "-")
            yield Notice(
                text=f"{share:.1%} of the {words} sentences also stand in the training text, so {words} perplexity "
                "will flatter; --deduplicate keeps one of each",
                warning=True,
            )
    shares = (settings.split.held_out, settings.split.test)
    for name, asked, count in zip(NAMES[1:], shares, dealing.sentences[1:], strict=True):
        share = count / sum(dealing.sentences)
        if settings.split.by == "document" and asked and not asked / 2 <= share <= asked * 2:
            yield Notice(
                text=f"{share:.1%} of the sentences are {APART[name]} where {asked:.1%} were asked for: "
                f"{dealing.documents:,} documents give no closer share with this seed",
                warning=True,
            )


def _wrong_encodings(settings: Settings, dealing: Dealing) -> Iterator[Report]:
    """Signs that bytes became characters although they are in another encoding."""
    nuls, controls = dealing.oddities["NUL characters"], dealing.oddities["control characters"]
    if nuls > NULS * sum(dealing.settled.scripts.values()):
        yield Notice(
            text=f"NUL characters: {nuls:,}, as UTF-16 has them where it is read as something else; if the text is "
            "UTF-16 without a byte order mark: --encoding utf-16-le (or utf-16-be)",
            warning=True,
        )
    if controls and codecs.lookup(settings.input.encoding).name == "iso8859-1":
        yield Notice(
            text=f"control characters: {controls:,}; text that is called latin-1 often has the quotes and dashes of "
            "windows-1252 in their places, which --encoding windows-1252 keeps",
            warning=True,
        )


def _result(out_dir: Path, reader: BlockReader, dealing: Dealing, processes: int, seconds: float) -> PrepareResult:
    return PrepareResult(
        out_dir=str(out_dir),
        files=len(reader.sources),
        bytes=reader.bytes_read,
        documents=dealing.documents,
        shards=dealing.shards,
        dropped={
            rule: DroppedResult(sentences=dropped.sentences, tokens=dropped.tokens, examples=dropped.examples)
            for rule, dropped in dealing.dropped.items()
        },
        held_out_overlap=dealing.overlap.get("held_out"),
        test_overlap=dealing.overlap.get("test"),
        oddities=dict(dealing.oddities),
        processes=processes,
        seconds=seconds,
        bytes_per_second=reader.bytes_read / seconds,
        **_counts(dealing),
    )


def _remove_leftovers(out_dir: Path) -> None:
    """Deletes the unfinished work of calls that were killed; it may be as large as the corpus."""
    for work in out_dir.parent.glob(f"{PARTIAL}{glob.escape(out_dir.name)}-*/{WORK}"):
        with suppress(OutputError), hold(work):  # a call that is still going on holds it
            shutil.rmtree(work.parent)


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
