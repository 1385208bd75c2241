"""What is made of models and files, and what is found in them."""

from dataclasses import dataclass
from typing import Any

from elmo_cli.flows.reports import Result


@dataclass(frozen=True, kw_only=True)
class EmbedResult(Result):
    """What ``elmo embed`` wrote."""

    path: str
    """The file; with layout ``manylangs`` the files, with commas between them."""
    sentences: int
    """Arrays in it."""
    tokens: int
    """Words of all lines."""
    shape: str
    """Shape of one sentence's array, n standing for its tokens: ``(3, n, 1024)``."""
    state: str
    """State policy: ``warm``, ``zero`` or ``carry``."""
    precision: str = "fp32"
    """Of matrix products."""
    blank_lines: int
    layout: str
    format: str
    file_bytes: int
    """Of all files."""
    left_out: int
    """Sentences whose key was there already."""
    seconds: float
    tokens_per_second: float


@dataclass(frozen=True, kw_only=True)
class InfoResult(Result):
    """What ``elmo info`` found at a path."""

    path: str
    kind: str
    """``model``, ``run``, ``prepared corpus``, ``corpus store``, ``vocabulary`` or ``features``."""
    figures: dict[str, Any]
    """Name of each figure, in reading order, with its value."""


@dataclass(frozen=True, kw_only=True)
class ReportResult(Result):
    """The page that ``elmo report`` wrote."""

    path: str
    """What the page is about."""
    kind: str
    """What that is: ``prepared corpus``, ``corpus store``, ``run`` or ``runs``."""
    out: str
    """Where the page is."""
    bytes: int
    """Its size."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ExportResult(Result):
    """What ``elmo export`` wrote."""

    path: str
    container: str
    """``hdf5``, ``nlpl``, ``safetensors`` or ``word2vec``."""
    files: list[str]
    """Names of what was written, sorted; members of the archive for ``nlpl``."""
    bytes: int
    """Size of all of it on the disk."""
    parameters: int | None
    """Numbers in the model's weights, softmax left out; None for ``word2vec``."""
    softmax: bool
    """Whether the softmax is in it."""
    words: int | None
    """Vectors written, one a word, for ``word2vec``; else None."""
    width: int | None
    """D: numbers in each of these vectors; else None."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Problem(Result):
    """One thing that is wrong with a model."""

    file: str
    problem: str
    """What was expected and what was found, the dataset, setting or line first."""


@dataclass(frozen=True, kw_only=True)
class VerifyResult(Result):
    """What ``elmo verify`` found wrong; nothing, where all is well."""

    path: str
    sound: bool
    """Whether there is no problem and everything could be checked."""
    problems: list[Problem]
    """All of them, file after file."""
    checked: list[str]
    """Files that were looked into."""
    not_checked: list[str]
    """Files that could not be, because what they depend on is not sound."""
