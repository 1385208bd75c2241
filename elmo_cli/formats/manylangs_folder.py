"""Models of ELMoForManyLangs (HIT-SCIR): ``token_embedder.pkl``, ``encoder.pkl``, their lists and ``config.json``.

The lists are ``char.dic`` and ``word.dic``. The architecture stands in a file that ``config.json`` names by its place
on the disk of whoever trained the model, and that many downloads lack; then it is taken from the tensors.
"""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from elmo_cli.config import ModelConfig, OwnListsConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats.allennlp_checkpoint import ASSUMED
from elmo_cli.formats.content import Source, size_of
from elmo_cli.formats.hdf5 import not_finite
from elmo_cli.formats.manylangs_config import CONFIG, choose_architecture, named_architecture, read_architecture
from elmo_cli.formats.manylangs_lists import CHARACTER_SPECIALS, WORD_SPECIALS, read_list
from elmo_cli.formats.manylangs_names import (
    CHARACTERS,
    WORDS,
    Architecture,
    deduce_architecture,
    expected_stack,
    expected_tokens,
    to_datasets,
)
from elmo_cli.formats.model_files import LARGEST_VOCABULARY as LARGEST_LIST
from elmo_cli.formats.model_files import ModelFiles, TokenLists, start_state_shapes
from elmo_cli.formats.options import LARGEST_FILE
from elmo_cli.formats.problems import ListedModelError, require_none
from elmo_cli.formats.state_dict import claimed_bytes, misfits, read_state_dict
from elmo_cli.formats.zip_members import open_zip

TOKENS, STACK = "token_embedder.pkl", "encoder.pkl"
CHARACTER_LIST, WORD_LIST = "char.dic", "word.dic"
LARGEST_STATE = 1 << 35
"""Bytes that a packed state dict may have."""
STARTS = "zeros, as in a fresh Embedder of ELMoForManyLangs"

_HINT = "the files of a model belong together: take all from one download (vectors.nlpl.eu has them)"
_MARKS = (TOKENS, STACK, CHARACTER_LIST)
"""Any of them makes a folder or archive one of this form."""
_ROWS = {WORDS: WORD_LIST, CHARACTERS: CHARACTER_LIST}

T = TypeVar("T")


def is_manylangs(path: Path) -> bool:
    """Whether a folder or zip archive holds a model in this form, or what is left of one."""
    if path.is_file():
        return bool(_packed(path))
    return any((path / name).is_file() for name in _MARKS) and not any(path.glob("*options.json"))


def read_manylangs(path: Path) -> ModelFiles:
    """Reads a model of ELMoForManyLangs, each file checked against the others; nothing beside them is opened.

    Sentences start from zeros, which the recorded start state says: a fresh ``Embedder`` there begins so, and only what
    it computes before it has carried any state can be had twice.

    Args:
        path: Its folder, or a zip archive with the files at its top or in one folder, as vectors.nlpl.eu has them.

    Raises:
        ListedModelError: All that is wrong with the files.
        ModelError: It is no sound archive.
    """
    if path.is_dir():
        return _Reader(path, {file.name: file for file in path.iterdir() if file.is_file()}).read()
    return _Reader(path, _unpacked(path)).read()


def _packed(path: Path) -> list[str]:
    """The members of an archive that make it one of this form; none of any other file."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return []
    return sorted(name for name in names if name.count("/") <= 1 and name.split("/")[-1] in _MARKS)


def _unpacked(path: Path) -> dict[str, Source]:
    """The model's files in an archive, by name."""
    folders = {name.rpartition("/")[0] for name in _packed(path)}
    if len(folders) != 1:
        raise ModelError(
            f"{path}: expected one model, found {len(folders)}", hint="unpack it and give a model's folder"
        )
    prefix = "".join(f"{folder}/" for folder in folders if folder)
    largest = {TOKENS: LARGEST_STATE, STACK: LARGEST_STATE, CHARACTER_LIST: LARGEST_LIST, WORD_LIST: LARGEST_LIST}
    with open_zip(path) as archive:
        own = (name.removeprefix(prefix) for name in archive.names if name.startswith(prefix))
        return {
            name: archive.read(prefix + name, largest=largest.get(name, LARGEST_FILE))
            for name in own
            if name in largest or (name.endswith(".json") and "/" not in name)
        }


class _Reader:
    """Reads what can be read, and collects what is wrong."""

    def __init__(self, place: Path, files: dict[str, Source]) -> None:
        self.place = place
        self.files = files
        self.problems: list[str] = []
        self.info: dict[str, Any] = {"container": "ELMoForManyLangs", "sentences_start": STARTS}

    def read(self) -> ModelFiles:
        named = self._part(CONFIG, named_architecture)
        tokens, stack = (self._part(name, _read_tensors) for name in (TOKENS, STACK))
        built = self._architecture(named, tokens, stack)
        characters = words = None
        if built is None or built.char_cnn is not None:
            characters = self._part(CHARACTER_LIST, lambda source: read_list(source, CHARACTER_SPECIALS))
        if built is None or built.word_dim:
            words = self._part(WORD_LIST, lambda source: read_list(source, WORD_SPECIALS))
        if built is not None:
            self._compare(built, tokens, stack, {CHARACTERS: characters, WORDS: words})
        require_none(self.place, self.problems, hint=_HINT)
        assert built is not None and tokens is not None and stack is not None, "else there was a problem"
        arrays = _arrays(tokens) | _arrays(stack)
        for held in (tokens, stack, self.files):
            held.clear()  # all but the arrays, which go one by one
        lists = TokenLists(characters=characters, words=words, max_characters=built.max_characters)
        config = _config(built, lists)
        c, m = (np.zeros(shape, np.float32) for shape in start_state_shapes(config).values())
        return ModelFiles(
            config=config, weights=to_datasets(arrays, config), start_state=(c, m), lists=lists, info=self.info
        )

    def _architecture(
        self, named: str | None, tokens: dict[str, Any] | None, stack: dict[str, Any] | None
    ) -> Architecture | None:
        source = choose_architecture(named or "", self.files)
        if source is not None:
            name = next(name for name, file in self.files.items() if file is source)
            self.info["architecture"] = name
            return self._try(name, lambda: read_architecture(source))
        if tokens is None or stack is None:
            return None
        if named is not None:
            self.info["architecture"] = f"told by the tensors; {named} is not beside them"
        self.info["assumed"] = ASSUMED
        return self._try(TOKENS, lambda: deduce_architecture(_shapes(tokens), _shapes(stack)))

    def _compare(
        self,
        built: Architecture,
        tokens: dict[str, Any] | None,
        stack: dict[str, Any] | None,
        lists: Mapping[str, dict[str, int] | None],
    ) -> None:
        """Tensors with the architecture, and the lists with the tables."""
        if tokens is not None:
            rows = {name: tokens[name].shape[0] if name in tokens and tokens[name].dim() else 1 for name in _ROWS}
            expected = expected_tokens(built, rows[CHARACTERS], rows[WORDS])
            self._tensors(TOKENS, tokens, expected)
            for name, file in _ROWS.items():
                ids = lists[name]
                if name in expected and ids and len(ids) != rows[name]:
                    wanted = f"expected {rows[name]:,} tokens, as {TOKENS} has rows"
                    self.problems.append(f"{file}: {wanted}, found {len(ids):,}")
        if stack is not None:
            self._tensors(STACK, stack, expected_stack(built.lstm))

    def _tensors(self, name: str, tensors: dict[str, Any], expected: Mapping[str, tuple[int, ...]]) -> None:
        wrong = list(misfits(tensors, expected, "a model"))
        if not wrong:
            wrong = [f"{key}: {odd}" for key, array in _arrays(tensors).items() if (odd := not_finite(array))]
        self.problems += [f"{name}: {problem}" for problem in wrong]

    def _part(self, name: str, read: Callable[[Source], T]) -> T | None:
        if name not in self.files:
            self.problems.append(f"{name}: missing")
            return None
        return self._try(name, lambda: read(self.files[name]))

    def _try(self, name: str, step: Callable[[], T]) -> T | None:
        """What a step gives; None where it fails, and then everything that it complains of is a problem."""
        try:
            return step()
        except ListedModelError as error:
            self.problems += [f"{name}: {problem}" for problem in error.problems]
        except ModelError as error:
            place = str(self.files.get(name, ""))
            self.problems.append(f"{name}: {error.message.removeprefix(f'{place}: ')}")
        return None


def _config(built: Architecture, lists: TokenLists) -> ModelConfig:
    characters = lists.characters or {}
    own_lists = OwnListsConfig(
        characters=len(characters),
        padding=characters.get("<pad>", 0),
        words=len(lists.words or ()),
        word_dim=built.word_dim,
    )
    return ModelConfig(char_cnn=built.char_cnn, own_lists=own_lists, lstm=built.lstm)


def _read_tensors(source: Source) -> dict[str, Any]:
    tensors = read_state_dict(source)
    claimed, size = claimed_bytes(tensors), size_of(source)
    if claimed > size:
        raise ModelError(f"{source}: expected at most its own {size:,} bytes of values, found tensors of {claimed:,}")
    return tensors


def _shapes(tensors: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _arrays(tensors: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: tensor.detach().resolve_neg().numpy() for name, tensor in tensors.items()}
