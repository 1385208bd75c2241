"""Texts of every format and container, block by block.

:class:`BlockReader` runs in one process: it unpacks, and cuts between lines, rows or sentences. :func:`read_block` does
the rest, decoding and parsing, and may run in any process.
"""

import codecs
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elmo_cli.config import InputConfig
from elmo_cli.errors import TextError
from elmo_cli.text import cuts
from elmo_cli.text.decoding import REPLACEMENT, decode, refuse_bad, without_surrogates
from elmo_cli.text.oddities import count_oddities
from elmo_cli.text.readers import BYTE_ORDER_MARK, STDIN, format_of, size_of
from elmo_cli.text.records import (
    Fault,
    Records,
    column_of,
    conllu_records,
    json_records,
    table_records,
    tagged_records,
)
from elmo_cli.text.streams import BAD, InputStream, printable

BLOCK = 1 << 21
"""Bytes of a block, unless a line or record is longer."""

_CUT = {"csv": cuts.cut_after_row, "conllu": cuts.cut_after_sentence, "tagged": cuts.cut_after_sentence}
_SEPARATORS = {"csv": ",", "tsv": "\t"}


@dataclass(frozen=True, kw_only=True)
class Block:
    """A stretch of one input, of whole lines or records, cheap to hand to another process."""

    number: int
    """Running number over all inputs; it depends on nothing but the inputs."""
    name: str
    """The file, for messages."""
    first_line: int
    """From 1."""
    first_document: int
    """Running number of the document that the first line belongs to."""
    content: bytes
    format: str = "text"
    encoding: str = "utf-8"
    """The file's encoding, for messages where ``transcoded``."""
    transcoded: bool = False
    """Whether ``content`` is UTF-8 whatever the file was, with marks for what was in no encoding."""
    header: bytes = b""
    """Of a table: the first row of the file."""
    begins_document: bool = True
    """Whether the first line is the first one of its document."""


@dataclass(kw_only=True)
class BlockText:
    """What a block has to say."""

    paragraphs: list[str]
    """Raw paragraphs as they stand; of CoNLL-U and tagged files sentences, their tokens joined by one space."""
    documents: list[int]
    """The running number of each one's document."""
    tokenised: bool
    """Whether a paragraph is one sentence of tokens, to be cut at spaces only."""
    oddities: Counter[str]
    """What was met, by the names of :data:`elmo_cli.text.oddities.ODDITIES`."""
    lines: Sequence[int] = field(default_factory=list)
    """The line of the file, from 1, that each begins on; paragraphs of one record have the same."""
    identifiers: list[str] = field(default_factory=list)
    """What the record of each is called; empty where that was not asked for."""


class BlockReader:
    """Reads inputs block by block, in the calling process.

    Args:
        paths: Files, and :data:`~elmo_cli.text.readers.STDIN`.
        reading: How they are read.

    Raises:
        TextError: A file is out of reach.
    """

    def __init__(self, paths: Sequence[Path], reading: InputConfig) -> None:
        self.sources: list[dict[str, Any]] = []
        """Name, size and SHA-256, as it lies on the disk, of every file that was read to its end."""
        self.total_bytes: int | None = None
        """Bytes of all files as they lie on the disk; None where standard input or a pipe is among them."""
        self._paths = list(paths)
        self._reading = reading
        sizes = [size_of(path) for path in paths if path != STDIN]
        if all(path.is_file() for path in paths):
            self.total_bytes = sum(sizes)
        self._done = 0
        self._stream: InputStream | None = None
        self._blocks = 0
        self._document = -1
        """The last document that began."""

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, as they lie on the disk."""
        return self._done + (self._stream.bytes_read if self._stream is not None else 0)

    def __iter__(self) -> Iterator[Block]:
        for path in self._paths:
            stream = self._stream = InputStream(path, self._reading.encoding)
            yield from self._of_file(stream, format_of(path, self._reading.format))
            name, size = printable(path), stream.bytes_read
            self.sources.append({"name": name, "size": size, "sha256": stream.sha256})
            self._done, self._stream = self._done + size, None

    def _of_file(self, stream: InputStream, kind: str) -> Iterator[Block]:
        name, line, header, after_blank = printable(stream.path), 1, b"", True
        for content in _whole_records(stream, kind, name):
            if line == 1 and kind in _SEPARATORS and self._reading.has_header:
                header = content[: _CUT.get(kind, cuts.cut_after_line)(content, 1)] or content
                content, line = content[len(header) :], line + header.count(b"\n")
                first = True
            else:
                first = line == 1
            begins, begun = self._count_documents(content, kind, first, after_blank)
            yield Block(
                number=self._blocks,
                name=name,
                first_line=line,
                first_document=self._document + begins,
                content=content,
                format=kind,
                encoding=stream.encoding,
                transcoded=stream.transcoded,
                header=header,
                begins_document=begins,
            )
            self._blocks += 1
            self._document += begun
            line += cuts.line_ends(content)
            after_blank = cuts.ends_blank(content)

    def _count_documents(self, content: bytes, kind: str, first: bool, after_blank: bool) -> tuple[bool, int]:
        """Whether the first line begins a document, and how many begin in the content."""
        unit = document_unit(kind, self._reading.documents)
        if unit == "file":
            return first, int(first)
        if unit == "newdoc":
            begins = first or cuts.new_documents(content[: cuts.cut_after_sentence(content, 1) or None]) > 0
            others = content[cuts.cut_after_sentence(content, 1) or len(content) :]
            return begins, begins + cuts.new_documents(others)
        if unit == "blank-line" or kind in ("conllu", "tagged"):
            begins = cuts.begins_document(content, after_blank)
            return begins, cuts.documents_begun(content, after_blank)
        return True, cuts.nonblank_rows(content) if kind == "csv" else cuts.nonblank_lines(content)


def document_unit(kind: str, documents: str) -> str:
    """What a document is in a file of a format: ``file``, ``newdoc``, ``blank-line`` or ``record``.

    Example:
        >>> document_unit("jsonl", "auto"), document_unit("text", "auto"), document_unit("text", "line")
        ('record', 'file', 'record')
    """
    if documents == "auto":
        return {"text": "file", "tagged": "file", "conllu": "newdoc"}.get(kind, "record")
    if documents == "blank-line" and kind in ("jsonl", "csv", "tsv"):
        return "record"
    return "record" if documents == "line" else documents


def read_block(block: Block, reading: InputConfig) -> BlockText:
    """Decodes and parses a block.

    Raises:
        TextError: Something is not what ``reading`` says, and ``decode_errors`` is ``strict``; the message has file and
            line.
    """
    found = Counter[str]()
    content = block.content
    begins_file = block.first_line == 1 + block.header.count(b"\n")
    if begins_file and (block.header or content).startswith(BYTE_ORDER_MARK):
        found["byte order marks"] = 1
        content = content.removeprefix(BYTE_ORDER_MARK)
    text, bad = decode(content, block.encoding, block.transcoded)
    if bad and reading.decode_errors == "strict":
        refuse_bad(text, content, block.encoding, block.transcoded, block.name, block.first_line)
    if bad and reading.decode_errors == "replace":
        found["replaced bytes"] = text.count(BAD)
        text = text.replace(BAD, REPLACEMENT)
    made = _lines(block, text, reading) if block.format == "text" else _records(block, text, reading)
    made.oddities += found
    is_content = block.format == "text" and not bad and codecs.lookup(block.encoding).name == "utf-8"
    made.oddities += count_oddities(content if is_content else _tidy(made))
    return made


def _tidy(made: BlockText) -> bytes:
    """The paragraphs in UTF-8. What has none, halves of UTF-16 pairs, is replaced in them and counted."""
    joined = "\n".join(made.paragraphs)
    try:
        return joined.encode()
    except UnicodeEncodeError:
        joined, count = without_surrogates(joined)
    made.oddities["unpaired surrogates"] += count
    made.paragraphs = joined.split("\n")
    return joined.encode()


def _lines(block: Block, text: str, reading: InputConfig) -> BlockText:
    lines = _split(text)
    numbers = range(block.first_line, block.first_line + len(lines))
    unit = document_unit("text", reading.documents)
    if unit == "file":
        documents = [block.first_document] * len(lines)
    else:
        documents = _number_lines(block, lines, blank_lines=unit == "blank-line")
    made = BlockText(paragraphs=lines, documents=documents, tokenised=False, oddities=Counter(), lines=numbers)
    if reading.decode_errors == "skip" and BAD in text:
        kept = [at for at, line in enumerate(lines) if BAD not in line]
        made.oddities["skipped lines"] = len(lines) - len(kept)
        made.paragraphs = [lines[at] for at in kept]
        made.documents = [documents[at] for at in kept]
        made.lines = [numbers[at] for at in kept]
    return made


def _number_lines(block: Block, lines: list[str], *, blank_lines: bool) -> list[int]:
    """The document of every line, where blank lines or all lines end one."""
    documents = []
    document, after_blank = block.first_document - block.begins_document, block.begins_document
    for line in lines:
        blank = not line.strip(" \t")
        document += not blank and (after_blank or not blank_lines)
        after_blank = blank
        documents.append(max(document, 0))
    return documents


def _records(block: Block, text: str, reading: InputConfig) -> BlockText:
    unit = document_unit(block.format, reading.documents)
    tokenised = block.format in ("conllu", "tagged")
    lines: list[int] = []
    made = BlockText(paragraphs=[], documents=[], tokenised=tokenised, oddities=Counter(), lines=lines)
    document = block.first_document - block.begins_document
    for number, record in enumerate(_parse(block, text, reading)):
        if unit in ("file", "newdoc"):
            document += record.begins_document and unit == "newdoc" if number else block.begins_document
        else:
            document += 1
        # JSON may spell what bad bytes become, so its lines are looked at before they are parsed.
        if isinstance(record, Fault) or (block.format != "jsonl" and BAD in record.text):
            if isinstance(record, Fault) and reading.decode_errors != "skip":
                raise record.error(f"{block.name}:{block.first_line + record.line}")
            made.oddities["skipped lines"] += 1
            continue
        paragraphs = _split_record(record.text)
        made.paragraphs += paragraphs
        made.documents += [document] * len(paragraphs)
        lines += [block.first_line + record.line] * len(paragraphs)
        if reading.id_field is not None:
            made.identifiers += [record.identifier] * len(paragraphs)
    return made


def _split_record(text: str) -> list[str]:
    """The lines of a record, which may have ends of its own."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n") if "\n" in text else [text]


def _parse(block: Block, text: str, reading: InputConfig) -> Records:
    if block.format in _SEPARATORS:
        separator = _SEPARATORS[block.format]
        column = _column(block, separator, reading.field)
        if reading.id_field is None:
            return table_records(text, column, separator)
        return table_records(text, column, separator, _column(block, separator, reading.id_field, "--id-field"))
    lines = _split(text)
    if block.format == "jsonl":
        return json_records(lines, reading.field, reading.id_field)
    return conllu_records(lines, reading.id_field) if block.format == "conllu" else tagged_records(lines)


def _column(block: Block, separator: str, field: str, option: str = "--field") -> int:
    if field.isdecimal():
        return int(field) - 1
    header, _ = decode(block.header.removeprefix(BYTE_ORDER_MARK), block.encoding, block.transcoded)
    hint = f"name another one with {option}: a column's name in the first row, or its number from 1"
    column = column_of(header, field, separator, hint)
    if isinstance(column, Fault):
        raise column.error(f"{block.name}:1")
    return column


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _whole_records(stream: InputStream, kind: str, name: str) -> Iterator[bytes]:
    """A text in stretches of about :data:`BLOCK` bytes that tear nothing; where they end depends on the text alone."""
    cut = _CUT.get(kind, cuts.cut_after_line)
    line, wanted, size = 1, BLOCK, 0
    waiting: list[bytes] = []
    for piece in stream.pieces():
        waiting.append(piece)
        size += len(piece)
        while size > wanted:
            content = b"".join(waiting)
            end = cut(content, BLOCK)
            if end:
                yield content[:end]
                line += content.count(b"\n", 0, end) if kind in _CUT else 0
            elif kind in _CUT and size > cuts.LARGEST_RECORD:
                raise _endless(name, line, kind)
            # Twice as much before the next look: each byte is looked at a few times only, however long a line is.
            wanted = BLOCK if end else 2 * size
            waiting = [content[end:]]
            size = len(waiting[0])
    content = b"".join(waiting)
    if kind == "csv" and (quote := cuts.unclosed_quote(content)) is not None:
        raise _endless(name, line + content.count(b"\n", 0, quote), kind)
    if content:
        yield content


def _endless(name: str, line: int, kind: str) -> TextError:
    if kind == "csv":
        return TextError(
            f"{name}:{line}: a field in quotes begins here and does not end",
            hint="check the quotes; a file whose quotes are characters like others is read with --format tsv or text",
        )
    return TextError(
        f"{name}:{line}: expected blank lines between sentences, found none in {cuts.LARGEST_RECORD >> 20} MB",
        hint="check --format",
    )
