"""Texts out of JSON lines, tables, CoNLL-U and tagged files, each with the line it stands on."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from elmo_cli.errors import TextError
from elmo_cli.text.streams import BAD


@dataclass(slots=True, kw_only=True)
class Record:
    """One text of a file."""

    line: int
    """The line it begins on, counted within the block from 0."""
    text: str
    begins_document: bool = False
    """Whether a comment above it says so (CoNLL-U)."""
    identifier: str = ""
    """What it is called in the file, where that was asked for."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """A record that has no text where one was expected."""

    line: int
    what: str
    """What is wrong, to stand after the place."""
    hint: str = ""
    begins_document: bool = False

    def error(self, place: str) -> TextError:
        """The fault as what to raise."""
        return TextError(f"{place}: {self.what}", hint=self.hint)


Records = Iterator[Record | Fault]

_CSV_FIELDS = "name another one with --field: a column's name in the first row, or its number from 1"
_SKIP = "leave such lines out with --decode-errors skip"
_TABS = " (spaces between columns become tabs with: tr ' ' '\\t' < FILE > FILE.tagged)"
_OBJECTS = "a file that is one array becomes one object a line with: jq -c '.[]' FILE > FILE.jsonl"


def json_records(lines: list[str], field: str, id_field: str | None = None) -> Records:
    """The texts of JSON lines. Blank lines are passed over.

    Args:
        lines: The lines.
        field: The member that has the text; ``a.b`` is also the member ``b`` of the object ``a``.
        id_field: The member that has the identifier, a string or a whole number.
    """
    for number, line in enumerate(lines):
        if not line.strip(" \t"):
            continue
        if BAD in line:
            yield Fault(line=number, what="expected text, found bytes that are in no encoding", hint=_SKIP)
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "too deep or too long a value"
            hint = f"{_SKIP}; {_OBJECTS}" if line.strip() in ("[", "{") else _SKIP
            yield Fault(line=number, what=f"expected a JSON object on one line: {reason}", hint=hint)
            continue
        found, problem = _member(value, field)
        identifier, no_identifier = _member(value, id_field, numbers=True) if id_field is not None else ("", "")
        if problem:
            listed = isinstance(value, list)
            hint = f"{_SKIP}; {_OBJECTS}" if listed else f"name the member with --field, or {_SKIP}"
            yield Fault(line=number, what=problem, hint=hint)
        elif no_identifier or (id_field is not None and not identifier):
            what = no_identifier or f"expected an identifier in the field {id_field!r}, found an empty string"
            yield Fault(line=number, what=what, hint=f"name the member with --id-field, or {_SKIP}")
        else:
            yield Record(line=number, text=found, identifier=identifier)


def _member(value: Any, field: str, *, numbers: bool = False) -> tuple[str, str]:
    """The text, or what is wrong instead; whole numbers are texts too where they are allowed."""
    if not isinstance(value, dict):
        return "", f"expected a JSON object, found {_kind(value)}"
    if field in value:
        found = value[field]
    else:
        found = value
        for name in field.split("."):
            if not isinstance(found, dict) or name not in found:
                names = ", ".join(map(repr, list(value)[:8])) or "none"
                return "", f"the JSON object has no field {field!r}; its fields are {names}"
            found = found[name]
    if numbers and type(found) is int:
        return str(found), ""
    if not isinstance(found, str):
        what = "a string or a whole number" if numbers else "a string"
        return "", f"expected {what} in the field {field!r}, found {_kind(found)}"
    return found, ""


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def column_of(header: str, field: str, separator: str, hint: str = _CSV_FIELDS) -> int | Fault:
    """The number from 0 of the column that has the text, or another.

    Args:
        header: The first row of the file.
        field: A name in it.
        separator: A comma or a tab.
        hint: What to try where there is no such name.
    """
    names = next(rows(header, separator), (0, []))[1]
    names = [name.strip() for name in names]
    if field in names:
        return names.index(field)
    listed = ", ".join(map(repr, names[:12])) or "none"
    return Fault(line=0, what=f"no column is called {field!r}; the first row has {listed}", hint=hint)


def table_records(text: str, column: int, separator: str, id_column: int | None = None) -> Records:
    """The texts in one column of a table, their identifiers in another. Rows that are blank are passed over."""
    last = max(column, -1 if id_column is None else id_column)
    for line, row in rows(text, separator):
        if last >= len(row):
            what = f"expected at least {last + 1} columns, found {len(row)}"
            yield Fault(line=line, what=what, hint=_SKIP)
        elif id_column is not None and not row[id_column].strip():
            what = f"expected an identifier in column {id_column + 1}, found nothing"
            yield Fault(line=line, what=what, hint=_SKIP)
        else:
            yield Record(line=line, text=row[column], identifier="" if id_column is None else row[id_column].strip())


def rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line it begins on from 0.

    Quotes may hold commas and line ends, and double ones in them stand for one. With tabs, quotes are characters like
    others, as the format's registration has it; too many corpora have single ones in them.
    """
    if separator == "\t":
        for line, row in enumerate(text.split("\n")):
            if row.strip(" \t"):
                yield line, row.split("\t")
        return
    csv.field_size_limit(sys.maxsize)
    begin = 0
    reader = csv.reader(io.StringIO(text, newline="\n"))
    for fields in reader:
        if len(fields) > 1 or (fields and fields[0].strip(" \t")):
            yield begin, fields
        begin = reader.line_num


def conllu_records(lines: list[str], id_field: str | None = None) -> Records:
    """The sentences of CoNLL-U, their words joined by spaces.

    A multiword token is one word, and the words that it is made of are not; nodes that are empty in the text are left
    out. A space within a word becomes ``_``, so that it stays one.

    Args:
        lines: The lines.
        id_field: The comment that has the identifier, such as ``sent_id``.
    """
    for first, sentence in _sentences(lines):
        record = _conllu_sentence(first, sentence)
        if id_field is not None and isinstance(record, Record):
            comments = (line[1:].partition("=") for line in sentence if line.startswith("#"))
            record.identifier = next((value.strip() for name, _, value in comments if name.strip() == id_field), "")
            if not record.identifier:
                what = f"expected a comment '# {id_field} = ...' above the sentence, found none"
                record = Fault(line=first, what=what, hint=f"name the comment with --id-field, or {_SKIP}")
        yield record


def _conllu_sentence(first: int, sentence: list[str]) -> Record | Fault:
    words: list[str] = []
    covered = 0
    begins = False
    for number, line in enumerate(sentence, first):
        if line.startswith("#"):
            begins = begins or line.startswith("# newdoc")
            continue
        identity, _, rest = line.partition("\t")
        word = rest.partition("\t")[0]
        begin, dash, end = identity.partition("-")
        node, dot, _ = identity.partition(".")
        if dot and node.isdecimal():
            continue
        if not begin.isdecimal() or (dash and not end.isdecimal()) or not word:
            what = f"expected a word's number, a tab and the word, found {line[:40]!r}"
            return Fault(line=number, what=what, hint=f"check --format; or {_SKIP}", begins_document=begins)
        if dash:
            covered = int(end)
        elif int(begin) <= covered:
            continue
        words.append(_one_word(word))
    return Record(line=first, text=" ".join(words), begins_document=begins)


def tagged_records(lines: list[str]) -> Records:
    """The sentences of a file with a token and a tag to a line, tokens joined by spaces."""
    for first, sentence in _sentences(lines):
        words: list[str] = []
        fault = None
        for number, line in enumerate(sentence, first):
            word, tab, _ = line.partition("\t")
            if not tab or not word.strip():
                what = f"expected a token, a tab and its tag, found {line[:40]!r}"
                hint = f"check --format{_TABS if ' ' in line.strip() else ''}; or {_SKIP}"
                fault = fault or Fault(line=number, what=what, hint=hint)
            words.append(_one_word(word))
        yield fault or Record(line=first, text=" ".join(words))


def _sentences(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    sentence: list[str] = []
    for number, line in enumerate(lines):
        if line.strip(" \t"):
            sentence.append(line)
        elif sentence:
            yield number - len(sentence), sentence
            sentence = []
    if sentence:
        yield len(lines) - len(sentence), sentence


def _one_word(word: str) -> str:
    # Whatever Python takes for whitespace would make two tokens of one.
    parts = word.split()
    return parts[0] if len(parts) == 1 else "_".join(parts)
