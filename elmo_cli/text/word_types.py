"""Tokenised text as numbers, a part at a time: its distinct words, and which of them each token is.

Counting words and encoding them both need one thing of a part of a text: its word types. Python's dictionary finds them
in about 100 ns a token. Here words of at most eight bytes, most of any alphabetic text, are single 64-bit numbers that
are sorted and looked up by array operations, and only the others go through a dictionary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.errors import TextError
from elmo_cli.text.readers import BYTE_ORDER_MARK, cannot_read

PART = 4 << 20
"""Bytes that a part has, about. Smaller ones have their words merged more often, larger ones leave the cache."""

WORTH_SHARING = 48 << 20
"""Bytes of tokenised text from which two processes find its word types sooner than one: they take half a second to
start, in which one does 30 MB."""

SHORT = 8
"""Bytes of the longest words that are handled as numbers."""

_KEPT_BYTES = np.array([(1 << 8 * length) - 1 for length in range(SHORT + 1)], dtype="<u8")
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""Multiplying by it and keeping the highest bits spreads numbers over a table (Knuth's multiplicative hashing)."""


@dataclass(frozen=True)
class ShardPart:
    """Whole lines of a file of tokenised text; another process can read them."""

    path: Path
    begin: int
    """Its first byte."""
    end: int
    """One past its last byte."""

    def read(self) -> bytes:
        """The lines, each ending in ``\\n``; none for a part without bytes.

        Raises:
            TextError: The file cannot be read, or is not UTF-8.
        """
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.begin)
                content = stream.read(self.end - self.begin)
        except OSError as error:
            raise cannot_read(self.path, error) from error
        try:
            content.decode()
        except UnicodeDecodeError as error:
            raise self._not_utf8(content, error) from error
        if self.begin == 0:
            content = content.removeprefix(BYTE_ORDER_MARK)
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return content if content.endswith(b"\n") or not content else content + b"\n"

    def _not_utf8(self, content: bytes, error: UnicodeDecodeError) -> TextError:
        with self.path.open("rb") as stream:
            line = stream.read(self.begin + error.start).count(b"\n") + 1
        return TextError(
            f"{self.path}:{line}: byte 0x{content[error.start]:02x} is not UTF-8",
            hint="make the file again with elmo prepare",
        )


def shard_parts(path: Path, begin: int = 0, size: int | None = None) -> Iterator[ShardPart]:
    """A file cut between lines.

    Args:
        begin: Where to start, at the beginning of a line.
        size: Bytes of each, about; None: :data:`PART`.

    Raises:
        TextError: The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            total = stream.seek(0, 2)
            while begin < total:
                stream.seek(min(total, begin + (size or PART)) - 1)
                stream.readline()
                yield ShardPart(path, begin, stream.tell())
                begin = stream.tell()
    except OSError as error:
        raise cannot_read(path, error) from error


@dataclass(frozen=True)
class WordTypes:
    """N tokens of U distinct words in S sentences."""

    short: npt.NDArray[np.uint64]
    """Distinct words as numbers, rising: their bytes, the first one lowest."""
    long: Sequence[bytes]
    """The other distinct words."""
    counts_U: npt.NDArray[np.int64]
    """How often each occurs."""
    tokens_N: npt.NDArray[np.unsignedinteger[Any]]
    """Each token's place in :attr:`words`."""
    ends_S: npt.NDArray[np.int64]
    """One past the last token of each sentence; a line without tokens is none."""
    blank_lines: int

    @cached_property
    def words(self) -> list[bytes]:
        """The U words, in an order that depends on the text alone."""
        return [*self.short.view("S8").tolist(), *self.long]

    def as_they_come_up(self, chosen_U: npt.NDArray[np.bool_]) -> list[int]:
        """The places in ``words`` of chosen ones, in the order in which their first tokens stand."""
        at = np.flatnonzero(chosen_U[self.tokens_N])
        first_U = np.empty(len(chosen_U), dtype=np.int64)
        # Of several values written to one place the last one stays, so the first token is written last.
        first_U[self.tokens_N[at[::-1]]] = at[::-1]
        chosen = np.flatnonzero(chosen_U)
        return [int(place) for place in chosen[np.argsort(first_U[chosen])]]

    def __reduce__(self) -> tuple[Any, ...]:
        """On its way between processes it has few bytes, all in arrays, and no object for every word."""
        fits = len(self.counts_U) <= np.iinfo(np.uint16).max + 1
        tokens_N = self.tokens_N.astype(np.uint16 if fits else np.uint32)
        counts_U, ends_S = self.counts_U.astype(np.uint32), self.ends_S.astype(np.uint32)
        long = np.frombuffer(b"\n".join([*self.long, b""]), dtype=np.uint8)
        return _arrived, (self.short, long, counts_U, tokens_N, ends_S, self.blank_lines)


def _arrived(
    short: npt.NDArray[np.uint64],
    long: npt.NDArray[np.uint8],
    counts_U: npt.NDArray[np.uint32],
    tokens_N: npt.NDArray[np.unsignedinteger[Any]],
    ends_S: npt.NDArray[np.uint32],
    blank_lines: int,
) -> WordTypes:
    spelled = long.tobytes().split(b"\n")[:-1]
    return WordTypes(short, spelled, counts_U.astype(np.int64), tokens_N, ends_S.astype(np.int64), blank_lines)


def word_types(lines: bytes) -> WordTypes:
    """The word types of some lines.

    Words stand between spaces, tabs and line ends: text that went through a tokenizer has no other whitespace.

    Args:
        lines: UTF-8, every line ending in ``\\n``.

    Example:
        >>> found = word_types(b"the old house of the\\nthe end\\n")
        >>> [found.words[number] for number in found.tokens_N[:5]], found.ends_S.tolist()
        ([b'the', b'old', b'house', b'of', b'the'], [5, 7])
    """
    _keep_freed_memory()
    padded = np.frombuffer(lines + bytes(SHORT), dtype=np.uint8)
    bytes_N = padded[:-SHORT]
    ends = np.flatnonzero((bytes_N == ord(" ")) | (bytes_N - np.uint8(ord("\t")) < 5))
    begins = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lengths = ends - begins
    if not lengths.all():
        begins, ends, lengths = begins[lengths > 0], ends[lengths > 0], lengths[lengths > 0]
    # A number does not tell a word from the same word with NUL characters behind it.
    short = lengths <= SHORT if b"\0" not in lines else np.zeros(len(lengths), dtype=bool)

    keys = np.ndarray((len(bytes_N) + 1,), dtype="<u8", buffer=padded, strides=(1,))[begins[short]]
    keys &= _KEPT_BYTES[lengths[short]]
    keys_U, short_counts_U = _distinct(keys)
    long_words: dict[bytes, int] = {}
    spans = zip(begins[~short].tolist(), ends[~short].tolist(), strict=True)
    long_tokens = [long_words.setdefault(lines[begin:end], len(long_words)) for begin, end in spans]

    tokens_N = np.empty(len(begins), dtype=np.uint32)
    tokens_N[short] = _places(keys, keys_U, short_counts_U)
    tokens_N[~short] = np.array(long_tokens, dtype=np.uint32) + len(keys_U)
    line_ends = np.searchsorted(begins, np.flatnonzero(bytes_N == ord("\n")))
    filled = np.diff(line_ends, prepend=0) > 0
    return WordTypes(
        short=keys_U,
        long=list(long_words),
        counts_U=np.concatenate([short_counts_U, np.bincount(long_tokens, minlength=len(long_words))]).astype(np.int64),
        tokens_N=tokens_N,
        ends_S=line_ends[filled],
        blank_lines=int(len(filled) - filled.sum()),
    )


@cache
def _keep_freed_memory() -> None:
    # glibc gives freed memory back to the system and pays for every page of it with the next part, a tenth of the time.
    # How much it keeps follows the largest block that was ever freed, up to this size.
    np.empty(31 << 20, dtype=np.uint8)


def _distinct(keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """The distinct numbers, rising, and how often each occurs."""
    ordered = np.sort(keys)
    firsts = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    return ordered[firsts], np.diff(firsts, append=len(ordered))


def _places(
    keys: npt.NDArray[np.uint64], keys_U: npt.NDArray[np.uint64], counts_U: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint32]:
    """Where each number stands among the distinct ones."""
    if not len(keys):
        return np.zeros(0, dtype=np.uint32)
    # A table with one number to a slot, four slots to a number. Of numbers that share a slot the most frequent has it.
    bits = (4 * len(keys_U)).bit_length()
    shift = np.uint64(64 - bits)
    table = np.zeros(1 << bits, dtype=np.uint32)
    rising = np.argsort(counts_U, kind="stable")
    table[(keys_U[rising] * _MIX) >> shift] = rising
    places = table[(keys * _MIX) >> shift]
    displaced = np.flatnonzero(keys_U[places] != keys)
    places[displaced] = np.searchsorted(keys_U, keys[displaced])
    return places
