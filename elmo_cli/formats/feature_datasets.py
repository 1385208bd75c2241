"""HDF5 files with a dataset for every sentence: by AllenNLP, bilm-tf, ELMoForManyLangs, or this tool."""

import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5g, h5l, h5o

from elmo_cli.errors import ModelError
from elmo_cli.formats import hdf5
from elmo_cli.formats.feature_file import FeatureFile, damaged
from elmo_cli.formats.feature_texts import ESCAPES, SENTENCES, key_parts, manylangs_key
from elmo_cli.formats.hdf5_values import mapped_floats, open_dataset

_NUMBER = re.compile(rb"0|[1-9][0-9]{0,17}")
_INFO = b"#info"
"""What forks of ELMoForManyLangs have beside the sentences."""


class NumberedSentences(FeatureFile):
    """Sentences under the numbers of their lines, in the order of the numbers."""

    def __init__(self, path: Path, file: h5py.File, attributes: dict[str, Any], names: list[bytes]) -> None:
        self.path, self._file, self.attributes = path, file, attributes
        self._mapped = np.asarray(np.memmap(path, np.uint8, "r"))
        self.lines = np.sort(np.array([int(name) for name in names if name != SENTENCES.encode()], np.int64))
        self._positions: dict[str, int] | None = None
        self._sentences: dict[int, str] = {}

    def read(self, position: int) -> npt.NDArray:
        """The vectors of the sentence at a position."""
        name = b"%d" % self.lines[position]
        with hdf5.reading(self.path):
            return mapped_floats(self.path, self._file.id, name, self._mapped)

    def sentence(self, position: int) -> str:
        """The text of a sentence; of one that occurs twice, only the last place is known."""
        self._read_map()
        if position not in self._sentences:
            raise _no_text(self.path, f"line {self.lines[position]}")
        return self._sentences[position]

    def find(self, sentence: str) -> int:
        """The position of a sentence by its text."""
        positions = self._read_map()
        if sentence not in positions:
            raise KeyError(f"{self.path} has no sentence {sentence!r}")
        return positions[sentence]

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _read_map(self) -> dict[str, int]:
        if self._positions is not None:
            return self._positions
        try:
            lines = {sentence: int(line) for sentence, line in _read_map(self.path, self._file).items()}
        except ValueError as error:
            raise damaged(self.path, f"{SENTENCES}: expected a JSON object of numbers: {error}") from error
        places = np.searchsorted(self.lines, np.array(list(lines.values()), np.int64)).tolist()
        known = {
            sentence: place
            for (sentence, line), place in zip(lines.items(), places, strict=True)
            if place < len(self.lines) and self.lines[place] == line
        }
        self._positions, self._sentences = known, {place: sentence for sentence, place in known.items()}
        return known


class KeyedSentences(FeatureFile):
    """Sentences under their own text or tokens, in the order in which they stand in the file."""

    def __init__(self, path: Path, file: h5py.File, attributes: dict[str, Any]) -> None:
        self.path, self._file, self.attributes = path, file, attributes
        self._mapped = np.asarray(np.memmap(path, np.uint8, "r"))
        with hdf5.reading(path):
            found = sorted(_below(path, file.id, (), set()))
        self._names = [names for _, names in found if not self._is_beside(names)]
        self.lines = np.arange(len(self._names))
        self._positions = {names: position for position, names in enumerate(self._names)}
        keys = [names[-1] for names in self._names[:1000]]
        self.manylangs = attributes.get("layout") == "manylangs" or (
            "layout" not in attributes and any(b"\t" in key for key in keys)
        )
        """Whether keys are tokens with tabs between them."""

    def read(self, position: int) -> npt.NDArray:
        """The vectors of the sentence at a position."""
        *groups, name = self._names[position]
        with hdf5.reading(self.path):
            group = self._file.id
            for inner in groups:
                group = h5g.open(group, inner)
            return mapped_floats(self.path, group, name, self._mapped)

    def key(self, position: int) -> str:
        """The key of a sentence."""
        return b"/".join(self._names[position]).decode("utf-8", "replace")

    def tokens(self, position: int) -> list[str]:
        """The tokens of a sentence of ELMoForManyLangs; what stood for two letters there cannot be told from words."""
        if not self.manylangs:
            return super().tokens(position)
        key = self.key(position)
        for letter, name in ESCAPES.items():
            key = key.replace(name, letter)
        return key.split("\t")

    def sentence(self, position: int) -> str:
        """The text of a sentence."""
        return " ".join(self.tokens(position)) if self.manylangs else self.key(position)

    def find(self, sentence: str) -> int:
        """The position of a sentence by its text, or by tokens with spaces between them."""
        return self.find_key(manylangs_key(sentence.split()) if self.manylangs else sentence)

    def find_key(self, key: str) -> int:
        """The position of a sentence by its key."""
        names = tuple(part.encode("utf-8", "surrogatepass") for part in key_parts(key))
        if names not in self._positions:
            raise KeyError(f"{self.path} has no sentence {key!r}")
        return self._positions[names]

    def _is_beside(self, names: tuple[bytes, ...]) -> bool:
        """Whether a dataset is no sentence."""
        return False

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class IdentifiedSentences(KeyedSentences):
    """Sentences under names of the user's, in the order in which they stand in the file, with a map of their texts."""

    def __init__(self, path: Path, file: h5py.File, attributes: dict[str, Any]) -> None:
        super().__init__(path, file, attributes)
        self._found: dict[str, int] | None = None
        self._texts: dict[int, str] = {}

    def sentence(self, position: int) -> str:
        """The text of a sentence; of one that occurs twice, only the last place is known."""
        self._read()
        if position not in self._texts:
            raise _no_text(self.path, repr(self.key(position)))
        return self._texts[position]

    def find(self, sentence: str) -> int:
        """The position of a sentence by its text."""
        found = self._read()
        if sentence not in found:
            raise KeyError(f"{self.path} has no sentence {sentence!r}")
        return found[sentence]

    def _read(self) -> dict[str, int]:
        if self._found is None:
            self._found = {text: self.find_key(key) for text, key in _read_map(self.path, self._file).items()}
            self._texts = {position: text for text, position in self._found.items()}
        return self._found

    def _is_beside(self, names: tuple[bytes, ...]) -> bool:
        return names == (SENTENCES.encode(),)


def open_sentences(path: Path, file: h5py.File, attributes: dict[str, Any], names: list[bytes]) -> FeatureFile:
    """A file with a dataset for every sentence, whatever its keys are."""
    if attributes.get("keys") == "identifiers":
        return IdentifiedSentences(path, file, attributes)
    keyed = attributes.get("layout") == "manylangs" or attributes.get("keys") == "sentences"
    numbers = all(_NUMBER.fullmatch(name) or name == SENTENCES.encode() for name in names)
    if numbers and not keyed:
        return NumberedSentences(path, file, attributes, names)
    return KeyedSentences(path, file, attributes)


def _no_text(path: Path, what: str) -> ModelError:
    return ModelError(
        f"{path}: {SENTENCES} has no text for {what}",
        hint="of equal sentences it keeps the last one's key, as AllenNLP's does; --layout flat keeps the text of all",
    )


def _read_map(path: Path, file: h5py.File) -> dict[str, str]:
    """The map of sentences to keys."""
    name = SENTENCES.encode()
    with hdf5.reading(path):
        if name not in file.id:
            raise ModelError(f"{path}: it has no {SENTENCES}", hint="go by position or line number")
        values = h5py.Dataset(open_dataset(path, file.id, name))
        if values.shape != (1,) or h5py.check_string_dtype(values.dtype) is None:
            raise damaged(path, f"{SENTENCES}: expected one string, found {values.dtype} {values.shape}")
        text = values[0]
    try:
        return {str(sentence): str(key) for sentence, key in json.loads(text).items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise damaged(path, f"{SENTENCES}: expected a JSON object of numbers: {error}") from error


def _below(path: Path, group: Any, above: tuple[bytes, ...], seen: set[int]) -> list[tuple[int, tuple[bytes, ...]]]:
    """All datasets, with the address of each: the order in which they were made."""
    found: list[tuple[int, tuple[bytes, ...]]] = []
    for name in group:
        if not above and name == _INFO:
            continue
        if group.links.get_info(name).type != h5l.TYPE_HARD:
            shown = name.decode(errors="backslashreplace")
            raise damaged(path, f"{shown}: expected a dataset in this file, found a link")
        about = h5o.get_info(group, name)
        if about.addr in seen:
            raise damaged(path, f"{name.decode(errors='backslashreplace')}: expected one name for it, found two")
        seen.add(about.addr)
        if about.type == h5o.TYPE_GROUP:
            found += _below(path, h5g.open(group, name), (*above, name), seen)
        else:
            found.append((about.addr, (*above, name)))
    return found
