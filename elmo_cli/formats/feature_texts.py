"""The text of sentences, as the layouts keep it; which of it can be a key."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from elmo_cli.errors import OutputError, TextError
from elmo_cli.formats.feature_form import FeatureForm

LARGEST_MAP = 2**32 - 1
"""Bytes of JSON that ``sentence_to_index`` can have: HDF5 counts the length of a string in four bytes."""
SENTENCES = "sentence_to_index"
"""The name of the map of sentences to keys in AllenNLP's layout."""
ESCAPES = {".": "$period$", "/": "$backslash$"}
"""What stands for what in keys of ELMoForManyLangs; the second name is its own."""
_BESIDE = 25
"""Bytes of JSON that a sentence takes in the map, at most, beside its text."""


class SentenceTexts:
    """What is kept of each sentence's text, and whether its key is free.

    Args:
        path: The file, for messages.
        form: Its layout.
    """

    def __init__(self, path: Path, form: FeatureForm) -> None:
        self._path, self._form = path, form
        self._seen = SeenKeys() if form.layout == "manylangs" else own_keys(form)
        self._map_bytes = 0

    def recover(self, texts: Iterable[bytes]) -> None:
        """Makes up for what a killed writer knew."""
        for text in texts:
            self._map_bytes += len(text) + _BESIDE
            if self._seen is not None and text:
                self._seen.add(journal_key(text))

    def encode(
        self,
        lines: Sequence[int],
        tokens: Sequence[Sequence[str]],
        sentences: Sequence[str | None],
        keys: Sequence[str | None],
    ) -> tuple[list[bytes], list[bool]]:
        """Texts as the journal has them, and whether the vectors of each are left out because its key is taken.

        Raises:
            TextError: A sentence cannot be a key, or is one already.
            OutputError: The text is longer than the layout can have.
        """
        form = self._form
        everything = [False] * len(lines)
        if form.layout == "flat":
            shown = [None] * len(lines) if form.forget_sentences else sentences
            rows = zip(shown, keys, tokens, strict=True)
            return [_json([sentence, key, list(words)]) for sentence, key, words in rows], everything
        if self._seen is not None:
            return self._keys(self._seen, lines, tokens, sentences, keys)
        if form.layout == "bilm" or form.forget_sentences:
            return [b""] * len(lines), everything
        texts = [b"" if sentence is None else _json(sentence) for sentence in sentences]
        self._map_bytes += sum(map(len, texts)) + _BESIDE * len(texts)
        self._check_map()
        return texts, everything

    def _check_map(self) -> None:
        if self._map_bytes > LARGEST_MAP:
            raise OutputError(
                f"{self._path}: {SENTENCES} can have {LARGEST_MAP:,} bytes, and the text is longer",
                hint="leave it out with --forget-sentences, or embed the text in parts",
            )

    def _keys(
        self,
        seen: "SeenKeys",
        lines: Sequence[int],
        tokens: Sequence[Sequence[str]],
        sentences: Sequence[str | None],
        identifiers: Sequence[str | None],
    ) -> tuple[list[bytes], list[bool]]:
        form = self._form
        texts, left_out = [], []
        for line, words, sentence, name in zip(lines, tokens, sentences, identifiers, strict=True):
            key = manylangs_key(words) if form.layout == "manylangs" else sentence or ""
            if form.identifiers:
                key = name or ""
            try:
                new = seen.add(key) if form.layout == "manylangs" else seen.take(key)
            except TextError as error:
                raise TextError(f"line {line + 1}: {error.message}", hint=error.hint) from error
            kept = [key, None if form.forget_sentences else sentence] if form.identifiers else key
            texts.append(_json(kept) if new else b"")
            left_out.append(not new)
        if form.identifiers:
            self._map_bytes += sum(map(len, texts)) + _BESIDE * len(texts)
            self._check_map()
        return texts, left_out


def journal_key(text: bytes) -> str:
    """The key in what :meth:`SentenceTexts.encode` made, where keys are not numbers."""
    found = json.loads(text)
    return found if isinstance(found, str) else found[0]


def manylangs_key(tokens: Sequence[str]) -> str:
    """A sentence's key in ELMoForManyLangs.

    Example:
        >>> manylangs_key(["and", "/", "or", "."])
        'and\\t$backslash$\\tor\\t$period$'
    """
    key = "\t".join(tokens)
    for letter, name in ESCAPES.items():
        key = key.replace(letter, name)
    return key


def key_parts(key: str) -> list[str]:
    """Where HDF5 finds a key: the groups that a ``/`` makes of it, and the dataset's name.

    Example:
        >>> key_parts("1 / 2"), key_parts("a // b"), key_parts(".")
        (['1 ', ' 2'], ['a ', ' b'], [])
    """
    return [part for part in key.split("/") if part not in ("", ".")]


class SeenKeys:
    """Which keys are taken, 16 bytes of each and a little.

    Args:
        what: What the keys are, for messages.
        option: What asks for such keys.
        taken: Keys that nothing else may have.
    """

    def __init__(
        self, what: str = "a sentence", option: str = "--use-sentence-keys", taken: Iterable[str] = ()
    ) -> None:
        self._what, self._option = what, option
        self._whole: set[bytes] = {digest(key) for key in taken}
        self._groups: set[bytes] = set()

    def add(self, key: str) -> bool:
        """Whether a key could be taken: nothing is under its name, and no dataset where it needs a group.

        Raises:
            TextError: HDF5 has no such name.
        """
        parts = key_parts(key)
        if not parts or "\0" in key:
            raise TextError(
                f"expected {self._what} that can be a key in HDF5, found {key!r}",
                hint=f"keys that are line numbers always can: choose --layout allennlp without {self._option}",
            )
        *groups, whole = [digest("/".join(parts[: count + 1])) for count in range(len(parts))]
        if whole in self._whole or whole in self._groups or not self._whole.isdisjoint(groups):
            return False
        self._whole.add(whole)
        self._groups.update(groups)
        return True

    def take(self, key: str) -> bool:
        """Takes a key that has to be free.

        Raises:
            TextError: It is not, or HDF5 has no such name.
        """
        if not self.add(key):
            raise TextError(
                f"expected {self._what} that is no key yet, nor part of one, found {key!r}",
                hint=f"what occurs twice, or is part of another, needs line numbers as keys: leave {self._option} away",
            )
        return True


def own_keys(form: FeatureForm) -> SeenKeys | None:
    """What sees to it that each sentence has a key of its own; None where keys are numbers, or may repeat."""
    if form.identifiers and form.layout == "allennlp":
        return SeenKeys("an identifier", "--id-field", taken=[SENTENCES])
    return SeenKeys() if form.sentence_keys else None


def digest(text: bytes | str) -> bytes:
    """16 bytes that stand for a text."""
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return hashlib.blake2b(content, digest_size=16).digest()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("ascii")
