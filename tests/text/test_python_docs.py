import sys
from itertools import islice
from pathlib import Path

import pytest

from elmo_cli.errors import TextError
from elmo_cli.text import python_docs
from elmo_cli.text.python_docs import python_documentation, write_python_documentation

DOCSTRING = '''
"""A module that does nothing at all.

It has :func:`two <of.it>` functions, ``f`` and `g`, and is *very* fast::

    code = [1, 2]

>>> f(1)
'this is the output of a doctest.'

f(a, b, c) -> the signature of a function.

======  =============================
name    the meaning of this and that.
======  =============================

- The first item of a list
  goes on here.
- The second one is a well-
  known item.

:param x: the parameter of the function.

Heading of the section
----------------------
"""
class C:
    def method(self):
        r"""Return the \\d of the method, once for each call."""
        import no_such_module
'''


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A standard library of one module, and no topics."""
    monkeypatch.setattr(python_docs, "_library", lambda: tmp_path)
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    return tmp_path


def test_prose_is_kept_and_code_tables_and_markup_are_not(library: Path) -> None:
    (library / "package").mkdir()
    (library / "package" / "__init__.py").write_text(DOCSTRING.lstrip())
    assert list(python_documentation()) == [
        ("package", "A module that does nothing at all."),
        ("package", "It has two functions, f and g, and is very fast:"),
        ("package", "The first item of a list goes on here."),
        ("package", "The second one is a well-known item."),
        ("package", r"Return the \d of the method, once for each call."),
    ]


def test_tests_foreign_packages_broken_files_and_repetitions_are_left_out(library: Path) -> None:
    text = '"""The very same sentence in every one of the files."""'
    for name in ("a", "b", "test/t", "site-packages/s", "idlelib/i", "config-3.11/c"):
        (library / name).parent.mkdir(exist_ok=True)
        (library / f"{name}.py").write_text(text if name in "ab" else text.replace("very", "not quite"))
    (library / "broken.py").write_text("def :")
    (library / "escape.py").write_text('"""An escape that the parser warns of: \\d is the one."""')
    assert [name for name, _ in python_documentation()] == ["a", "escape"]


def test_a_python_without_sources_is_an_error(library: Path) -> None:
    with pytest.raises(
        TextError, match="no documentation here; this Python came without its sources\nHint: give a text"
    ):
        write_python_documentation(library / "out.txt")
    assert list(library.iterdir()) == []


def test_this_python_has_a_corpus_that_reads_as_text(tmp_path: Path) -> None:
    path = tmp_path / "docs.txt"
    words = write_python_documentation(path)
    text = path.read_text(encoding="utf-8")
    paragraphs = text.split("\n")[:-1]
    assert words == len(text.split())
    assert 150_000 < words < 400_000
    assert len(set(paragraphs)) == len(paragraphs)
    for mark in (">>>", "``", "::=", ":func:", "\t", "  "):
        assert mark not in text
    common = sum(text.count(f" {word} ") for word in ("the", "a", "of", "is", "to", "and", "in"))
    assert common > 0.15 * words, "English text is a fifth such words, code and tables have few"


def test_the_order_is_the_same_every_time() -> None:
    assert list(islice(python_documentation(), 200)) == list(islice(python_documentation(), 200))
