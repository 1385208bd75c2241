"""Text as numbers, in memory or in a folder that is mapped into memory: one number per token.

The *lexicon* of a text is every word type in it: the vocabulary first, in vocabulary order, then the others in order of
first occurrence. So one lexicon id per token says both what the softmax predicts (the id, or ``<UNK>`` from V on)
and what the character encoder reads (the row of the character table).
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.errors import TextError
from elmo_cli.files import sha256_of, whole_folder, write_text
from elmo_cli.text.characters import character_table
from elmo_cli.text.lexicon import GrowingLexicon, LexiconFile
from elmo_cli.text.readers import BLOCK, TextReader, size_of
from elmo_cli.text.vocabulary import Vocabulary

FORMAT = 1
"""Version of the store's layout; raised when a reader of the old one would misread the new one."""

TOKENS, SENTENCES, LEXICON, CHARACTERS, META = "tokens.u32", "sentences.i64", "lexicon.txt", "chars.u16", "meta.json"
VOCABULARY = "vocab.txt"

TABLE_ROWS = 1 << 16
"""Word types whose characters are looked up at a time."""


@dataclass(frozen=True, eq=False)
class EncodedText:
    """N tokens in S sentences as lexicon ids."""

    vocabulary: Vocabulary
    tokens_N: npt.NDArray[np.uint32]
    """Lexicon ids, sentences back to back."""
    starts: npt.NDArray[np.int64]
    """Where each sentence starts in ``tokens_N``, and the end of the last: S + 1 numbers."""
    chars_UW: npt.NDArray[np.uint16]
    """Character ids of every word type of the lexicon, as :func:`elmo_cli.text.characters.character_table`."""
    lexicon: Sequence[str]
    """The U word types."""

    @property
    def num_sentences(self) -> int:
        """S."""
        return len(self.starts) - 1

    @property
    def num_tokens(self) -> int:
        """N: words, sentence ends not counted."""
        return len(self.tokens_N)

    @property
    def num_types(self) -> int:
        """U: rows of the character table, the whole vocabulary included."""
        return len(self.chars_UW)


def encode(sentences: Iterable[Sequence[str]], vocabulary: Vocabulary, max_characters: int) -> EncodedText:
    """Encodes sentences in memory.

    Args:
        sentences: Each a list of tokens; an empty one stays, as a sentence of no tokens.
        max_characters: W.

    Example:
        >>> text = encode([["the", "end"], ["the"]], Vocabulary(["<S>", "</S>", "<UNK>", "the"]), 50)
        >>> text.tokens_N.tolist(), text.starts.tolist(), text.lexicon[4]
        ([3, 4, 3], [0, 2, 3], 'end')
    """
    lexicon = GrowingLexicon(vocabulary.ids)
    tokens = array("I")
    ends = array("q", [0])
    for sentence in sentences:
        tokens.extend(map(lexicon.__getitem__, sentence))
        ends.append(len(tokens))
    words = list(lexicon)
    return EncodedText(
        vocabulary=vocabulary,
        tokens_N=np.array(tokens, dtype=np.uint32),
        starts=np.array(ends, dtype=np.int64),
        chars_UW=character_table(words, max_characters),
        lexicon=words,
    )


def build_store(
    shards: Sequence[Path], vocabulary: Vocabulary, store_dir: Path, max_characters: int
) -> Iterator[tuple[int, int]]:
    """Encodes shards of tokenised text, one sentence a line, into a folder that appears whole.

    Memory holds the lexicon and a few blocks of text, whatever the size of the corpus. Blank lines are no sentences;
    they are counted in ``meta.json``.

    Args:
        shards: Text files in the order in which their sentences are numbered.
        max_characters: W.

    Returns:
        A generator of (bytes encoded, bytes in all); exhaust it to have the store.

    Raises:
        TextError: A shard cannot be read or is not UTF-8.
        OutputError: The folder cannot be written.
    """
    total = sum(map(size_of, shards))
    with whole_folder(store_dir) as folder:
        lexicon = GrowingLexicon(vocabulary.ids)
        done = num_tokens = num_sentences = blank_lines = 0
        sources = []
        with (folder / TOKENS).open("wb") as tokens_file, (folder / SENTENCES).open("wb") as sentences_file:
            sentences_file.write(np.zeros(1, dtype="<i8").tobytes())
            for shard in shards:
                reader = TextReader(shard)
                for tokens, ends, blank in _encoded_blocks(reader, lexicon):
                    tokens_file.write(np.array(tokens, dtype="<u4").tobytes())
                    sentences_file.write((np.array(ends, dtype="<i8") + num_tokens).tobytes())
                    num_tokens += len(tokens)
                    num_sentences += len(ends)
                    blank_lines += blank
                    yield done + reader.bytes_read, total
                done += reader.bytes_read
                sources.append({"name": shard.name, "size": reader.bytes_read, "sha256": reader.sha256})
        _write_types(folder, list(lexicon), max_characters)
        vocabulary.write(folder / VOCABULARY)
        meta = {
            "format": FORMAT,
            "sentences": num_sentences,
            "tokens": num_tokens,
            "types": len(lexicon),
            "max_characters": max_characters,
            "blank_lines": blank_lines,
            "vocabulary_sha256": vocabulary.sha256,
            "sources": sources,
        }
        write_text(folder / META, json.dumps(meta, indent=2) + "\n")
    yield done, total


def open_store(store_dir: Path) -> EncodedText:
    """Maps a corpus store into memory.

    Raises:
        TextError: It is not a corpus store, has another format version, or is damaged.
    """
    meta = _read_meta(store_dir)
    if meta["format"] != FORMAT:
        raise TextError(
            f"{store_dir}: a corpus store of format {meta['format']}; this version reads format {FORMAT}",
            hint="delete the folder; it is built again from the text",
        )
    try:
        num_tokens, num_sentences = int(meta["tokens"]), int(meta["sentences"])
        types, max_characters = int(meta["types"]), int(meta["max_characters"])
        vocabulary_sha256 = str(meta["vocabulary_sha256"])
    except (KeyError, TypeError, ValueError) as error:
        raise TextError(f"{store_dir / META}: damaged: {error!r}", hint=_REBUILD) from error
    vocabulary = Vocabulary.read(store_dir / VOCABULARY, require_specials=False)
    if vocabulary.sha256 != vocabulary_sha256:
        raise TextError(f"{store_dir / VOCABULARY}: not the vocabulary that the store was built with", hint=_REBUILD)
    return EncodedText(
        vocabulary=vocabulary,
        tokens_N=_mapped(store_dir / TOKENS, "<u4", (num_tokens,)),
        starts=_mapped(store_dir / SENTENCES, "<i8", (num_sentences + 1,)),
        chars_UW=_mapped(store_dir / CHARACTERS, "<u2", (types, max_characters)),
        lexicon=LexiconFile(store_dir / LEXICON, types),
    )


def store_is_current(store_dir: Path, shards: Sequence[Path], vocabulary: Vocabulary, max_characters: int) -> bool:
    """Whether a store was built from just these files (name, size and hash), this vocabulary and this W."""
    try:
        meta = _read_meta(store_dir)
    except TextError:
        return False
    made_from = (meta["format"], meta.get("vocabulary_sha256"), meta.get("max_characters"))
    if made_from != (FORMAT, vocabulary.sha256, max_characters):
        return False
    recorded = meta.get("sources")
    sources: list[dict[str, Any]] = [{"name": shard.name, "size": size_of(shard)} for shard in shards]
    if not isinstance(recorded, list) or [_name_and_size(source) for source in recorded] != sources:
        return False
    # Hashing takes a second per gigabyte, so it comes last.
    return all(source.get("sha256") == sha256_of(shard) for source, shard in zip(recorded, shards, strict=True))


def is_store(path: Path) -> bool:
    """Whether a folder looks like a corpus store."""
    return (path / META).is_file() and (path / TOKENS).is_file()


_REBUILD = "delete the store's folder; it is built again from the text"


def _encoded_blocks(reader: TextReader, lexicon: GrowingLexicon) -> Iterator[tuple["array[int]", "array[int]", int]]:
    """Lexicon ids, sentence ends counted from the block's begin, and the number of blank lines."""
    tokens, ends, blank = array("I"), array("q"), 0
    lookup = lexicon.__getitem__
    for line in reader.lines():
        words = line.split()
        if not words:
            blank += 1
            continue
        tokens.extend(map(lookup, words))
        ends.append(len(tokens))
        if len(tokens) >= BLOCK:
            yield tokens, ends, blank
            tokens, ends, blank = array("I"), array("q"), 0
    yield tokens, ends, blank


def _write_types(folder: Path, words: list[str], max_characters: int) -> None:
    with (folder / LEXICON).open("wb") as lexicon_file, (folder / CHARACTERS).open("wb") as chars_file:
        for begin in range(0, len(words), TABLE_ROWS):
            some = words[begin : begin + TABLE_ROWS]
            lexicon_file.write("".join(f"{word}\n" for word in some).encode())
            chars_file.write(character_table(some, max_characters).astype("<u2").tobytes())


def _name_and_size(source: Any) -> dict[str, Any]:
    return {"name": source.get("name"), "size": source.get("size")} if isinstance(source, dict) else {}


def _read_meta(store_dir: Path) -> dict[str, Any]:
    path = store_dir / META
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TextError(f"{store_dir}: not a corpus store: no readable {META}", hint=_REBUILD) from error
    except ValueError as error:
        raise TextError(f"{path}: not JSON: {error}", hint=_REBUILD) from error
    if not isinstance(meta, dict) or "format" not in meta:
        raise TextError(f"{path}: has no format version", hint=_REBUILD)
    return meta


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    expected = int(np.prod(shape)) * np.dtype(dtype).itemsize
    found = path.stat().st_size if path.is_file() else None
    if found != expected:
        size = "missing" if found is None else f"{found:,} bytes"
        raise TextError(f"{path}: {size}, expected {expected:,} bytes", hint=_REBUILD)
    if expected == 0:
        return np.zeros(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=shape)
