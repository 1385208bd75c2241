"""Text as numbers, in memory or in a folder that is mapped into memory: one number per token.

The *lexicon* of a text is every word type in it: the vocabulary first, in vocabulary order, then the others in order of
first occurrence. So one lexicon id per token says both what the softmax predicts (the id, or ``<UNK>`` from V on)
and what the character encoder reads (the row of the character table).
"""

import hashlib
import json
import os
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.config import VocabularyConfig
from elmo_cli.errors import TextError
from elmo_cli.files import write_text
from elmo_cli.text.characters import character_table
from elmo_cli.text.lexicon import GrowingLexicon, LexiconFile
from elmo_cli.text.readers import size_of
from elmo_cli.text.vocabulary import Vocabulary, counts_beside

FORMAT = 2
"""Version of the store's layout; raised when a reader of the old one would misread the new one."""

TOKENS, SENTENCES, LEXICON, CHARACTERS, META = "tokens.u32", "sentences.i64", "lexicon.txt", "chars.u16", "meta.json"
VOCABULARY = "vocab.txt"

Spell = Callable[[Sequence[str]], npt.NDArray[np.integer[Any]]]
"""Makes a table of ids, a row for each word."""

TABLE_ROWS = 1 << 16
"""Word types whose characters are looked up at a time."""

HASHED = 1 << 20
"""Bytes of a file that are hashed at a time."""

MOST_TYPES = VocabularyConfig.max_types
"""Word types of a lexicon, at most, where nothing else is said."""


@dataclass(frozen=True, eq=False)
class EncodedText:
    """N tokens in S sentences as lexicon ids."""

    vocabulary: Vocabulary
    tokens_N: npt.NDArray[np.uint32]
    """Lexicon ids, sentences back to back."""
    starts: npt.NDArray[np.int64]
    """Where each sentence starts in ``tokens_N``, and the end of the last: S + 1 numbers."""
    chars_UW: npt.NDArray[np.integer[Any]]
    """Character ids of every word type of the lexicon, as :func:`elmo_cli.text.characters.character_table` makes them,
    or whatever else the token encoder reads of a word type."""
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


def encode(
    sentences: Iterable[Sequence[str]], vocabulary: Vocabulary, max_characters: int, *, spell: Spell | None = None
) -> EncodedText:
    """Encodes sentences in memory.

    Args:
        sentences: Each a list of tokens; an empty one stays, as a sentence of no tokens.
        max_characters: W.
        spell: What the token encoder reads of words, a row for each; None: the characters of
            :func:`elmo_cli.text.characters.character_table`.

    Example:
        >>> text = encode([["the", "end"], ["the"]], Vocabulary(["<S>", "</S>", "<UNK>", "the"]), 50)
        >>> text.tokens_N.tolist(), text.starts.tolist(), text.lexicon[4]
        ([3, 4, 3], [0, 2, 3], 'end')
    """
    encoder = TextEncoder(vocabulary)
    for sentence in sentences:
        encoder.add(sentence)
    return encoder.finish(max_characters, spell=spell)


class TextEncoder:
    """Encodes sentences in memory as they come; see :func:`encode`.

    Args:
        vocabulary: The first words of the lexicon.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._lexicon = GrowingLexicon(vocabulary.ids)
        self._tokens = array("I")
        self._ends = array("q", [0])

    @property
    def num_tokens(self) -> int:
        """Tokens taken so far."""
        return len(self._tokens)

    def add(self, sentence: Sequence[str]) -> None:
        """Takes the next sentence; one without tokens stays, as such."""
        self._tokens.extend(map(self._lexicon.__getitem__, sentence))
        self._ends.append(len(self._tokens))

    def finish(self, max_characters: int, *, spell: Spell | None = None) -> EncodedText:
        """The text so far; arguments as in :func:`encode`."""
        words = list(self._lexicon)
        return EncodedText(
            vocabulary=self._vocabulary,
            tokens_N=np.array(self._tokens, dtype=np.uint32),
            starts=np.array(self._ends, dtype=np.int64),
            chars_UW=character_table(words, max_characters) if spell is None else spell(words),
            lexicon=words,
        )


def open_store(store_dir: Path, *, check: bool = True) -> EncodedText:
    """Maps a corpus store into memory.

    Args:
        check: Whether every file is compared with its hash, which takes about a second per gigabyte.

    Raises:
        TextError: It is not a corpus store, has another format version, or is damaged.
    """
    meta = read_meta(store_dir)
    try:
        num_tokens, num_sentences = int(meta["tokens"]), int(meta["sentences"])
        types, max_characters = int(meta["types"]), int(meta["max_characters"])
        files = {str(name): (int(file["size"]), str(file["sha256"])) for name, file in meta["files"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TextError(f"{store_dir / META}: damaged: {error!r}", hint=_REBUILD) from error
    _check_files(store_dir, files, hashes=check)
    return EncodedText(
        vocabulary=Vocabulary.read(store_dir / VOCABULARY, require_specials=False),
        tokens_N=_mapped(store_dir / TOKENS, "<u4", (num_tokens,)),
        starts=_mapped(store_dir / SENTENCES, "<i8", (num_sentences + 1,)),
        chars_UW=_mapped(store_dir / CHARACTERS, "<u2", (types, max_characters)),
        lexicon=LexiconFile(store_dir / LEXICON, types),
    )


def store_is_current(
    store_dir: Path, shards: Sequence[Path], vocabulary: Vocabulary, max_characters: int, max_types: int = MOST_TYPES
) -> bool:
    """Whether a store was built from just these files (name, size and hash), this vocabulary, W and bound."""
    try:
        meta = read_meta(store_dir)
    except TextError:
        return False
    made_from = (meta.get("vocabulary_sha256"), meta.get("max_characters"), meta.get("max_types"))
    if made_from != (vocabulary.sha256, max_characters, max_types):
        return False
    recorded = meta.get("sources")
    sources: list[dict[str, Any]] = [{"name": shard.name, "size": size_of(shard)} for shard in shards]
    if not isinstance(recorded, list) or [_name_and_size(source) for source in recorded] != sources:
        return False
    return [source.get("sha256") for source in recorded] == hashes_of(shards)


def is_store(path: Path) -> bool:
    """Whether a folder looks like a corpus store."""
    return (path / META).is_file() and (path / TOKENS).is_file()


def write_types(folder: Path, words: Sequence[str], max_characters: int) -> None:
    """Writes the character table of the lexicon, a bounded number of rows at a time."""
    with (folder / CHARACTERS).open("wb") as file:
        for begin in range(0, len(words), TABLE_ROWS):
            table_UW = character_table(words[begin : begin + TABLE_ROWS], max_characters)
            file.write(table_UW.astype("<u2").tobytes())


def write_meta(folder: Path, meta: Mapping[str, Any], known: Mapping[str, str] | None = None) -> None:
    """Writes what a store says of itself, the hashes of its files and its own included; it makes the store complete.

    Args:
        known: Hashes that were taken already, by the names of the files.
    """
    names = [TOKENS, SENTENCES, LEXICON, CHARACTERS, VOCABULARY, counts_beside(Path(VOCABULARY)).name]
    paths = [folder / name for name in names if (folder / name).is_file()]
    left = [path for path in paths if path.name not in (known or {})]
    hashes = {**(known or {}), **{path.name: digest for path, digest in zip(left, hashes_of(left), strict=True)}}
    files = {path.name: {"size": path.stat().st_size, "sha256": hashes[path.name]} for path in paths}
    write_text(folder / META, _signed({"format": FORMAT, **meta, "files": files}))


def read_meta(store_dir: Path) -> dict[str, Any]:
    """What a store says of itself.

    Raises:
        TextError: It is not a corpus store, has another format version, or its description is damaged.
    """
    path = store_dir / META
    try:
        text = path.read_bytes().decode()
        meta = json.loads(text)
    except OSError as error:
        raise TextError(f"{store_dir}: not a corpus store: no readable {META}", hint=_REBUILD) from error
    except ValueError as error:
        raise TextError(f"{path}: not JSON: {error}", hint=_REBUILD) from error
    if not isinstance(meta, dict) or "format" not in meta:
        raise TextError(f"{path}: has no format version", hint=_REBUILD)
    if meta["format"] != FORMAT:
        raise TextError(
            f"{store_dir}: a corpus store of format {meta['format']}; this version reads format {FORMAT}",
            hint=_REBUILD,
        )
    signature = meta.pop("sha256", None)
    if _signed(meta) != text:
        raise TextError(f"{path}: damaged: its content does not have the hash {signature} that it names", hint=_REBUILD)
    return meta


def hashes_of(paths: Sequence[Path], stopped: Event | None = None) -> list[str]:
    """The SHA-256 of every file, several at a time.

    Args:
        stopped: Set by another thread that needs them no more; what comes then means nothing.
    """

    def hashed(path: Path) -> str:
        digest = hashlib.sha256()
        piece = memoryview(bytearray(HASHED))  # one for all: fresh memory costs as much as half of the hashing
        with path.open("rb", buffering=0) as stream:
            while not (stopped and stopped.is_set()) and (size := stream.readinto(piece)):
                digest.update(piece[:size])
        return digest.hexdigest()

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(hashed, paths))


_REBUILD = "delete the store's folder; it is built again from the text"


def _signed(meta: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(meta).encode()).hexdigest()
    return json.dumps({**meta, "sha256": digest}, indent=2) + "\n"


def _check_files(store_dir: Path, files: Mapping[str, tuple[int, str]], *, hashes: bool) -> None:
    for name, (expected, _) in files.items():
        path = store_dir / name
        found = path.stat().st_size if path.is_file() else None
        if found != expected:
            size = "missing" if found is None else f"{found:,} bytes"
            raise TextError(f"{path}: {size}, expected {expected:,} bytes", hint=_REBUILD)
    if hashes:
        paths = [store_dir / name for name in files]
        for path, digest in zip(paths, hashes_of(paths), strict=True):
            if digest != files[path.name][1]:
                raise TextError(f"{path}: damaged: SHA-256 {digest}, expected {files[path.name][1]}", hint=_REBUILD)


def _name_and_size(source: Any) -> dict[str, Any]:
    return {"name": source.get("name"), "size": source.get("size")} if isinstance(source, dict) else {}


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    expected = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if path.stat().st_size != expected:
        raise TextError(f"{path}: {path.stat().st_size:,} bytes, expected {expected:,} bytes", hint=_REBUILD)
    if expected == 0:
        return np.zeros(shape, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=shape)
