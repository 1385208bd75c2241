"""What ``elmo vocab`` does: counts words and writes the vocabulary."""

from collections.abc import Sequence
from pathlib import Path

from elmo_cli.config import InputConfig, TextConfig, VocabularyConfig
from elmo_cli.flows.corpora.counting import count_words, find_text
from elmo_cli.flows.corpora.vocabulary_file import check_place, read_forced, write_vocabulary
from elmo_cli.flows.reports import Reports
from elmo_cli.text.counting import WordCounts
from elmo_cli.text.prepared import is_prepared


def build_vocabulary(
    inputs: Sequence[str],
    path: Path,
    *,
    config: VocabularyConfig,
    text: TextConfig,
    reading: InputConfig | None = None,
    pieces_model: Path | None = None,
    max_characters: int = 50,
    forced: Path | None = None,
    held_out: Sequence[str] = (),
    processes: int | None = None,
) -> Reports:
    """Counts the words of a text and writes the most frequent ones, with their counts beside them.

    Args:
        inputs: Prepared folders, of which the training files are counted, or raw text: files, folders, glob
            patterns, ``-``.
        path: Where the vocabulary goes; its counts go beside it.
        config: How many words, how rare, and how many are counted at a time.
        text: How raw text is cut; prepared text is already.
        reading: How files of raw text are read.
        pieces_model: The SentencePiece model, for raw text and the tokenizer ``sentencepiece``.
        max_characters: W, to count the words whose spelling the model will not see whole.
        forced: A file of words, one a line, that belong to the vocabulary however rare they are.
        held_out: Text to measure the coverage on; without it, what prepared folders among the inputs held out.
        processes: How many count; None: one per core, or one alone for a small text. The result is the same.

    Raises:
        TextError: An input is missing or not what the settings say, or no word is frequent enough.
        OutputError: ``path`` is another kind of file, or cannot be written.
    """
    reading = reading or InputConfig()
    source = yield from find_text(inputs, reading=reading, text=text, pieces_model=pieces_model)
    check_place(path, source.files)
    config = config.settled(source.cut)
    words = read_forced(forced) if forced else []
    counts = WordCounts.within(config, words)
    yield from count_words(source, counts, stage="counting words", processes=processes)
    measured = held_out or [name for name in inputs if is_prepared(Path(name))]
    held = yield from find_text(measured, reading=reading, text=text, pieces_model=pieces_model, held_out=not held_out)
    yield from write_vocabulary(path, counts, config, max_characters, words, held, processes)
