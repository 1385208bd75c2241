"""What ``elmo pretrain`` makes of its input before the first step: tokenised text, vocabulary, corpus stores.

Everything lands in the run folder and is found there again when the run goes on::

    corpus/       the training and held-out text, tokenised, one sentence a line
    validation/   the same of a validation text, where one was given
    vocab.txt     with its counts beside it

The text as numbers lies in ``corpus/store`` and ``validation/store``, or with the prepared folder that was given
(:mod:`elmo_cli.flows.corpora.stores`).
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from elmo_cli.config import RunConfig, SplitConfig, TextConfig
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.corpora.prepare import prepare
from elmo_cli.flows.corpora.stores import StorePlan, open_ready, ready_store
from elmo_cli.flows.corpora.vocabulary import build_vocabulary
from elmo_cli.flows.corpus_results import VocabularyResult
from elmo_cli.flows.reports import Notice, Progress, Report, Reports, Result
from elmo_cli.text.prepared import PreparedCorpus, is_prepared, read_prepared
from elmo_cli.text.python_docs import writing_python_documentation
from elmo_cli.text.readers import STDIN, find_inputs
from elmo_cli.text.store import EncodedText
from elmo_cli.text.vocabulary import Vocabulary

DERIVED = ("corpus", "validation", "store", "vocab.txt", "vocab.counts.tsv", "python-docs.txt")
"""What this module makes in a run folder."""

HELD_OUT_WORDS, LEAST_SHARE, MOST_SHARE = 5_000, 0.02, 0.10
"""Words that are held out of a small text, and the bounds on their share of any text."""

BYTES_PER_WORD = 5.5
"""Of English with its punctuation and spaces; an estimate is enough here."""

PYTHON_DOCS = "python-docs:"
"""Stands for the demo corpus among the inputs."""


@dataclass(frozen=True)
class Sources:
    """What the user named."""

    inputs: tuple[str, ...]
    vocabulary_path: Path | None
    validation: tuple[str, ...]
    pieces_model: Path | None = None
    origin: str | None = None
    """The model to continue, a path or address; None trains from scratch."""
    keep_vocabulary: bool | None = None
    """Whether the vocabulary of that model stays, where none is named; None leaves it to the model."""


@dataclass(frozen=True)
class Corpus:
    """Text that is ready for training."""

    training: EncodedText
    held_out: EncodedText
    vocabulary_path: Path
    text: TextConfig
    """How it was tokenised."""
    libraries: Mapping[str, str]
    """Versions of the libraries that did it."""
    pieces_path: Path | None
    """The SentencePiece model that cut it, where one did, and its SHA-256."""
    pieces_sha256: str | None
    held_out_path: Path
    """Where the held-out text comes from: a prepared folder, or the validation text."""


def tokenise(run_dir: Path, sources: Sources, config: RunConfig) -> Generator[Report, None, int]:
    """Makes the run's tokenised text where it is not there yet.

    Returns:
        Words to train on.
    """
    if not is_prepared(run_dir / "corpus") and not is_given_prepared(sources):
        inputs, text = list(sources.inputs), config.text
        if inputs == [PYTHON_DOCS]:
            docs = run_dir / "python-docs.txt"
            yield Notice(text=f"collecting the documentation that ships with Python: {docs}")
            for words in writing_python_documentation(docs):
                yield Progress(stage="collecting documentation", done=words, total=None, unit="words")
            inputs = [str(docs)]
        held_out = 0.0 if sources.validation else config.train.held_out or _suitable_share(inputs)
        yield from _without_result(
            prepare(
                inputs,
                run_dir / "corpus",
                reading=config.input,
                text=text,
                cleaning=config.cleaning,
                split=SplitConfig(held_out=held_out, seed=config.train.seed),
                pieces=config.pieces,
                pieces_model=sources.pieces_model,
            )
        )
    prepared = training_corpus(run_dir, sources)
    if sources.pieces_model is not None and is_given_prepared(sources):
        raise ConfigError(
            f"{prepared.folder}: cut into tokens already, so --pieces-model {sources.pieces_model} comes too late",
            hint="leave it away, or give it to elmo prepare",
        )
    if sources.validation and not is_prepared(run_dir / "validation"):
        flow = prepare(
            sources.validation,
            run_dir / "validation",
            reading=config.input,
            text=prepared.text,
            split=SplitConfig(held_out=0.0),
            pieces_model=prepared.pieces_path,
        )
        yield from _without_result(flow)
    return prepared.counts["tokens"]


def encode_corpus(
    run_dir: Path, sources: Sources, config: RunConfig, *, ready: bool = False
) -> Generator[Report, None, Corpus]:
    """Makes vocabulary and corpus stores where they are not there yet, and opens them.

    Args:
        ready: Another process of the same run has just done all that, so nothing is checked or made here.
    """
    prepared = training_corpus(run_dir, sources)
    held_out = _held_out_files(run_dir, prepared)
    vocabulary_path = run_dir / "vocab.txt"
    if not vocabulary_path.exists():
        yield from _make_vocabulary(vocabulary_path, sources, prepared, config)
    vocabulary = Vocabulary.read(vocabulary_path)
    max_characters = config.model.char_cnn.max_characters if config.model.char_cnn else 3
    validates = is_prepared(run_dir / "validation")
    texts = []
    for name, folder, files in (
        ("train", prepared.folder, prepared.shards),
        ("held-out", run_dir / "validation" if validates else prepared.folder, held_out),
    ):
        plan = StorePlan(
            name=name,
            folder=folder,
            files=files,
            vocabulary=vocabulary,
            max_characters=max_characters,
            max_types=config.vocabulary.max_types,
        )
        texts.append(open_ready(plan, run_dir) if ready else (yield from ready_store(plan, run_dir)))
    if texts[1].num_sentences == 0:
        raise TextError(f"{held_out[0]}: no sentence to measure on", hint="give one with --validation FILE")
    held_out_path = Path(sources.validation[0]) if sources.validation else held_out[0] if validates else prepared.folder
    prepared.read_pieces()  # only to check them: a model must not go out with others
    return Corpus(
        training=texts[0],
        held_out=texts[1],
        vocabulary_path=vocabulary_path,
        text=prepared.text,
        libraries=prepared.libraries,
        pieces_path=prepared.pieces_path,
        pieces_sha256=prepared.pieces_sha256,
        held_out_path=held_out_path,
    )


def _suitable_share(inputs: Sequence[str]) -> float:
    """Share to hold out of a text of this size, where the settings leave it open."""
    paths = find_inputs(inputs)
    size = sum(path.stat().st_size for path in paths if path != STDIN)
    words = size / BYTES_PER_WORD
    return LEAST_SHARE if STDIN in paths or not words else min(MOST_SHARE, max(LEAST_SHARE, HELD_OUT_WORDS / words))


def _make_vocabulary(path: Path, sources: Sources, prepared: PreparedCorpus, config: RunConfig) -> Reports:
    if sources.vocabulary_path is not None:
        given = Vocabulary.read(sources.vocabulary_path)
        if warning := given.out_of_order():
            yield Notice(text=f"{sources.vocabulary_path}: {warning}", warning=True)
        given.write(path)
        return
    flow = build_vocabulary([str(prepared.folder)], path, config=config.vocabulary, text=prepared.text)
    for report in flow:
        if isinstance(report, VocabularyResult):
            yield Notice(
                text=f"vocabulary of {report.size:,} words covers {report.coverage:.1%} of the text: "
                f"every word seen {report.least_count} times or more"
            )
        else:
            yield report


def is_given_prepared(sources: Sources) -> bool:
    """Whether the text is a prepared folder, which is cut into tokens already."""
    return len(sources.inputs) == 1 and is_prepared(Path(sources.inputs[0]))


def training_corpus(run_dir: Path, sources: Sources) -> PreparedCorpus:
    """The tokenised text that a run trains on.

    Raises:
        TextError: Nothing was held out of a prepared folder, and there is no validation text.
    """
    if is_prepared(run_dir / "corpus"):
        return read_prepared(run_dir / "corpus")
    prepared = read_prepared(Path(sources.inputs[0]))
    if prepared.held_out is None and not sources.validation and not is_prepared(run_dir / "validation"):
        raise TextError(
            f"{prepared.folder}: nothing was held out of it, and training needs text to measure on",
            hint="give some with --validation FILE, or prepare it with --held-out 0.02",
        )
    return prepared


def _held_out_files(run_dir: Path, prepared: PreparedCorpus) -> Sequence[Path]:
    if is_prepared(run_dir / "validation"):
        return read_prepared(run_dir / "validation").shards
    assert prepared.held_out is not None, "a share is held out wherever no validation text is given"
    return [prepared.held_out]


def _without_result(flow: Reports) -> Reports:
    for report in flow:
        if not isinstance(report, Result):
            yield report
