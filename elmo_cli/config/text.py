"""From raw text to the classes of the softmax."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from elmo_cli.config.checks import require


def _one_of(name: str, value: str, *choices: str) -> tuple[bool, str]:
    return value in choices, f"{name} must be {', '.join(choices[:-1])} or {choices[-1]}: {value!r}"


@dataclass(frozen=True, kw_only=True)
class InputConfig:
    """How the files of a text are read, before anything is cut. It is no property of the model."""

    format: str = "auto"
    """``text`` (a line is a paragraph), ``jsonl``, ``csv``, ``tsv``, ``conllu``, ``tagged`` (``token<TAB>tag``, blank
    lines between sentences); ``auto`` goes by the file's name, a compression ending left aside."""
    field: str = "text"
    """Which field of a JSON line, or which column (its name, or its number from 1), has the text."""
    id_field: str | None = None
    """The same for what a record is called in the user's data; of CoNLL-U the comment that has it, ``sent_id``. Only
    files of vectors keep it."""
    encoding: str = "utf-8"
    """Name of the text's encoding, as Python knows it."""
    decode_errors: str = "strict"
    """What to do with bytes that are not in the encoding: ``strict`` stops with file and line, ``replace`` puts U+FFFD,
    ``skip`` leaves the line out and counts it."""
    documents: str = "auto"
    """Where a document ends: ``file``, ``blank-line``, ``record`` (a JSON line, a row) or ``line``; ``auto``: records
    where there are records, else files."""

    def __post_init__(self) -> None:
        require(
            "input",
            _one_of("format", self.format, "auto", "text", "jsonl", "csv", "tsv", "conllu", "tagged"),
            _one_of("decode_errors", self.decode_errors, "strict", "replace", "skip"),
            _one_of("documents", self.documents, "auto", "file", "blank-line", "record", "line"),
            (self.field != "", "field must name a field or column"),
            (self.id_field != "", "id_field must name a field, column or comment"),
            (
                _known_encoding(self.encoding),
                f"encoding is not one that Python knows: {self.encoding!r} (it knows latin-1, windows-1252, koi8-r, "
                "utf-16-le, gb18030, shift_jis and many more)",
            ),
        )

    @property
    def has_header(self) -> bool:
        """Whether the first row of a table has the columns' names."""
        return not self.field.isdecimal() or (self.id_field is not None and not self.id_field.isdecimal())


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """How text becomes tokens; recorded in the model, so that ``eval`` and ``embed`` repeat it."""

    tokenizer: str = "words"
    """``words`` splits raw text into sentences and words, ``sentencepiece`` into sentences and pieces of a learned
    inventory, ``whitespace`` cuts a line (one sentence) at spaces."""
    language: str = "en"
    """ISO 639 code whose sentence rules are followed."""
    normalization: str = "auto"
    """Unicode normal form that text is brought to first: ``nfc``, ``nfkc`` or ``none``. ``auto`` is ``nfc`` for raw
    text and ``none`` for ``whitespace``, whose tokens are somebody's already."""
    lowercase: bool = False
    """Whether all letters are made small."""
    zero_digits: bool = False
    """Whether every decimal digit becomes 0."""

    def __post_init__(self) -> None:
        require(
            "text",
            _one_of("tokenizer", self.tokenizer, "words", "whitespace", "sentencepiece"),
            _one_of("normalization", self.normalization, "auto", "nfc", "nfkc", "none"),
            (self.language.isascii() and self.language != "", f"language must be an ISO 639 code: {self.language!r}"),
        )

    @property
    def normal_form(self) -> str:
        """``nfc``, ``nfkc`` or ``none``: what ``normalization`` comes to."""
        if self.normalization != "auto":
            return self.normalization
        return "none" if self.tokenizer == "whitespace" else "nfc"

    def settled(self) -> "TextConfig":
        """The same settings with nothing left open, as they are recorded: another tokenizer must not change them."""
        return replace(self, normalization=self.normal_form)

    @classmethod
    def recorded(cls, values: Mapping[str, Any]) -> "TextConfig":
        """The settings that a corpus or a model was made with.

        Fields that were recorded before there was normalisation, or by another program, mean ``none``; fields that
        this version does not know are passed over; nothing at all means text that is tokenised.

        Example:
            >>> TextConfig.recorded({"tokenizer": "words", "language": "de"}).normalization
            'none'
        """
        known = {field.name for field in fields(cls)}
        unrecorded = {"tokenizer": "whitespace", "normalization": "none"}
        return cls(**unrecorded | {name: value for name, value in values.items() if name in known})


@dataclass(frozen=True, kw_only=True)
class PiecesConfig:
    """How the inventory of ``sentencepiece`` is learned, where none is given."""

    size: int = 16_000
    """Pieces at most."""
    algorithm: str = "unigram"
    """``unigram`` or ``bpe``."""
    character_coverage: float = 0.9995
    """Share of the text's characters that pieces spell; the rarest ones beyond it become pieces of no inventory."""
    sample_sentences: int = 300_000
    """Sentences it is learned from at most. 335,000 of English books take ``unigram`` a minute and 0.9 GB."""

    def __post_init__(self) -> None:
        require(
            "pieces",
            (self.size >= 8, f"size must be at least 8, not {self.size}"),
            _one_of("algorithm", self.algorithm, "unigram", "bpe"),
            (
                0.98 <= self.character_coverage <= 1,
                f"character_coverage must be from 0.98 to 1, not {self.character_coverage}",
            ),
            (self.sample_sentences >= 1, f"sample_sentences must be at least 1, not {self.sample_sentences}"),
        )


@dataclass(frozen=True, kw_only=True)
class CleaningConfig:
    """Which sentences are left out of a corpus. Every rule is off until it is asked for."""

    deduplicate: bool = False
    """Whether a sentence that has the same tokens as an earlier one is dropped."""
    min_tokens: int = 1
    """Shorter sentences are dropped."""
    max_tokens: int | None = None
    """Longer sentences are dropped."""
    max_non_letters: float | None = None
    """Sentences are dropped where a larger share of the characters, spaces aside, is neither letter nor mark."""

    def __post_init__(self) -> None:
        require(
            "cleaning",
            (self.min_tokens >= 1, f"min_tokens must be at least 1, not {self.min_tokens}"),
            (
                self.max_tokens is None or self.max_tokens >= self.min_tokens,
                f"max_tokens must be at least min_tokens ({self.min_tokens}), not {self.max_tokens}",
            ),
            (
                self.max_non_letters is None or 0 <= self.max_non_letters <= 1,
                f"max_non_letters must be a share from 0 to 1, not {self.max_non_letters}",
            ),
        )


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """What is kept apart from training, and in which order and files the rest stands."""

    held_out: float = 0.02
    """Share kept apart for validation; 0 keeps none."""
    test: float = 0.0
    """Share kept apart for testing; 0 keeps none."""
    by: str = "sentence"
    """What is dealt out: ``sentence``, or ``document``, so that no document has sentences in two splits."""
    shuffle: bool = False
    """Whether the sentences of every split are put into a random order."""
    shard_sentences: int = 100_000
    """Sentences to a training file, about."""
    seed: int = 1
    """Decides who goes where."""

    def __post_init__(self) -> None:
        require(
            "split",
            (0 <= self.held_out < 0.5, f"held_out must be a share from 0 to below 0.5, not {self.held_out}"),
            (0 <= self.test < 0.5, f"test must be a share from 0 to below 0.5, not {self.test}"),
            (
                self.held_out + self.test <= 0.9,
                f"held_out and test must leave a tenth for training, not take {self.held_out + self.test:g}",
            ),
            _one_of("by", self.by, "sentence", "document"),
            (self.shard_sentences >= 1, f"shard_sentences must be at least 1, not {self.shard_sentences}"),
            (0 <= self.seed < 2**63, f"seed must be from 0 to 2^63 - 1, not {self.seed}"),
        )


@dataclass(frozen=True, kw_only=True)
class VocabularyConfig:
    """Which words become classes of the softmax."""

    size: int = 800_000
    """V at most, the three special tokens included."""
    min_count: int | None = None
    """Words seen less often become ``<UNK>`` as a target; at the input they are still spelled from their bytes. None:
    2, and 1 for the pieces of ``sentencepiece``, which were chosen to be an inventory."""
    max_types: int = 20_000_000
    """Distinct words held at a time. When counting, past it the rarest are forgotten, and the report says how many; the
    lexicon of a corpus store reads words that come up past it as ``<UNK>``."""

    def __post_init__(self) -> None:
        require(
            "vocabulary",
            (self.size >= 4, f"size must be at least 4 (three specials and a word), not {self.size}"),
            (
                self.min_count is None or self.min_count >= 1,
                f"min_count must be at least 1, not {self.min_count}",
            ),
            (self.max_types >= 1_000, f"max_types must be at least 1,000, not {self.max_types}"),
        )

    @property
    def least_count(self) -> int:
        """``min_count`` as a number."""
        return 2 if self.min_count is None else self.min_count

    def settled(self, text: TextConfig) -> "VocabularyConfig":
        """The same with what is left open decided for text that was cut so."""
        pieces = text.tokenizer == "sentencepiece"
        return replace(self, min_count=1) if self.min_count is None and pieces else self


def _known_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
        b"a".decode(name)
    except UnicodeError:
        return True  # such as UTF-16, where one byte is no character
    except (LookupError, ValueError):
        return False  # no codec, or one between bytes and bytes
    return True
