"""Cuts a paragraph of raw text into sentences, by the rules of its language."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from elmo_cli.text.packages import import_package

STRETCH = 20_000
"""Characters that sentences are sought in at a time: sentencex takes quadratic time where quotes do not close."""


_GOES_ON = frozenset(",;:)]}»”،؛，、；：）」』")
"""Marks that no sentence begins with."""

_WORD = re.compile(r"\w")


class SentenceSplitter:
    """The sentences of a paragraph; put together again they are the paragraph.

    Args:
        language: ISO 639 code; a language without rules of its own gets those of English.

    Example:
        >>> list(SentenceSplitter("zh").split("今天天气很好。你好吗？"))
        ['今天天气很好。', '你好吗？']
    """

    def __init__(self, language: str) -> None:
        self.language = language

    def split(self, paragraph: str) -> Iterable[str]:
        """The sentences in order, each with the whitespace behind it."""
        if len(paragraph) > STRETCH:
            return _joined(self._stretches(paragraph))
        segments = self._segment(self.language, paragraph)
        return segments if len(segments) == 1 else _joined(segments)

    def _stretches(self, paragraph: str) -> Iterator[str]:
        begin = 0
        while len(paragraph) - begin > STRETCH:
            # The last sentence of a stretch may go on behind it, so it waits for the next stretch.
            sentences = self._segment(self.language, paragraph[begin : begin + STRETCH])
            complete = sentences[:-1] or sentences
            yield from complete
            begin += sum(map(len, complete)) or STRETCH
        yield from self._segment(self.language, paragraph[begin:])

    @cached_property
    def _segment(self) -> Callable[[str, str], list[str]]:
        return import_package("sentencex").segment


def _joined(segments: Iterable[str]) -> Iterator[str]:
    """Sentences as sentencex finds them, those together that it should have left together.

    It knows neither that speech goes on (``"Why?", he said``) nor that marks alone say nothing.
    """
    held: list[str] = []
    says = False
    for segment in segments:
        if says and segment[0] not in _GOES_ON:
            yield "".join(held)
            held, says = [], False
        held.append(segment)
        says = says or _WORD.search(segment) is not None
    if held:
        yield "".join(held)
