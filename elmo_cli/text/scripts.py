"""Counts characters by script."""

from collections import Counter

import numpy as np
import regex

SCRIPTS = (
    *("Latin", "Greek", "Cyrillic", "Armenian", "Georgian", "Hebrew", "Arabic", "Syriac", "Thaana", "Nko", "Ethiopic"),
    *("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala"),
    *("Thai", "Lao", "Tibetan", "Myanmar", "Khmer", "Mongolian", "Han", "Hiragana", "Katakana", "Hangul", "Bopomofo"),
    *("Yi", "Javanese", "Balinese", "Sundanese", "Tifinagh", "Cherokee", "Canadian_Aboriginal", "Vai", "Adlam"),
)
"""Those that are told apart by name; the rest is ``other scripts``."""

CLASSES = (
    ("digits", r"\p{Nd}"),
    ("punctuation and symbols", r"\p{P}|\p{S}|\p{No}"),
    *((name.replace("_", " "), rf"\p{{Script={name}}}") for name in SCRIPTS),
    ("marks of several scripts", r"\p{M}"),
    ("other scripts", r"\p{L}|\p{Nl}"),
    ("other characters", r"(?s:.)"),
)
"""Every class with its pattern. A character is of the first one that it matches."""

STRETCH = 1 << 18
"""Characters that are counted at a time."""

_classes: dict[int, str] = {}
"""The class of each code point met so far."""


def count_scripts(text: str) -> Counter[str]:
    """How many characters of each script a text has, spaces and line ends left aside.

    Example:
        >>> dict(count_scripts("Ein Wort: слово 42"))
        {'digits': 2, 'punctuation and symbols': 1, 'Latin': 7, 'Cyrillic': 5}
    """
    points: Counter[int] = Counter()
    for begin in range(0, len(text), STRETCH):
        counts_P = np.bincount(np.frombuffer(text[begin : begin + STRETCH].encode("utf-32-le"), "<u4"))
        present = np.flatnonzero(counts_P)
        points.update(dict(zip(present.tolist(), counts_P[present].tolist(), strict=True)))
    for blank in " \n":
        del points[ord(blank)]
    _classify([point for point in points if point not in _classes])
    counts: Counter[str] = Counter()
    for point in sorted(points):
        counts[_classes[point]] += points[point]
    return counts


def _classify(points: list[int]) -> None:
    left = "".join(map(chr, points))
    for name, pattern in CLASSES:
        if not left:
            return
        members = set(regex.findall(pattern, left))
        _classes.update((ord(character), name) for character in members)
        left = "".join(character for character in left if character not in members)
