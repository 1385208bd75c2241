"""What a text has in it that nobody sees, counted fast enough to look at every block."""

from collections import Counter

import numpy as np
import numpy.typing as npt

ODDITIES = {
    "replaced bytes": "stretches of bytes that are not in the encoding and became U+FFFD",
    "skipped lines": "lines or records that could not be read and were left out",
    "byte order marks": "U+FEFF, at the beginning of a file, where it is dropped, or inside the text",
    "control characters": "C0 and C1 controls other than tab, line ends and NUL",
    "zero-width characters": "zero-width spaces, joiners and word joiners, and soft hyphens",
    "bidirectional marks": "marks, embeddings, overrides and isolates that turn the direction of writing",
    "unpaired surrogates": "halves of a UTF-16 pair, as JSON escapes may hold; they became U+FFFD",
    "NUL characters": "U+0000; very many of them mean UTF-16 that was read as something else",
    "very long lines": "lines of more than a million bytes",
}
"""The names of all that is counted, each with an explanation for reports."""

VERY_LONG = 1_000_000
"""Bytes from which on a line is counted as very long."""

_GENERAL = {
    (0x80, 0x8B): "zero-width characters",
    (0x80, 0x8C): "zero-width characters",
    (0x80, 0x8D): "zero-width characters",
    (0x81, 0xA0): "zero-width characters",
    **{(0x80, third): "bidirectional marks" for third in (0x8E, 0x8F, *range(0xAA, 0xAF))},
    **{(0x81, third): "bidirectional marks" for third in range(0xA6, 0xAA)},
}
"""Characters of the block General Punctuation by their second and third byte; the first is 0xE2."""


def count_oddities(content: bytes) -> Counter[str]:
    """What is odd in valid UTF-8, of :data:`ODDITIES` that which can be seen in the text alone.

    Example:
        >>> sorted(count_oddities("a\\u200bb\\x00".encode()))
        ['NUL characters', 'zero-width characters']
    """
    bytes_N = np.frombuffer(content, np.uint8)
    found = Counter[str]()
    # numpy compares several times as fast as bytes are counted.
    below_space = _number_of(bytes_N < 0x20) - _number_of(bytes_N == 0x0A)
    if below_space:
        found["NUL characters"] = _number_of(bytes_N == 0)
        below_space -= content.count(b"\r") + content.count(b"\t") + found["NUL characters"]
    found["control characters"] = below_space + _number_of(bytes_N == 0x7F)
    if not content.isascii():
        _count_beyond_ascii(bytes_N, found)
    if len(content) > VERY_LONG:
        ends_N = np.flatnonzero(bytes_N == 0x0A)
        lengths_N = np.diff(ends_N, prepend=-1, append=len(content)) - 1
        found["very long lines"] = _number_of(lengths_N > VERY_LONG)
    return +found


def _count_beyond_ascii(bytes_N: npt.NDArray[np.uint8], found: Counter[str]) -> None:
    second_N, _ = _following(bytes_N, 0xC2)
    found["control characters"] += _number_of(second_N < 0xA0)
    found["zero-width characters"] += _number_of(second_N == 0xAD)
    second_N, _ = _following(bytes_N, 0xD8)
    found["bidirectional marks"] += _number_of(second_N == 0x9C)
    second_N, third_N = _following(bytes_N, 0xEF)
    found["byte order marks"] += _number_of((second_N == 0xBB) & (third_N == 0xBF))
    second_N, third_N = _following(bytes_N, 0xE2)
    for second in (0x80, 0x81):
        counts = np.bincount(third_N[second_N == second], minlength=256)
        for third in np.flatnonzero(counts):
            if name := _GENERAL.get((second, int(third))):
                found[name] += int(counts[third])


def _following(bytes_N: npt.NDArray[np.uint8], first: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The bytes after each ``first``, and those after them; of a character of two bytes the latter mean nothing."""
    first_N = np.flatnonzero(bytes_N == first)
    return bytes_N[first_N + 1], bytes_N[np.minimum(first_N + 2, len(bytes_N) - 1)]


def _number_of(true_N: npt.NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(true_N))
