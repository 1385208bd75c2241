"""What ``elmo vocab --counts-only`` does: counts a part of a corpus into a file, to be merged with the other parts."""

from collections.abc import Sequence
from pathlib import Path

from elmo_cli.config import InputConfig, TextConfig, VocabularyConfig
from elmo_cli.errors import OutputError, TextError
from elmo_cli.flows.corpora.counting import count_words, find_text
from elmo_cli.flows.corpus_results import CountsResult
from elmo_cli.flows.reports import Reports
from elmo_cli.text.count_files import read_header, write_counts
from elmo_cli.text.counting import WordCounts
from elmo_cli.text.prepared import is_prepared, read_prepared


def count_only(
    inputs: Sequence[str],
    path: Path,
    *,
    config: VocabularyConfig,
    text: TextConfig,
    reading: InputConfig | None = None,
    pieces_model: Path | None = None,
    processes: int | None = None,
) -> Reports:
    """Counts the words of a part of a corpus into a file, for :func:`elmo_cli.flows.corpora.merging.merge_counts`.

    Args:
        inputs: As in :func:`elmo_cli.flows.corpora.vocabulary.build_vocabulary`.
        path: Where the counts go; compressed where the name ends in ``.gz``.
        config: How many words are counted at a time.
        text: How raw text is cut; it is recorded in the file.
        reading: How files of raw text are read.
        pieces_model: The SentencePiece model, for raw text and the tokenizer ``sentencepiece``.
        processes: As in :func:`elmo_cli.flows.corpora.vocabulary.build_vocabulary`.

    Raises:
        TextError: An input is missing or not what the settings say.
        OutputError: ``path`` is another kind of file, or cannot be written.
    """
    source = yield from find_text(inputs, reading=reading or InputConfig(), text=text, pieces_model=pieces_model)
    _check_place(path)
    counts = WordCounts.within(config)
    yield from count_words(source, counts, stage="counting words", processes=processes)
    write_counts(path, counts, _cut_by(inputs, text))
    yield CountsResult(
        path=str(path),
        sentences=counts.sentences,
        types=len(counts.counts),
        tokens=counts.tokens,
        forgotten_types=counts.forgotten_types,
        forgotten_tokens=counts.forgotten_tokens,
        largest_loss=counts.largest_loss,
    )


def _cut_by(inputs: Sequence[str], text: TextConfig) -> TextConfig:
    """How the text of the inputs became tokens: as a prepared folder among them says, else as the settings do."""
    return next((read_prepared(Path(name)).text for name in inputs if is_prepared(Path(name))), text)


def _check_place(path: Path) -> None:
    if path.exists():
        try:
            read_header(path)
        except TextError as error:
            raise OutputError(
                f"{path}: exists and is not a count file; nothing was changed",
                hint="choose another place with --counts-only",
            ) from error
