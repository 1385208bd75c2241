"""What a file of vectors shall be like: layout, container, numbers, compression; and how large it will be."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.errors import ConfigError, OutputError

LAYOUTS = ("allennlp", "bilm", "manylangs", "flat")
FORMATS = ("hdf5", "npy", "safetensors", "parquet")
DTYPES = ("float32", "float16", "bfloat16-rounded")
COMPRESSIONS = ("gzip", "lzf")
FORMAT_VERSION = 1
"""Raised when a reader of the old one would misread the new one."""
GZIP_LEVEL = 4
"""As h5py has it."""
CHUNK_BYTES = 1 << 16
"""Bytes that ``flat`` compresses together, before they are; benchmarks/README.md has the sizes that were tried."""
_PER_SENTENCE = {"allennlp": 260, "bilm": 200, "manylangs": 230, "flat": 40}
"""Bytes that a sentence takes beside its vectors and its text; per layer for ``manylangs``."""
_PER_TOKEN = 36
"""Bytes that ``flat`` takes for a token beside its letters."""
_FIXED = 32_768


@dataclass(frozen=True, kw_only=True)
class FeatureForm:
    """How vectors are laid out. Not every combination exists; the constructor says which do not.

    Args:
        layout: ``allennlp`` (a dataset per line under its number), ``bilm`` (the same without a map of sentences),
            ``manylangs`` (a file per layer, a dataset per sentence under its tokens), ``flat`` (one array of all
            tokens).
        format: What holds it: ``hdf5``; for ``flat`` also ``npy`` (a folder), ``safetensors`` or ``parquet``.
        dtype: ``float32``, ``float16``, or ``bfloat16-rounded``: float32 whose last 16 bits are zero, rounded to the
            nearest, so that every reader reads them and gzip halves them.
        compression: None, ``gzip`` or ``lzf``, each behind a byte shuffle. Parquet takes gzip alone.
        layers: L of vectors (L, n, E); None where they are (n, E).
        width: E.
        sentence_keys: Whether sentences are the keys of ``allennlp``, in the place of numbers.
        forget_sentences: Whether to leave the text of sentences out.
        identifiers: Whether sentences have names of the user's, which are the keys of ``allennlp``, in the place of
            numbers; ``flat`` has them beside the vectors.

    Raises:
        ConfigError: Something is not known, or does not go together.
    """

    layout: str = "allennlp"
    format: str = "hdf5"
    dtype: str = "float32"
    compression: str | None = None
    layers: int | None = 3
    width: int = 1024
    sentence_keys: bool = False
    forget_sentences: bool = False
    identifiers: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("layout", self.layout, LAYOUTS),
            ("format", self.format, FORMATS),
            ("dtype", self.dtype, DTYPES),
            ("compression", self.compression, (None, *COMPRESSIONS)),
        ):
            if value not in known:
                raise ConfigError(f"{name} {value!r}: expected {', '.join(map(str, known))}")
        if self.format != "hdf5" and self.layout != "flat":
            raise ConfigError(
                f"format {self.format} holds layout flat, and not {self.layout}",
                hint=f"give --layout flat --format {self.format}, or --format hdf5",
            )
        if self.compression and (self.format, self.compression) not in (
            ("hdf5", "gzip"),
            ("hdf5", "lzf"),
            ("parquet", "gzip"),
        ):
            raise ConfigError(
                f"format {self.format} is not compressed with {self.compression}",
                hint="leave --compression away, or choose --format hdf5",
            )
        if self.sentence_keys and self.layout != "allennlp":
            raise ConfigError(f"layout {self.layout} has no sentence keys", hint="they belong to --layout allennlp")
        if self.identifiers and (self.layout in ("bilm", "manylangs") or self.sentence_keys):
            raise ConfigError(
                f"layout {self.layout} has no place for identifiers"
                if not self.sentence_keys
                else "sentences and identifiers: expected one of them as keys, found both",
                hint="leave --id-field away, or choose --layout allennlp or flat without --use-sentence-keys",
            )
        if self.layout == "bilm" and self.layers is None:
            raise ConfigError("layout bilm has all layers", hint="leave --layers away, or choose another --layout")

    @property
    def value_type(self) -> np.dtype:
        """How a number is stored."""
        return np.dtype("<f2" if self.dtype == "float16" else "<f4")

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one token in ``flat``."""
        return (self.width,) if self.layers is None else (self.layers, self.width)

    @property
    def token_bytes(self) -> int:
        """Bytes of one token's vectors."""
        return self.value_type.itemsize * self.width * (self.layers or 1)

    @property
    def chunk_tokens(self) -> int:
        """Tokens that ``flat`` compresses together."""
        return max(1, CHUNK_BYTES // self.token_bytes)

    @property
    def streams(self) -> int:
        """How many files vectors go to."""
        return self.layers or 1 if self.layout == "manylangs" else 1

    def paths(self, path: Path, layers: str = "") -> list[Path]:
        """The files that a name stands for: ``manylangs`` makes ``vectors.ly0.hdf5`` and so on out of it.

        Args:
            path: The name.
            layers: What the one layer is, ``average`` (which that program calls -1) or a number, where it is one.
        """
        if self.layout != "manylangs":
            return [path]
        prefix, ending = (path.stem, path.suffix) if path.suffix in (".hdf5", ".h5") else (path.name, ".hdf5")
        names = range(self.layers) if self.layers is not None else [{"average": -1}.get(layers, layers or 0)]
        return [path.with_name(f"{prefix}.ly{name}{ending}") for name in names]

    def attributes(self, given: Mapping[str, Any]) -> dict[str, str | int | float]:
        """What a file says of itself: what was given, and its form."""
        form: dict[str, str | int | float] = {
            "format_version": FORMAT_VERSION,
            "layout": self.layout,
            "dtype": self.dtype,
            "compression": self.compression or "none",
            "width": self.width,
        }
        if self.sentence_keys:
            form["keys"] = "sentences"
        elif self.identifiers and self.layout == "allennlp":
            form["keys"] = "identifiers"
        return {**given, **form}

    def estimate(self, sentences: int, tokens: int, text_bytes: int) -> int:
        """Bytes of disk that it takes at most while it is written, compression aside.

        Args:
            sentences: How many.
            tokens: Of all of them.
            text_bytes: Of all of them, in UTF-8.
        """
        vectors = tokens * self.token_bytes
        text = 0 if self.forget_sentences and self.layout != "flat" else text_bytes
        beside = sentences * _PER_SENTENCE[self.layout] * self.streams + 3 * text + _FIXED * self.streams
        if self.layout == "flat":
            beside += tokens * _PER_TOKEN
        # The journal's text and index, and all of it twice where the file is made from it at the end.
        beside += sentences * 64 + 2 * text + (vectors + tokens * 4 if self.format == "parquet" else 0)
        return vectors + beside


def check_space(path: Path, needed: int, *, written: int = 0) -> int:
    """Refuses work for which the disk has no room.

    Args:
        path: Where the file shall appear.
        needed: Bytes that it will take, from :meth:`FeatureForm.estimate`.
        written: Bytes of it that are there already.

    Returns:
        Bytes that are free there.

    Raises:
        OutputError: They are fewer.
    """
    place = next((parent for parent in path.absolute().parents if parent.exists()), Path.cwd())
    free = shutil.disk_usage(place).free
    if needed - written > free:
        raise OutputError(
            f"{path}: expected room for {needed - written:,} bytes, found {free:,} free",
            hint="free space, or make it smaller: --dtype float16, --layers average, --compression gzip",
        )
    return free


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What was written."""

    paths: tuple[Path, ...]
    """Its files, one but for ``manylangs``."""
    sentences: int
    tokens: int
    file_bytes: int
    """Of all files together."""
    left_out: int = 0
    """Sentences whose key was there already."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
