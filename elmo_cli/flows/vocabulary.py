"""What ``elmo vocab`` does: counts words and writes the vocabulary."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from elmo_cli.config import TextConfig, VocabularyConfig
from elmo_cli.errors import OutputError, TextError
from elmo_cli.flows.reports import Progress, Reports, VocabularyResult
from elmo_cli.text.characters import cut_words
from elmo_cli.text.prepared import is_prepared, read_prepared
from elmo_cli.text.readers import STDIN, TextReader, find_inputs
from elmo_cli.text.tokenizers import Tokenizer, WhitespaceTokenizer, make_tokenizer
from elmo_cli.text.vocabulary import Vocabulary

REPORT_SENTENCES = 10_000
"""Sentences counted between two progress reports."""


def build_vocabulary(
    inputs: Sequence[str],
    path: Path,
    *,
    config: VocabularyConfig,
    text: TextConfig,
    max_characters: int = 50,
) -> Reports:
    """Counts the words of a text and writes the most frequent ones, with their counts beside them.

    Args:
        inputs: Prepared folders, of which the training files are counted, or raw text: files, folders, glob
            patterns, ``-``.
        path: Where the vocabulary goes; its counts go beside it.
        config: How many words, and how rare.
        text: How raw text is read and cut; prepared text is already.
        max_characters: W, to count the words whose spelling the model will not see whole.

    Raises:
        TextError: An input is missing or not UTF-8, or no word is frequent enough.
        OutputError: ``path`` is another kind of file, or cannot be written.
    """
    sources = list(_sources(inputs, text))
    files = [file for file, _ in sources]
    _check_place(path, files)
    total = None if STDIN in files else sum(file.stat().st_size for file in files)
    counts: Counter[str] = Counter()
    done = sentences = 0
    for file, tokenizer in sources:
        reader = TextReader(file, text.decode_errors)
        for line in reader.lines():
            for tokens in tokenizer.sentences(line):
                counts.update(tokens)
                sentences += 1
                if sentences % REPORT_SENTENCES == 0:
                    yield _progress(file, done + reader.bytes_read, total)
        done += reader.bytes_read
    vocabulary = Vocabulary.from_counts(counts, config, sentences=sentences)
    vocabulary.write(path)
    yield _progress(files[-1], done, done)
    yield _result(path, vocabulary, counts, max_characters)


def _sources(inputs: Sequence[str], text: TextConfig) -> Iterator[tuple[Path, Tokenizer]]:
    raw, tokenised = make_tokenizer(text), WhitespaceTokenizer()
    for name in inputs:
        if is_prepared(Path(name)):
            yield from ((shard, tokenised) for shard in read_prepared(Path(name)).shards)
        else:
            yield from ((file, raw) for file in find_inputs([name]))


def _check_place(path: Path, files: Sequence[Path]) -> None:
    if not path.exists():
        return
    try:
        Vocabulary.read(path)
    except TextError as error:
        raise OutputError(
            f"{path}: exists and is not a vocabulary; nothing was changed", hint="choose another place with --out"
        ) from error
    if path.resolve() in {file.resolve() for file in files}:
        raise OutputError(f"{path}: is also an input; nothing was changed", hint="choose another place with --out")


def _progress(file: Path, done: int, total: int | None) -> Progress:
    note = "standard input" if file == STDIN else file.name
    return Progress(stage="counting words", done=done, total=total, unit="bytes", note=note)


def _result(path: Path, vocabulary: Vocabulary, counts: Counter[str], max_characters: int) -> VocabularyResult:
    assert vocabulary.counts_V is not None
    tokens = counts.total()
    cut = cut_words(list(counts), max_characters)
    return VocabularyResult(
        path=str(path),
        size=len(vocabulary),
        types=len(counts),
        tokens=tokens,
        coverage=1 - int(vocabulary.counts_V[vocabulary.unknown_id]) / tokens,
        least_count=int(vocabulary.counts_V[-1]),
        cut_types=len(cut),
        cut_tokens=sum(counts[word] for word in cut),
    )
