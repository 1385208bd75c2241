"""The demo corpus: English prose that every Python brings along, for machines with no text at hand.

It is collected from ``pydoc_data.topics`` (the language reference) and from the docstrings of the standard library,
whose files are parsed and never imported. What reads as prose is kept; code, doctests, tables, signatures, grammar and
markup are not.
"""

import ast
import re
import sysconfig
import warnings
from collections.abc import Iterator
from importlib import import_module
from inspect import cleandoc
from pathlib import Path

from elmo_cli.errors import TextError
from elmo_cli.files import whole_file

SKIPPED_FOLDERS = {
    "__pycache__",
    "_bundled",
    "dist-packages",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "turtledemo",
}

LEAST_WORDS = 5
"""Shorter paragraphs are headings and scraps."""

LEAST_SHARE = 0.7
"""Of the words of a paragraph, how many must be plain words."""


def python_documentation() -> Iterator[tuple[str, str]]:
    """Paragraphs of English, each with where it comes from, always in the same order and none twice.

    Example:
        >>> name, paragraph = next(python_documentation())
        >>> name, paragraph.split()[-1][-1] in ".:"
        ('topics.assert', True)
    """
    seen: set[str] = set()
    for name, text in _texts():
        for paragraph in _paragraphs(text):
            if paragraph not in seen:
                seen.add(paragraph)
                yield name, paragraph


def write_python_documentation(path: Path) -> int:
    """Writes the demo corpus, one paragraph a line.

    Returns:
        How many words it has, as whitespace counts them.

    Raises:
        TextError: This Python came without its documentation.
        OutputError: ``path`` cannot be written.
    """
    words = 0
    for words in writing_python_documentation(path):  # noqa: B007
        pass
    return words


def writing_python_documentation(path: Path) -> Iterator[int]:
    """The same, paragraph by paragraph, because it takes seconds: yields the words written so far.

    The file appears when the generator is exhausted.
    """
    words = 0
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for _, paragraph in python_documentation():
            file.write(f"{paragraph}\n")
            words += len(paragraph.split())
            yield words
        if not words:
            raise TextError(
                f"{_library()}: no documentation here; this Python came without its sources",
                hint="give a text of your own: elmo pretrain FILE",
            )


def _texts() -> Iterator[tuple[str, str]]:
    try:
        topics: dict[str, str] = import_module("pydoc_data.topics").topics
    except ImportError:  # Some systems package it apart; the docstrings are the larger part.
        topics = {}
    for topic in sorted(topics):
        yield f"topics.{topic}", topics[topic]
    library = _library()
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        if SKIPPED_FOLDERS.isdisjoint(parts) and not parts[0].startswith("config-"):
            for docstring in _docstrings(path):
                yield ".".join(parts).removesuffix(".__init__"), docstring


def _library() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])


def _docstrings(path: Path) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError):
            return []
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented))
    return [cleandoc(docstring) for docstring in found if docstring]


def _paragraphs(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text):
        for item in _ITEM.split(block):
            joined = re.sub(r"(\w-)\s*\n\s*(?=\w)", r"\1", item)
            paragraph = _without_markup(" ".join(joined.split()))
            if _is_prose(paragraph, item):
                yield paragraph


_ITEM = re.compile(r"(?:^|\n)[ \t]*(?:[*+•-]|\(?\d{1,2}[.)])[ \t]+")
"""Where an item of a list begins."""

_MARKUP = [
    (re.compile(r":[a-z:]+:`~?([^`<]+?)(?:\s*<[^`>]*>)?`"), r"\1"),
    (re.compile(r"``(.+?)``"), r"\1"),
    (re.compile(r"`([^`<]+?)\s*<[^`>]*>`_{0,2}"), r"\1"),
    (re.compile(r"`([^`']+?)[`']_{0,2}"), r"\1"),
    (re.compile(r"(?<![\w*])\*\*?(\w[^*]*?)\*\*?(?![\w*])"), r"\1"),
    (re.compile(r"::(?=\s|$)"), ":"),
]


def _without_markup(paragraph: str) -> str:
    for pattern, replacement in _MARKUP:
        paragraph = pattern.sub(replacement, paragraph)
    return paragraph


_NO_PROSE = re.compile(
    r">>>|::=|->|[|+]--|--[|+]|==|\*\*\*\*|----|~~~~|^[:@$#]|^\.\. |^--|\$Id|\bself\.|\w=\w| \| |^\w+(?:\(|: | --? )"
)
_WORD = re.compile(r"[(\"'“‘]*[A-Za-z]+(?:['’-][A-Za-z]+)*[)\"'”’]*[.,:;!?]*[)\"'”’]*")


def _is_prose(paragraph: str, lines: str) -> bool:
    words = paragraph.split()
    return (
        len(words) >= LEAST_WORDS
        and paragraph.rstrip(")\"'”")[-1:] in (".", ":", "!", "?")
        and not _NO_PROSE.search(paragraph)
        and not _COLUMNS.search(lines.strip())
        and sum(_WORD.fullmatch(word) is not None for word in words) >= LEAST_SHARE * len(words)
        and not _FUNCTION_WORDS.isdisjoint(words)
    )


_COLUMNS = re.compile(r"\S {3,}\S")

_FUNCTION_WORDS = frozenset("the a an is are of to in for and or if that this be with not as by on".split())  # noqa: SIM905
