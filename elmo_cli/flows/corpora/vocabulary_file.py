"""Counts to the file of a vocabulary, with the figures that tell how good it is."""

from collections.abc import Generator, Sequence
from pathlib import Path

from elmo_cli.config import VocabularyConfig
from elmo_cli.errors import OutputError, TextError
from elmo_cli.flows.corpora.counting import CountedText, count_words
from elmo_cli.flows.corpus_results import Coverage, SpellingFigures, VocabularyResult
from elmo_cli.flows.reports import Notice, Report, Reports
from elmo_cli.text.counting import WordCounts
from elmo_cli.text.readers import STDIN, read_lines
from elmo_cli.text.spellings import Spellings, longest_words
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary

SHARE_WANTED = 0.999
"""Share of the tokens that the character table should show whole."""
LONGEST = 10
"""How many of the longest words are told."""


def check_place(path: Path, files: Sequence[Path]) -> None:
    """Refuses to write over anything but a vocabulary that is no input.

    Raises:
        OutputError: There is such a thing at ``path``.
    """
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


def read_forced(path: Path) -> list[str]:
    """The words of a list, each once; blank lines and special tokens are passed over.

    Raises:
        TextError: A line has whitespace inside, which no token has; or the file cannot be read.
    """
    words = []
    for number, line in enumerate(read_lines(path), start=1):
        if len(parts := line.split()) > 1:
            raise TextError(
                f"{path}:{number}: {line.strip()!r} has whitespace inside, which no word of the text has",
                hint="give one word a line",
            )
        words.extend(parts)
    return [word for word in dict.fromkeys(words) if word not in SPECIALS]


def write_vocabulary(
    path: Path,
    counts: WordCounts,
    config: VocabularyConfig,
    max_characters: int,
    forced: Sequence[str],
    held: CountedText,
    processes: int | None,
) -> Reports:
    """Writes the vocabulary of some counts and ends with its figures.

    Args:
        path: Where it goes.
        counts: Of the whole text.
        config: How many words, and how rare.
        max_characters: W.
        forced: Words that are in it however rare they are.
        held: Text to measure the coverage on; without files none is measured.
        processes: How many read that text.

    Raises:
        TextError: No word is frequent enough.
        OutputError: It cannot be written.
    """
    vocabulary = counts.vocabulary(config, forced)
    vocabulary.write(path)
    if counts.forgotten_types:
        yield Notice(
            text=f"more than {config.max_types:,} different words: {counts.forgotten_tokens:,} tokens of the rarest "
            f"were forgotten, and no count is too small by more than {counts.largest_loss:,}; "
            "a larger --max-types (vocabulary.max_types) keeps more and takes more memory",
            warning=counts.largest_loss >= config.least_count,
        )
    coverage = (yield from _measure(vocabulary, held, config, processes)) if held.files else None
    assert vocabulary.counts_V is not None
    rare = [word for word in forced if counts.counts.get(word.encode(), 0) < config.least_count]
    yield VocabularyResult(
        path=str(path),
        size=len(vocabulary),
        types=len(counts.counts),
        tokens=counts.tokens,
        coverage=1 - int(vocabulary.counts_V[vocabulary.unknown_id]) / counts.tokens,
        least_count=int(vocabulary.counts_V[-1]),
        forced=len(forced),
        forced_rare=len(rare),
        forgotten_types=counts.forgotten_types,
        forgotten_tokens=counts.forgotten_tokens,
        largest_loss=counts.largest_loss,
        spelling=_spelling(counts, max_characters),
        held_out=coverage,
    )


def _measure(
    vocabulary: Vocabulary, held: CountedText, config: VocabularyConfig, processes: int | None
) -> Generator[Report, None, Coverage]:
    # Words of the vocabulary are never forgotten, so all that is forgotten is outside of it.
    counts = WordCounts.within(config, vocabulary.words)
    yield from count_words(held, counts, stage="counting held-out words", processes=processes)
    oov = [count for word, count in counts.counts.items() if word.decode() not in vocabulary.ids]
    oov_tokens = sum(oov) + counts.forgotten_tokens
    return Coverage(
        text=", ".join("standard input" if file == STDIN else str(file) for file in held.files),
        tokens=counts.tokens,
        types=len(counts.counts),
        oov_tokens=oov_tokens,
        oov_types=len(oov),
        oov_rate=oov_tokens / max(1, counts.tokens),
    )


def _spelling(counts: WordCounts, max_characters: int) -> SpellingFigures:
    spellings = Spellings.of(counts.counts)
    cut_types, cut_tokens = spellings.cut(max_characters)
    return SpellingFigures(
        max_characters=max_characters,
        bytes_per_token=spellings.bytes_per_token,
        bytes_per_character=spellings.bytes_per_character,
        cut_types=cut_types,
        cut_tokens=cut_tokens,
        cut_share=cut_tokens / max(1, counts.tokens),
        share_wanted=SHARE_WANTED,
        width_needed=spellings.width_for(SHARE_WANTED),
        longest=longest_words(counts.counts, LONGEST),
    )
