"""All that can be wrong with a vocabulary file, and a mended one.

:meth:`Vocabulary.read` takes what it can and stops at the first line that it cannot; here every line is looked at.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from elmo_cli.errors import TextError
from elmo_cli.text.readers import BYTE_ORDER_MARK, cannot_read, read_lines
from elmo_cli.text.vocabulary import SKIPPED_LINE, SPECIALS, Vocabulary, counts_beside

KINDS = {
    "byte order mark": "the mark is dropped",
    "line ends": "lines end in \\n",
    "not UTF-8": "the line is dropped",
    "blank line": "the line is dropped",
    "spaces around": "they are dropped",
    "whitespace inside": "the line is dropped: no token has whitespace",
    "control character": "the line is dropped: no token of raw text has any",
    "not NFC": "the word is brought to NFC, the form that text is brought to by default",
    "repeated": "the later line is dropped, and its count added to the first",
    "special missing": "it is put at the top",
    "counts": "the counts are dropped",
    "order": "words are put in falling order of their counts",
}
"""What may be wrong, and what a repair does about it."""


@dataclass(frozen=True)
class Finding:
    """Something wrong."""

    line: int | None
    """Which line, from 1; None for the whole file."""
    kind: str
    """One of :data:`KINDS`."""
    text: str
    """What was expected and what was found."""


@dataclass
class ListCheck:
    """A vocabulary file looked at line by line.

    Args:
        path: The file. Its counts, if there are any beside it, are looked at as well.

    Raises:
        TextError: The file cannot be read.
    """

    path: Path
    findings: list[Finding] = field(default_factory=list)
    """All of them; those of the whole file first, then line by line."""
    lines: int = 0
    """Words that the file has, usable or not."""

    def __post_init__(self) -> None:
        self._first_lines: dict[str, int] = {}
        self._sums: dict[str, int] = {}
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise cannot_read(self.path, error) from error
        whole = list(self._of_whole_file(content))
        raw = _lines(content)
        self.lines = sum(line.strip() not in (b"", SKIPPED_LINE.encode()) for line in raw)
        counts = self._counts(raw)
        for number, line in enumerate(raw, start=1):
            self._look(number, line, 0 if counts is None else counts[number - 1])
        missing = [special for special in SPECIALS if special not in self._first_lines]
        whole += [Finding(None, "special missing", f"no line {special}") for special in missing]
        self.findings[:0] = whole
        self.counted = counts is not None
        if self.counted:
            self._look_at_order()

    def repaired(self) -> Vocabulary:
        """What is left once every finding is dealt with as :data:`KINDS` says.

        Raises:
            TextError: Nothing is left.
        """
        words = list(self._first_lines)
        if all(word in SPECIALS for word in words):
            raise TextError(f"{self.path}: has no usable word", hint="build a vocabulary with elmo vocab TEXT")
        missing = [special for special in SPECIALS if special not in self._first_lines]
        if not self.counted:
            return Vocabulary([*missing, *words])
        counts = self._sums | dict.fromkeys(missing, 0)
        ordinary = [word for word in words if word not in SPECIALS]
        if any(finding.kind == "order" for finding in self.findings):
            ordinary.sort(key=lambda word: (-counts[word], word))
            words = [*(word for word in words if word in SPECIALS), *ordinary]
        kept = [*missing, *words]
        return Vocabulary(kept, np.array([counts[word] for word in kept], dtype=np.int64))

    def deeds(self) -> list[str]:
        """What :meth:`repaired` does, a line for each kind."""
        found = Counter(finding.kind for finding in self.findings)
        return [f"{kind} ({found[kind]:,}): {deed}" for kind, deed in KINDS.items() if found[kind]]

    def _of_whole_file(self, content: bytes) -> Iterator[Finding]:
        if content.startswith(BYTE_ORDER_MARK):
            yield Finding(None, "byte order mark", "the file begins with U+FEFF, which reads as part of its first word")
        if returns := content.count(b"\r"):
            yield Finding(None, "line ends", f"carriage returns, expected none: {returns:,} lines end in \\r\\n or \\r")

    def _counts(self, raw: Sequence[bytes]) -> list[int] | None:
        """The count of each line; None where there are none, or they belong to other words."""
        beside = counts_beside(self.path)
        if not beside.is_file():
            return None
        words = [line.decode(errors="replace").strip() for line in raw]
        try:
            listed = Vocabulary([word for word in words if word and word != SKIPPED_LINE])
            counts_V = listed.with_counts(read_lines(beside), str(beside)).counts_V
        except TextError as error:
            self.findings.append(Finding(None, "counts", error.message))
            return None
        assert counts_V is not None
        counts = iter(counts_V.tolist())
        return [next(counts) if word and word != SKIPPED_LINE else 0 for word in words]

    def _look(self, number: int, line: bytes, count: int) -> None:
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            self._find(number, "not UTF-8", f"byte 0x{line[error.start]:02x} at byte {error.start + 1} of the line")
            return
        word = text.strip()
        if word == SKIPPED_LINE:
            return
        if not word:
            self._find(number, "blank line", "expected one word")
            return
        if word != text:
            self._find(number, "spaces around", f"{text!r}")
        if word.split() != [word]:
            self._find(number, "whitespace inside", f"{word!r}")
            return
        if any(unicodedata.category(character) == "Cc" for character in word):
            self._find(number, "control character", f"{word!r}")
            return
        composed = unicodedata.normalize("NFC", word)
        if composed != word:
            self._find(number, "not NFC", f"{word!r} ({word!a}) is not {composed!r} ({composed!a})")
        first = self._first_lines.setdefault(composed, number)
        self._sums[composed] = self._sums.get(composed, 0) + count
        if first != number:
            self._find(number, "repeated", f"{composed!r} stands already in line {first}")

    def _look_at_order(self) -> None:
        above: tuple[str, int] | None = None
        for word, line in self._first_lines.items():
            if word in SPECIALS:
                continue
            count = self._sums[word]
            if above is not None and count > above[1]:
                self._find(
                    line, "order", f"{word!r} ({count:,}) stands below {above[0]!r} ({above[1]:,}); counts must fall"
                )
            above = (word, count)

    def _find(self, line: int, kind: str, text: str) -> None:
        self.findings.append(Finding(line, kind, text))


def _lines(content: bytes) -> list[bytes]:
    content = content.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return content.removesuffix(b"\n").split(b"\n") if content else []
