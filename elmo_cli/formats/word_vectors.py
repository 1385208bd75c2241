"""Word vectors as text in word2vec's form, which gensim, spaCy and fastText read.

The first line is ``V D``; then ``word v1 v2 ... vD``, one word a line, single spaces between. Numbers have nine digits,
which give every float32 back to the bit.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from elmo_cli.errors import TextError
from elmo_cli.files import whole_file


def check_words(place: str, words: Iterable[str]) -> list[str]:
    """The words of a list, one a line, if the form can hold them.

    Args:
        place: Where they come from, for messages.
        words: Lines; the space around a word is cut off.

    Raises:
        TextError: A line is blank, has whitespace inside, or stands there already; or there is none.

    Example:
        >>> check_words("words.txt", ["bank", " river "])
        ['bank', 'river']
    """
    lines: dict[str, int] = {}
    for line, text in enumerate(words, start=1):
        word = text.strip()
        if not word:
            raise TextError(f"{place}:{line}: blank line; expected one word", hint="delete the line")
        if len(word.split()) > 1:
            raise TextError(
                f"{place}:{line}: expected one word, found whitespace inside {word!r}, which would end the word there",
                hint="give a list without it: --vectors words.txt",
            )
        if lines.setdefault(word, line) != line:
            raise TextError(f"{place}:{line}: {word!r} stands already in line {lines[word]}", hint="delete one of them")
    if not lines:
        raise TextError(f"{place}: expected words, one a line, found none")
    return list(lines)


def write_word_vectors(
    path: Path, count: int, width: int, batches: Iterable[tuple[Sequence[str], np.ndarray]]
) -> Iterator[int]:
    """Writes a file of vectors that appears whole; memory holds one batch. Yields how many words are written so far.

    Args:
        count: V, all words.
        width: D.
        batches: Words, and their vectors (n, D), float32.

    Raises:
        OutputError: The place cannot be written to, or the disk is full.
    """
    form = "%s" + " %.9g" * width + "\n"
    done = 0
    with whole_file(path) as partial:
        with partial.open("w", encoding="utf-8", newline="\n", errors="surrogatepass") as stream:
            stream.write(f"{count} {width}\n")
            for words, vectors_ND in batches:
                assert vectors_ND.shape == (len(words), width), f"{vectors_ND.shape} for {len(words)} words"
                stream.writelines(form % (word, *row) for word, row in zip(words, vectors_ND.tolist(), strict=True))
                done += len(words)
                yield done
        assert done == count, f"{done} words written, {count} announced"
