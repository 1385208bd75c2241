"""Every setting: frozen dataclasses, presets, and their JSON and TOML forms.

A section reports all its problems at once. A constructor elsewhere takes its own section, never the whole tree.
Settings are found in this order: flag, ``--set``, ``--config``, preset.
"""

import difflib
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from elmo_cli.errors import ConfigError

Section = TypeVar("Section")


def _require(section: str, *checks: tuple[bool, str]) -> None:
    problems = [problem for holds, problem in checks if not holds]
    if problems:
        raise ConfigError("; ".join(f"{section}.{problem}" for problem in problems))


@dataclass(frozen=True, kw_only=True)
class CharCnnConfig:
    """The character convolutions that turn a word's spelling into its vector."""

    embedding_dim: int = 16
    """C: width of one character's embedding."""
    filters: tuple[tuple[int, int], ...] = ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024))
    """(width in characters, how many) per convolution; the counts sum to F."""
    highways: int = 2
    """Highway layers between the convolutions and the projection."""
    activation: str = "relu"
    """``relu`` or ``tanh``, applied after the maximum over positions."""
    max_characters: int = 50
    """W: character ids per word; two of them mark its begin and end, so W - 2 bytes of the spelling are seen."""

    def __post_init__(self) -> None:
        _require(
            "model.char_cnn",
            (self.embedding_dim >= 1, f"embedding_dim must be at least 1, not {self.embedding_dim}"),
            (len(self.filters) >= 1, "filters must name at least one [width, count]"),
            (
                all(1 <= width <= self.max_characters and count >= 1 for width, count in self.filters),
                f"filters must be [width, count] with widths from 1 to {self.max_characters}: {list(self.filters)}",
            ),
            (self.highways >= 0, f"highways must not be negative: {self.highways}"),
            (self.activation in ("relu", "tanh"), f"activation must be relu or tanh, not {self.activation!r}"),
            (self.max_characters >= 3, f"max_characters must be at least 3, not {self.max_characters}"),
        )

    @property
    def total_filters(self) -> int:
        """F: the width of the concatenated convolutions."""
        return sum(count for _, count in self.filters)


@dataclass(frozen=True, kw_only=True)
class LstmConfig:
    """The LSTM layers of each direction."""

    cell_dim: int = 4096
    """H: width of the memory cell."""
    projection_dim: int = 512
    """D: width of one direction's output, and of the token vectors that go in. Equal to ``cell_dim``: no projection."""
    layers: int = 2
    """LSTM layers per direction; an ELMo has one layer of vectors more, the tokens' own."""
    cell_clip: float | None = 3.0
    """Bound on the memory cell after every step; None for no bound."""
    projection_clip: float | None = 3.0
    """Bound on the projected output; None for no bound. Without a projection it has no effect, as in bilm-tf."""
    residual: bool = True
    """Whether layers from the second on add their input to their output (``use_skip_connections``)."""

    def __post_init__(self) -> None:
        _require(
            "model.lstm",
            (self.cell_dim >= 1, f"cell_dim must be at least 1, not {self.cell_dim}"),
            (
                1 <= self.projection_dim <= self.cell_dim,
                f"projection_dim must be from 1 to cell_dim ({self.cell_dim}), not {self.projection_dim}",
            ),
            (self.layers >= 1, f"layers must be at least 1, not {self.layers}"),
            (self.cell_clip is None or self.cell_clip > 0, f"cell_clip must be above 0 or null, not {self.cell_clip}"),
            (
                self.projection_clip is None or self.projection_clip > 0,
                f"projection_clip must be above 0 or null, not {self.projection_clip}",
            ),
        )

    @property
    def projected(self) -> bool:
        """Whether there is a projection at all."""
        return self.projection_dim < self.cell_dim


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The whole network, softmax aside: its classes are the vocabulary."""

    char_cnn: CharCnnConfig | None = field(default_factory=CharCnnConfig)
    """None: word ids look up their vectors in a table, and out-of-vocabulary words share the one of ``<UNK>``."""
    lstm: LstmConfig = field(default_factory=LstmConfig)
    share_embedding_softmax: bool = False
    """Whether the word table is also the softmax's weights; only without ``char_cnn``."""

    def __post_init__(self) -> None:
        cnn = self.char_cnn
        _require(
            "model",
            (
                cnn is None or cnn.total_filters >= self.lstm.projection_dim,
                f"char_cnn.filters sum to {cnn.total_filters if cnn else 0}, which must be at least "
                f"lstm.projection_dim ({self.lstm.projection_dim})",
            ),
            (
                cnn is None or not self.share_embedding_softmax,
                "share_embedding_softmax needs a word table; set char_cnn to null for one",
            ),
        )

    @property
    def vector_dim(self) -> int:
        """E: width of an ELMo vector, both directions side by side."""
        return 2 * self.lstm.projection_dim

    @property
    def vector_layers(self) -> int:
        """L: layers that ELMo mixes, the token layer included."""
        return self.lstm.layers + 1


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """How raw text becomes tokens; recorded in the model, so that ``eval`` and ``embed`` repeat it."""

    tokenizer: str = "words"
    """``words`` splits raw text into sentences and words, ``whitespace`` cuts a line (one sentence) at spaces."""
    language: str = "en"
    """ISO 639 code whose sentence rules ``words`` uses."""
    decode_errors: str = "strict"
    """What to do with bytes that are not UTF-8: ``strict`` stops with file and line, ``replace`` puts U+FFFD."""

    def __post_init__(self) -> None:
        _require(
            "text",
            (self.tokenizer in ("words", "whitespace"), f"tokenizer must be words or whitespace: {self.tokenizer!r}"),
            (
                self.decode_errors in ("strict", "replace"),
                f"decode_errors must be strict or replace: {self.decode_errors!r}",
            ),
            (self.language.isascii() and self.language != "", f"language must be an ISO 639 code: {self.language!r}"),
        )


@dataclass(frozen=True, kw_only=True)
class VocabularyConfig:
    """Which words become classes of the softmax."""

    size: int = 800_000
    """V at most, the three special tokens included."""
    min_count: int = 2
    """Words seen less often become ``<UNK>`` as a target; at the input they are still spelled from their bytes."""

    def __post_init__(self) -> None:
        _require(
            "vocabulary",
            (self.size >= 4, f"size must be at least 4 (three specials and a word), not {self.size}"),
            (self.min_count >= 1, f"min_count must be at least 1, not {self.min_count}"),
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One pretraining run. Learning rate, accumulators, clip and window belong together: see ARCHITECTURE.md, Loss."""

    rows: int = 128
    """B: stretches of the corpus read side by side in every step."""
    window: int = 20
    """T: positions per row and step; gradients stop at its edges, the state goes on."""
    negatives: int = 8192
    """K: classes sampled per step. A vocabulary no larger than this is trained with the full softmax instead."""
    learning_rate: float = 0.2
    """Adagrad's rate."""
    warmup_steps: int = 0
    """Steps over which the rate rises linearly to its value. Adagrad, whose steps shrink by themselves, learned better
    without (benchmarks/README.md)."""
    initial_accumulator: float = 1.0
    """Where Adagrad's sums of squared gradients start."""
    clip_norm: float = 10.0
    """Bound on the global norm of the gradient of (mean loss x window)."""
    dropout: float = 0.1
    """Share of units dropped at every LSTM layer's input and before the softmax."""
    reset_probability: float = 0.1
    """Chance that a sentence starts from zero state in training. 0 is the reference's recipe: starts from zero are
    then unlike anything seen in training, and vectors and perplexities of lone sentences suffer."""
    softmax_bias: str = "unigram"
    """Where the softmax bias starts: ``unigram``, the log frequencies, or ``zero``, the reference's recipe: training
    then starts from a uniform guess over the vocabulary and overshoots before it finds the frequencies."""
    epochs: float | None = None
    """Length of the run in passes over the training text."""
    steps: int | None = None
    """Length of the run in steps; at most one of ``epochs`` and ``steps`` may be set. Neither: 10 epochs."""
    evaluate_every: int | None = None
    """Steps between held-out perplexities; None: ten times over the run."""
    checkpoint_every: int | None = None
    """Steps between checkpoints; None: at every held-out perplexity."""
    keep: int = 2
    """How many of the newest checkpoints stay on disk; the best one stays besides."""
    held_out: float | None = None
    """Share of the sentences held out for validation when no validation text is given. None: 2 %, and more of a small
    text, so that about 5,000 words are held out; at most 10 %."""
    seed: int = 1
    """Decides initial weights, shuffles, dropout and negatives."""

    def __post_init__(self) -> None:
        _require(
            "train",
            (self.rows >= 1, f"rows must be at least 1, not {self.rows}"),
            (self.window >= 1, f"window must be at least 1, not {self.window}"),
            (self.negatives >= 1, f"negatives must be at least 1, not {self.negatives}"),
            (self.learning_rate > 0, f"learning_rate must be above 0, not {self.learning_rate}"),
            (self.warmup_steps >= 0, f"warmup_steps must not be negative: {self.warmup_steps}"),
            (self.initial_accumulator > 0, f"initial_accumulator must be above 0, not {self.initial_accumulator}"),
            (self.clip_norm > 0, f"clip_norm must be above 0, not {self.clip_norm}"),
            (0 <= self.dropout < 1, f"dropout must be from 0 to below 1, not {self.dropout}"),
            (0 <= self.reset_probability <= 1, f"reset_probability must be from 0 to 1, not {self.reset_probability}"),
            (self.softmax_bias in ("unigram", "zero"), f"softmax_bias must be unigram or zero: {self.softmax_bias!r}"),
            (self.epochs is None or self.steps is None, "epochs and steps exclude each other: set one"),
            (self.epochs is None or self.epochs > 0, f"epochs must be above 0, not {self.epochs}"),
            (self.steps is None or self.steps >= 1, f"steps must be at least 1, not {self.steps}"),
            (
                self.evaluate_every is None or self.evaluate_every >= 1,
                f"evaluate_every must be at least 1, not {self.evaluate_every}",
            ),
            (
                self.checkpoint_every is None or self.checkpoint_every >= 1,
                f"checkpoint_every must be at least 1, not {self.checkpoint_every}",
            ),
            (self.keep >= 1, f"keep must be at least 1, not {self.keep}"),
            (
                self.held_out is None or 0 < self.held_out < 0.5,
                f"held_out must be a share above 0 and below 0.5, not {self.held_out}",
            ),
            (0 <= self.seed < 2**63, f"seed must be from 0 to 2^63 - 1, not {self.seed}"),
        )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides what a pretraining run computes."""

    model: ModelConfig = field(default_factory=ModelConfig)
    text: TextConfig = field(default_factory=TextConfig)
    vocabulary: VocabularyConfig = field(default_factory=VocabularyConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


TINY = RunConfig(
    model=ModelConfig(
        char_cnn=CharCnnConfig(filters=((1, 32), (2, 32), (3, 64), (4, 128)), highways=1),
        lstm=LstmConfig(cell_dim=256, projection_dim=64),
    ),
    train=TrainConfig(rows=16, negatives=1024),
)
"""For tests and a first run: see README for time and perplexity of ``make demo``."""

COMPACT = RunConfig(
    model=ModelConfig(
        char_cnn=CharCnnConfig(filters=((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512)), highways=1),
        lstm=LstmConfig(cell_dim=256, projection_dim=64),
    ),
    train=TrainConfig(rows=32, negatives=1024),
)
"""A model that two CPU cores train on a million words in minutes; benchmarks/README.md has its figures."""

SMALL = RunConfig(
    model=ModelConfig(char_cnn=CharCnnConfig(highways=1), lstm=LstmConfig(cell_dim=1024, projection_dim=128)),
    train=TrainConfig(rows=64),
)
"""The published small model, 2x1024_128_2048cnn_1xhighway: 13.6 million parameters without softmax."""

MEDIUM = RunConfig(
    model=ModelConfig(char_cnn=CharCnnConfig(highways=1), lstm=LstmConfig(cell_dim=2048, projection_dim=256)),
)
"""The published medium model, 2x2048_256_2048cnn_1xhighway: 28.0 million parameters without softmax."""

ORIGINAL = RunConfig()
"""The published model, 2x4096_512_2048cnn_2xhighway: 93.6 million parameters without softmax."""

PRESETS: Mapping[str, RunConfig] = {
    "tiny": TINY,
    "compact": COMPACT,
    "small": SMALL,
    "medium": MEDIUM,
    "original": ORIGINAL,
}

REFERENCE_RECIPE: Mapping[str, Any] = {"warmup_steps": 0, "reset_probability": 0.0, "softmax_bias": "zero"}
"""What makes a run train exactly as bilm-tf does; every preset has a twin with it, such as ``original-bilm-tf``."""


def preset(name: str) -> RunConfig:
    """The preset of that name; ``NAME-bilm-tf`` is the same with the reference's exact training recipe.

    Raises:
        ConfigError: There is none; the message lists them.
    """
    base = name.removesuffix("-bilm-tf")
    if base not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        raise ConfigError(
            f"preset {name!r} does not exist; there are {', '.join(PRESETS)}, and each with the ending -bilm-tf",
            hint=f"did you mean --preset {near[0]}?" if near else "choose one of them with --preset",
        )
    config = PRESETS[base]
    if base == name:
        return config
    return replace(config, train=replace(config.train, **REFERENCE_RECIPE))


def to_dict(config: Any) -> dict[str, Any]:
    """A section as plain dictionaries, lists and numbers, ready for JSON."""
    return json.loads(json.dumps(asdict(config)))


def from_dict(section: type[Section], values: Mapping[str, Any], *, where: str) -> Section:
    """The inverse of :func:`to_dict`. Absent keys keep their defaults.

    Args:
        where: Names the source in messages: a file, or ``--set``.

    Raises:
        ConfigError: A key is unknown (the nearest known one is suggested), or a value does not fit.
    """
    return _build(section, None, values, where=where, path="")


def override(config: Section, values: Mapping[str, Any], *, where: str) -> Section:
    """``config`` with the nested ``values`` laid over it.

    Raises:
        ConfigError: As :func:`from_dict`.
    """
    return _build(type(config), config, values, where=where, path="")


def read_toml(path: Path) -> dict[str, Any]:
    """The nested values of a TOML file, for :func:`override`.

    Raises:
        ConfigError: The file is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such configuration file", hint="check the path given to --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}", hint="for example: train.steps = 500") from error


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Nested values from ``section.key=value`` words, values read as TOML (``train.steps=100``, ``lstm.cell_clip=3``).

    Raises:
        ConfigError: A word has no ``=``.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"--set {assignment}: expected section.key=value", hint="for example --set train.learning_rate=0.1"
            )
        *parents, leaf = key.strip().split(".")
        inner = values
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"--set {assignment}: {parent} was already given a value of its own")
        inner[leaf] = _read_value(text.strip())
    return values


def _read_value(text: str) -> Any:
    if text in ("null", "none", "None"):
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word, such as train.softmax_bias=zero


def _build(section: type[Section], base: Any, values: Mapping[str, Any], *, where: str, path: str) -> Section:
    if not isinstance(values, Mapping):
        place = path.rstrip(".") or "the configuration"
        raise ConfigError(f"{where}: {place} must be a table of settings, not {values!r}")
    hints = typing.get_type_hints(section)
    known = {entry.name for entry in fields(section)}  # type: ignore[arg-type]
    arguments = {name: getattr(base, name) for name in known} if base is not None else {}
    for key, value in values.items():
        place = f"{path}{key}"
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise ConfigError(
                f"{where}: unknown setting {place}",
                hint=f"did you mean {path}{near[0]}?" if near else f"known here: {', '.join(sorted(known))}",
            )
        arguments[key] = _convert(hints[key], arguments.get(key), value, where=where, path=place)
    try:
        return section(**arguments)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error


def _convert(expected: Any, base: Any, value: Any, *, where: str, path: str) -> Any:
    choices = typing.get_args(expected) if isinstance(expected, types.UnionType) else (expected,)
    if value is None and type(None) in choices:
        return None
    for choice in choices:
        if is_dataclass(choice) and isinstance(choice, type):
            return _build(choice, base, value, where=where, path=f"{path}.")
        if typing.get_origin(choice) is tuple and isinstance(value, list | tuple):
            if all(isinstance(item, list | tuple) and len(item) == 2 for item in value):
                return tuple((int(width), int(count)) for width, count in value)
        elif choice is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif choice in (int, str, bool) and type(value) is choice:
            return value
    names = " or ".join("null" if choice is type(None) else _type_name(choice) for choice in choices)
    raise ConfigError(f"{where}: {path} must be {names}, not {value!r}")


def _type_name(choice: Any) -> str:
    names: dict[Any, str] = {int: "a whole number", float: "a number", str: "a word", bool: "true or false"}
    return names.get(choice, "a list of [width, count]")
