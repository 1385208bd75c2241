"""Texts of any format as sentences of tokens that know where they stand, in windows of bounded size."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from elmo_cli.config import InputConfig
from elmo_cli.text.sources import BlockReader, read_block
from elmo_cli.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class TextSentence:
    """A sentence and its place."""

    number: int
    """Running number over all files, from 1."""
    file: str
    line: int
    """Of the file, from 1; sentences of one paragraph have the same."""
    tokens: Sequence[str]


class TextSentences:
    """Reads files once, sentence by sentence.

    Args:
        paths: The files.
        tokenizer: Cuts raw paragraphs into sentences of tokens. What is tokenised stays one sentence.
        reading: How the files are read.
    """

    def __init__(self, paths: Sequence[Path], tokenizer: Tokenizer, reading: InputConfig) -> None:
        self.reader = BlockReader(paths, reading)
        """Knows how far the reading is."""
        self._tokenizer, self._reading = tokenizer, reading

    def __iter__(self) -> Iterator[TextSentence]:
        number = 0
        for block in self.reader:
            text = read_block(block, self._reading)
            for line, paragraph in zip(text.lines, text.paragraphs, strict=True):
                for tokens in self._cut(paragraph, text.tokenised):
                    number += 1
                    yield TextSentence(number, block.name, line, tokens)

    def _cut(self, paragraph: str, tokenised: bool) -> list[list[str]]:
        if not tokenised:
            return self._tokenizer.sentences(paragraph)
        tokens = self._tokenizer.of_tokenised(paragraph)
        return [tokens] if tokens else []


def windows(sentences: Iterable[TextSentence], tokens: int) -> Iterator[list[TextSentence]]:
    """Runs of sentences with about so many tokens together; a sentence that is longer comes alone or last.

    Example:
        >>> rows = [TextSentence(number, "a.txt", number, ["a"] * 3) for number in (1, 2, 3)]
        >>> [[row.number for row in window] for window in windows(rows, 6)]
        [[1, 2], [3]]
    """
    window: list[TextSentence] = []
    size = 0
    for sentence in sentences:
        window.append(sentence)
        size += len(sentence.tokens)
        if size >= tokens:
            yield window
            window, size = [], 0
    if window:
        yield window
