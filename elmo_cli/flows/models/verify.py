"""``elmo verify``: all that is wrong with a model, in one run."""

import re
import zipfile
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from elmo_cli.config import ModelConfig
from elmo_cli.errors import ElmoError
from elmo_cli.flows.model_results import Problem, VerifyResult
from elmo_cli.flows.models.loaded import unpacked_vocabulary
from elmo_cli.flows.reports import Progress, Reports
from elmo_cli.formats.content import Content, Source, read_bytes, size_of, unpacked
from elmo_cli.formats.download import is_address
from elmo_cli.formats.hdf5 import find_problems
from elmo_cli.formats.json_object import read_object
from elmo_cli.formats.model_files import LARGEST_INFO, LARGEST_VOCABULARY, start_state_shapes
from elmo_cli.formats.model_folder import (
    INFO,
    PIECES,
    START_STATE,
    find_model,
    find_options,
    find_softmax,
    find_vocabulary,
    find_weights,
)
from elmo_cli.formats.model_pack import pack_parts
from elmo_cli.formats.model_source import is_other_form, open_model, unfolded
from elmo_cli.formats.options import read_options
from elmo_cli.formats.problems import ListedModelError
from elmo_cli.formats.weights import find_softmax_problems, find_weights_problems
from elmo_cli.formats.zip_members import open_zip
from elmo_cli.text.pieces import load_pieces
from elmo_cli.text.vocabulary import SKIPPED_LINE, SPECIALS, Vocabulary, counts_beside

SHOWN = 5
"""Lines of a vocabulary that one problem names."""

T = TypeVar("T")
Parts = dict[str, Source]
"""The files of a model by what they are: ``options``, ``weights``, ``softmax``, ``start_state``, ``vocabulary``, ..."""


def verify(model_dir: Path) -> Reports:
    """Checks every part of a model and lists all that is wrong, where loading would stop at the first file.

    Folders and zip archives are looked into part by part; of other containers the reader's own list is given.

    Args:
        model_dir: A model in any container.

    Returns:
        Reports, the last of them a :class:`~elmo_cli.flows.model_results.VerifyResult`.

    Raises:
        ElmoError: There is no model at all.
    """
    check = _Check(model_dir)
    place = check.place
    if is_address(place) or is_other_form(model_dir) or (model_dir.is_file() and not _is_pack(model_dir)):
        stages = check.whole()
    else:
        stages = check.parts()
    for done, stage in enumerate(stages):
        yield Progress(stage=f"checking {stage}", done=done, total=None, unit="files")
    yield VerifyResult(
        path=place,
        sound=not check.problems and not check.not_checked,
        problems=check.problems,
        checked=check.checked,
        not_checked=check.not_checked,
    )


class _Check:
    """What is known of a model so far; every step goes on whatever the one before found."""

    def __init__(self, path: Path) -> None:
        self.path, self.place = path, str(unfolded(path))
        self.problems: list[Problem] = []
        self.checked: list[str] = []
        self.not_checked: list[str] = []

    def whole(self) -> Iterator[str]:
        yield self.place
        files = self._try(self.place, lambda: open_model(self.place))
        self.checked.append(self.place)
        if files is not None and files.vocabulary_place is not None:
            yield str(files.vocabulary_place)
            needs = files.softmax is not None or files.config.char_cnn is None
            self._vocabulary(files.vocabulary_place, files.counts_place, files.vocabulary_size, needs)

    def parts(self) -> Iterator[str]:
        parts = self._pack() if self.path.is_file() else self._folder(find_model(self.path))
        config: ModelConfig | None = None
        V: int | None = None
        if "options" in parts:
            yield str(parts["options"])
            read = self._try(str(parts["options"]), lambda: read_options(parts["options"]))
            self.checked.append(str(parts["options"]))
            if read is not None:
                config, V = read[0], read[1].get("n_tokens_vocab")
        if config is None:
            self.not_checked += [str(parts[part]) for part in ("weights", "softmax", "start_state") if part in parts]
        else:
            V = yield from self._numbers(parts, config, V)
        if "info" in parts:
            self._try(str(parts["info"]), lambda: read_object(parts["info"], largest=LARGEST_INFO))
            self.checked.append(str(parts["info"]))
        if "pieces" in parts:
            self._try(str(parts["pieces"]), lambda: load_pieces(read_bytes(parts["pieces"]), str(parts["pieces"])))
            self.checked.append(str(parts["pieces"]))
        if "vocabulary" in parts:
            yield str(parts["vocabulary"])
            self._vocabulary(parts["vocabulary"], parts.get("counts"), V, V is not None)
        elif V is not None and config is not None:
            self._add(str(self.path), f"vocab.txt: missing, and the model predicts or reads {V:,} words")

    def _numbers(self, parts: Parts, config: ModelConfig, V: int | None) -> Generator[str, None, int | None]:
        """Weights, softmax and start state; returns V where a softmax or a word table decides it."""
        decided = V if config.char_cnn is None or "softmax" in parts else None
        softmaxes = []
        finders: dict[str, Callable[[Source], tuple[list[str], int | None]]] = {
            "weights": lambda place: find_weights_problems(place, config, V),
            "softmax": lambda place: find_softmax_problems(place, V, config.lstm.projection_dim),
        }
        for part, finder in finders.items():
            if part not in parts:
                continue
            place = parts[part]
            yield str(place)
            found = self._try(str(place), partial(finder, place))
            self.checked.append(str(place))
            if found is not None:
                for problem in found[0]:
                    self._add(str(place), problem)
                if found[1] is not None:
                    softmaxes.append(place)
                    decided = found[1]
        if len(softmaxes) > 1:
            self._add(str(softmaxes[0]), f"softmax: superfluous: {softmaxes[1]} has one too")
        if "start_state" in parts:
            place = parts["start_state"]
            yield str(place)
            state = self._try(str(place), lambda: find_problems(place, start_state_shapes(config)))
            self.checked.append(str(place))
            for problem in state[0] if state is not None else []:
                self._add(str(place), problem)
        return decided

    def _folder(self, folder: Path) -> Parts:
        parts: Parts = {}
        finders: dict[str, Callable[[Path], Path | None]] = {
            "options": find_options,
            "weights": find_weights,
            "softmax": find_softmax,
            "vocabulary": find_vocabulary,
        }
        for part, finder in finders.items():
            found = self._try(str(folder), partial(finder, folder))
            if found is not None:
                parts[part] = found
        for part, name in (("start_state", START_STATE), ("info", INFO), ("pieces", PIECES)):
            if (folder / name).exists():
                parts[part] = folder / name
        vocabulary = parts.get("vocabulary")
        if isinstance(vocabulary, Path) and counts_beside(vocabulary).is_file():
            parts["counts"] = counts_beside(vocabulary)
        return parts

    def _pack(self) -> Parts:
        parts = self._try(str(self.path), lambda: pack_parts(self.path))
        self.checked.append(str(self.path))
        return {} if parts is None else {name: part for name, part in vars(parts).items() if part is not None}

    def _vocabulary(self, place: Source, counts: Source | None, V: int | None, needs_specials: bool) -> None:
        self.checked.append(str(place))
        if str(place).endswith(".gz"):
            plain = self._try(str(place), lambda: unpacked(place, largest=LARGEST_VOCABULARY))
            if plain is None:
                return
            place = plain
        before = len(self.problems)
        for problem in _vocabulary_problems(place, V, needs_specials):
            self._add(str(place), problem)
        if len(self.problems) == before and counts is not None:
            self.checked.append(str(counts))
            vocabulary = self._try(str(counts), lambda: _counted(place, counts))
            if vocabulary is not None and (unsorted := vocabulary.out_of_order()):
                self._add(str(place), unsorted)

    def _try(self, place: str, step: Callable[[], T]) -> T | None:
        """What a step gives; None where it fails, and then everything that it complains of is a problem."""
        try:
            return step()
        except ListedModelError as error:
            for problem in error.problems:
                self._add(error.place, problem)
        except ElmoError as error:
            self._add(place, error.message.removeprefix(f"{place}: "))
        return None

    def _add(self, file: str, problem: str) -> None:
        self.problems.append(Problem(file=file, problem=problem))


def _is_pack(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    try:
        with open_zip(path) as archive:
            return not any(name.endswith("/data.pkl") for name in archive.names)
    except ElmoError:
        return True  # and reading it will say what is wrong


def _vocabulary_problems(place: Path | Content, V: int | None, needs_specials: bool) -> Iterator[str]:
    """All that is wrong with the lines of a vocabulary."""
    try:
        if size_of(place) > LARGEST_VOCABULARY:
            yield f"expected at most {LARGEST_VOCABULARY:,} bytes, found {size_of(place):,}"
            return
        text = read_bytes(place).decode("utf-8-sig")
    except OSError as error:
        yield f"cannot be read: {error.strerror or error}"
        return
    except UnicodeDecodeError as error:
        yield f"expected UTF-8: {error}"
        return
    first: dict[str, int] = {}
    blank, repeated = [], []
    for line, word in enumerate(map(str.strip, re.split(r"\r\n|\r|\n", re.sub(r"(\r\n|\r|\n)\Z", "", text))), start=1):
        if not word:
            blank.append(str(line))
        elif word != SKIPPED_LINE and first.setdefault(word, line) != line:
            repeated.append(f"line {line} {word!r} (first in line {first[word]})")
    if blank:
        yield f"blank lines: {_some(blank)}; expected one word a line"
    if repeated:
        yield f"repeated words: {_some(repeated)}"
    missing = [special for special in SPECIALS if special not in first]
    if needs_specials and missing:
        yield f"{' and '.join(missing)} missing; a vocabulary needs the lines {', '.join(SPECIALS)}"
    if V is not None and len(first) != V:
        yield f"expected {V:,} words, as the model has, found {len(first):,}"


def _counted(place: Source, counts: Source) -> Vocabulary:
    if isinstance(place, Content):
        assert isinstance(counts, Content), "words and counts are members of one archive"
        return unpacked_vocabulary(place, counts, require_specials=False)
    return Vocabulary.read(place, require_specials=False)


def _some(found: list[str]) -> str:
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
