"""What ``elmo vocab --merge`` does: joins the counts of parts of a corpus into one vocabulary."""

from collections.abc import Sequence
from pathlib import Path

from elmo_cli.config import InputConfig, VocabularyConfig
from elmo_cli.errors import TextError
from elmo_cli.flows.corpora.counting import find_text
from elmo_cli.flows.corpora.vocabulary_file import check_place, read_forced, write_vocabulary
from elmo_cli.flows.reports import Progress, Reports
from elmo_cli.text.count_files import CountFile, read_header
from elmo_cli.text.counting import WordCounts


def merge_counts(
    files: Sequence[Path],
    path: Path,
    *,
    config: VocabularyConfig,
    reading: InputConfig | None = None,
    pieces_model: Path | None = None,
    max_characters: int = 50,
    forced: Path | None = None,
    held_out: Sequence[str] = (),
    processes: int | None = None,
) -> Reports:
    """The vocabulary of text that was counted in parts: the same as if all had been counted at once.

    That holds unless words were forgotten to bound the memory; then the result says how many.

    Args:
        files: What :func:`elmo_cli.flows.corpora.part_counts.count_only` wrote.
        path: Where the vocabulary goes.
        config: How many words, how rare, and how many are held at a time.
        reading: How the held-out text is read.
        pieces_model: The SentencePiece model, for held-out text and the tokenizer ``sentencepiece``.
        max_characters: W.
        forced: As in :func:`elmo_cli.flows.corpora.vocabulary.build_vocabulary`.
        held_out: Text to measure the coverage on.
        processes: How many read the held-out text.

    Raises:
        TextError: A file is no count file, is named twice, or was cut in another way than the first.
        OutputError: ``path`` is another kind of file, or cannot be written.
    """
    headers = _agreeing(files)
    check_place(path, files)
    config = config.settled(headers[0].text)
    words = read_forced(forced) if forced else []
    counts = WordCounts.within(config, words)
    total, done = sum(header.types for header in headers), 0
    for header in headers:
        for part in header.parts():
            counts.add(part)
            done += len(part.counts)
            yield Progress(stage="merging counts", done=done, total=total, unit="words", note=header.path.name)
        counts.account_for(**{name: value for name, value in header.totals.items() if name != "tokens"})
    text = headers[0].text
    held = yield from find_text(
        held_out, reading=reading or InputConfig(), text=text, pieces_model=pieces_model, held_out=True
    )
    yield from write_vocabulary(path, counts, config, max_characters, words, held, processes)


def _agreeing(files: Sequence[Path]) -> list[CountFile]:
    headers = [read_header(path) for path in files]
    twice = {path for path in files if [other.resolve() for other in files].count(path.resolve()) > 1}
    if twice:
        raise TextError(f"{min(twice)}: named twice; its words would count double", hint="name every file once")
    for header in headers[1:]:
        if header.text != headers[0].text:
            raise TextError(
                f"{header.path}: its text was cut by {header.text}, that of {headers[0].path} by {headers[0].text}",
                hint="count every part with the same tokenizer, language and normalisation",
            )
    return headers
